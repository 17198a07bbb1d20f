import numpy as np
from sklearn.tree import DecisionTreeClassifier

from stepdown.methods import NoTransfer
from stepdown.trainers import PlainFit


def test_the_data_are_handed_on_as_they_are(six_rows):
    assert NoTransfer().supervise([], DecisionTreeClassifier(), six_rows) is six_rows


def test_teachers_arent_asked(six_rows):
    taught = NoTransfer().transfer([object()], DecisionTreeClassifier(random_state=0), six_rows, seed=1)
    plain = PlainFit().fit(DecisionTreeClassifier(random_state=0), six_rows, seed=1)
    np.testing.assert_array_equal(taught.predict_proba(six_rows.X), plain.predict_proba(six_rows.X))
