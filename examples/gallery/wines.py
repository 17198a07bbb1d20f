"""
Wines: which way to try first
=============================

Before anything is distilled, ``diagnose`` looks at teacher, student and rows, and says what to try first. Here a fifth
of the labels is wrong, and the teacher was fitted to them.
"""

# %%
import numpy as np
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.tree import DecisionTreeClassifier

from stepdown import MultihopClassifier, diagnose

X, y = load_wine(return_X_y=True, as_frame=True)
rng = np.random.default_rng(0)
wrong = rng.random(len(y)) < 0.2
noisy = np.where(wrong, (y + rng.integers(1, 3, len(y))) % 3, y)
seen = rng.permutation(len(y))[:120]
later = np.setdiff1d(np.arange(len(y)), seen)

teacher = FrozenEstimator(RandomForestClassifier(200, random_state=0).fit(X.iloc[seen], noisy[seen]))
tree = DecisionTreeClassifier(max_depth=3, random_state=0)

# %%
# What to try
# -----------
found = diagnose(teacher, tree, X.iloc[seen], noisy[seen], random_state=0)
print(found)

# %%
# Trying it
# ---------
clf = MultihopClassifier(teacher, tree, random_state=0).fit(X.iloc[seen], noisy[seen])
plain = tree.fit(X.iloc[seen], noisy[seen])
print(clf.chain_)
X_later, y_later = X.iloc[later], y.iloc[later]
for name, model in (("plain", plain), ("student", clf), ("teacher", teacher)):
    print(f"{name}: {model.score(X_later, y_later):.1%} of the true labels of {len(later)} further rows")
