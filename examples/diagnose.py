"""What to try first, for the same digits in five situations.

Run it with:  python examples/diagnose.py
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

from stepdown import diagnose


def with_noise(y, fraction=0.2, seed=0):
    """A fifth of the labels replaced by another class, drawn evenly."""
    rng, classes = np.random.default_rng(seed), np.unique(y)
    index = np.searchsorted(classes, y)
    rows = rng.choice(len(y), round(fraction * len(y)), replace=False)
    index[rows] = (index[rows] + rng.integers(1, len(classes), len(rows))) % len(classes)
    return classes[index]


def main() -> None:
    X, y = load_digits(return_X_y=True)
    X, pool, y, _ = train_test_split(X, y, train_size=300, stratify=y, random_state=0)
    noisy = with_noise(y)
    forest, tree = RandomForestClassifier(100, random_state=0), DecisionTreeClassifier(max_depth=4)
    booster = GradientBoostingClassifier(n_estimators=50, max_features="sqrt", random_state=0)
    memoriser = FrozenEstimator(forest.fit(X, noisy))

    situations = {
        "a forest and clean labels": diagnose(forest, tree, X, y, random_state=0),
        "a linear student": diagnose(forest, LogisticRegression(max_iter=3000), X, y, random_state=0),
        "a booster and noisy labels": diagnose(booster, tree, X, noisy, random_state=0),
        "a frozen forest that has learned them by heart": diagnose(memoriser, tree, X, noisy, random_state=0),
        "the same, and 40 questions": diagnose(
            memoriser, tree, X, noisy, X_unlabeled=pool, query_budget=40, random_state=0
        ),
    }
    for situation, found in situations.items():
        print(f"{situation}: {', '.join(row['name'] for row in found.recommendations if row['role'] != 'also')}")
    print(f"\nThe last in full:\n\n{found}")


if __name__ == "__main__":
    main()
