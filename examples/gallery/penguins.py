"""
Penguins: a table with gaps and categories
==========================================

344 penguins of three species, with measurements, islands and gaps, as they come out of a CSV file. A forest knows them
well; what ships is a tree of a few rules in the units of the table.
"""

# %%
# The table, as it is
# -------------------
from importlib.resources import files

import pandas as pd

table = pd.read_csv(files("palmerpenguins") / "data" / "penguins.csv").drop(columns="year")
print(table.sample(5, random_state=0))
X, y = table.drop(columns="species"), table["species"]
print(X.isna().sum())

# %%
# Columns that people understand
# ------------------------------
# ``TableColumns`` reads raw columns: categories are asked by their values, and a gap is a mark of its own.
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from stepdown import MultihopClassifier, ship

chain = MultihopClassifier(RandomForestClassifier(200), DecisionTreeClassifier(max_depth=3), random_state=0)
model = make_pipeline(ship.TableColumns(), chain).fit(X, y)
print(*model[0].notes(), sep="\n")

# %%
# The student
# -----------
print(ship.rules(make_pipeline(model[0], model[-1].student_)))

# %%
# Did it need the forest?
# -----------------------
# Outer folds that chose nothing say so.
from stepdown import compare

print(compare(model, X, y, cv=3))
