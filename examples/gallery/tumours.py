"""
Tumours: shipping as SQL, C and ONNX
====================================

A booster is frozen, as if somebody else had fitted it. Its student is a logistic regression, or a tree where that is
better, and answers in the database.
"""

# %%
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

from stepdown import MultihopClassifier, ship

data = load_breast_cancer(as_frame=True)
names = dict(zip(data.data, (name.replace(" ", "_") for name in data.data), strict=True))
X, y = data.data.rename(columns=names), data.target_names[data.target]
X, X_new, y, y_new = train_test_split(X, y, test_size=200, stratify=y, random_state=0)
X_booster, X, y_booster, y = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
booster = FrozenEstimator(HistGradientBoostingClassifier(random_state=0).fit(X_booster, y_booster))

# %%
# One tree of depth 3 from the booster
# ------------------------------------
clf = MultihopClassifier(booster, DecisionTreeClassifier(max_depth=3), random_state=0).fit(X, y)
print(clf.comparison_)
print(f"on {len(y_new)} further rows: booster {booster.score(X_new, y_new):.1%}, student {clf.score(X_new, y_new):.1%}")
print(ship.rules(clf.student_))

# %%
# In the database
# ---------------
# The query reads the table's own columns, and answers each row as the student does.
import sqlite3

query = ship.to_sql(clf.student_, table="tumours")
print(query[:400], "...", sep="\n")

connection = sqlite3.connect(":memory:")
X_new.to_sql("tumours", connection, index=False)
answers = [row[0] for row in connection.execute(query)]
print(f"{sum(a == b for a, b in zip(answers, clf.predict(X_new), strict=True))} of {len(answers)} answers are the same")
connection.close()

# %%
# In C
# ----
print(ship.to_c(clf.student_, name="tumour")[:600], "...", sep="\n")

# %%
# As ONNX
# -------
made = ship.to_onnx(clf.student_)
print(f"{len(made.SerializeToString()):,} bytes; inputs: {', '.join(one.name for one in made.graph.input)}")
