"""A fitted forest that has memorised wrong labels, and a small tree: when a second hop pays.

The forest can't be trained again. On its own rows it repeats the labels, wrong ones included. A bridge of bagged trees
learns labels and forest, and what it says *out of bag* is better than either.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

from stepdown import Fixed, MultihopClassifier


def with_noise(y, fraction=0.2, seed=0):
    """A fifth of the labels replaced by another class, drawn evenly."""
    rng, classes = np.random.default_rng(seed), np.unique(y)
    index = np.searchsorted(classes, y)
    rows = rng.choice(len(y), round(fraction * len(y)), replace=False)
    index[rows] = (index[rows] + rng.integers(1, len(classes), len(rows))) % len(classes)
    return classes[index]


def main() -> None:
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=400, stratify=y, random_state=0)
    noisy = with_noise(y_train)
    forest = FrozenEstimator(RandomForestClassifier(100, random_state=0).fit(X_train, noisy))
    tree = DecisionTreeClassifier(max_depth=5)
    for way in ("plain", "labels", "one-hop", "multihop", "control"):
        students = [
            MultihopClassifier(forest, tree, search=Fixed(way), random_state=seed).fit(X_train, noisy)
            for seed in range(3)
        ]
        scores = [student.score(X_test, y_test) for student in students]
        print(f"{way:<18} {np.mean(scores):.3f}   (three seeds: {', '.join(f'{score:.3f}' for score in scores)})")


if __name__ == "__main__":
    main()
