"""A classifier behind an interface with a label budget of 60 rows, 600 rows without a label, and a small tree.

Its answers are on the disk before the next call: the second run of this script makes no queries.
"""

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from stepdown import Fixed, MultihopClassifier, Queried

X, y = load_digits(return_X_y=True)
BEHIND_THE_INTERFACE = RandomForestClassifier(300, random_state=0).fit(X[:800], y[:800])
POOL, X_TEST, Y_TEST = X[800:1400], X[1400:], y[1400:]


def api(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Stands for a call over the network; probabilities of shape (n_rows, 10)."""
    print(f"  queried for {len(rows)} rows")
    return BEHIND_THE_INTERFACE.predict_proba(rows)


def main() -> None:
    store = Path(tempfile.gettempdir()) / "stepdown_answers.jsonl"
    teacher = Queried(api, budget=60, store=store, classes=np.arange(10), batch_size=20)
    for way in ("plain", "labels", "one-hop", "multihop"):
        clf = MultihopClassifier(teacher, DecisionTreeClassifier(max_depth=5), search=Fixed(way), random_state=0)
        clf.fit(POOL)  # no labels: the teacher is their only source
        print(f"{way:<18} {clf.score(X_TEST, Y_TEST):.3f}   ({teacher.n_queried} rows queried so far)")
    print(f"answers: {store}")


if __name__ == "__main__":
    main()
