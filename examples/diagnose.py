"""What to try first, for the same digits in five situations.

Run it with:  python examples/diagnose.py
"""

from sklearn.datasets import load_digits
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

from stepdown import diagnose
from stepdown.datasets import label_noise


def main() -> None:
    X, y = load_digits(return_X_y=True)
    X, pool, y, _ = train_test_split(X, y, train_size=300, stratify=y, random_state=0)
    noisy = label_noise(y, 0.2, seed=0)
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
