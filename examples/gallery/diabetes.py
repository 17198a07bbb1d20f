"""
Diabetes: three trees for a number
==================================

442 patients and the progression of the disease a year later. The student is a forest of three trees of depth 3; the
verdict is on a hold-out.
"""

# %%
from sklearn.datasets import load_diabetes
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.model_selection import train_test_split

from stepdown import MultihopRegressor, compare, ship

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X, X_test, y, y_test = train_test_split(X, y, test_size=150, random_state=0)

# %%
# The chain
# ---------
student = RandomForestRegressor(3, max_depth=3, random_state=0)
reg = MultihopRegressor(ExtraTreesRegressor(100, min_samples_leaf=3), student, random_state=0).fit(X, y)
print(reg.comparison_)
print(reg.chain_)

# %%
# The verdict on the hold-out
# ---------------------------
print(compare(reg, X, y, test=(X_test, y_test)))

# %%
# What it says
# ------------
print(ship.rules(reg.student_))
