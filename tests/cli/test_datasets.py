import numpy as np
import pytest

from made import axis_rules, label_noise, mixed_table
from stepdown.cli import _datasets as datasets


@pytest.mark.parametrize("name", ["breast_cancer", "diabetes", "digits", "iris", "wine"])
def test_real_sets_fit_together(name):
    X, y, names = getattr(datasets, name)()
    assert X.shape == (len(y), len(names))
    assert all(type(column) is str for column in names)
    assert np.isfinite(X).all()
    shapes = {
        "breast_cancer": (569, 30),
        "diabetes": (442, 10),
        "digits": (1797, 64),
        "iris": (150, 4),
        "wine": (178, 13),
    }
    assert X.shape == shapes[name]
    assert (y.dtype.kind == "U") == (name in ("breast_cancer", "iris", "wine"))


def test_labels_are_the_right_words():
    # 212 malignant, 357 benign, as the data's description says.
    assert np.unique(datasets.breast_cancer().y, return_counts=True)[1].tolist() == [357, 212]


@pytest.mark.parametrize("y", [np.arange(300) % 3, np.array(["a", "bb", "ccc"] * 100), np.arange(300) % 2 == 0])
def test_noise_changes_exactly_its_share(y):
    before = y.copy()
    noisy = label_noise(y, 0.2, seed=1)
    assert (noisy != y).sum() == 60
    assert noisy.dtype == y.dtype
    assert set(noisy.tolist()) == set(y.tolist())
    assert np.array_equal(y, before)
    assert np.array_equal(noisy, label_noise(y, 0.2, seed=1))
    assert not np.array_equal(noisy, label_noise(y, 0.2, seed=2))


def test_noise_draws_evenly_from_the_other_classes():
    noisy = label_noise([*np.zeros(3000, dtype=int).tolist(), 1, 2, 3], 1.0, seed=0)[:3000]
    assert np.bincount(noisy, minlength=4)[0] == 0
    assert np.bincount(noisy, minlength=4)[1:].min() > 900


def test_noise_refuses():
    with pytest.raises(ValueError, match=r"from 0 to 1"):
        label_noise([0, 1], 1.5)
    with pytest.raises(ValueError, match="two classes"):
        label_noise([1, 1], 0.5)


def test_rules_are_rules():
    from sklearn.tree import DecisionTreeClassifier

    X, y = axis_rules(2000, 3, depth=2, seed=3)
    assert np.array_equal(X, axis_rules(2000, 3, depth=2, seed=3)[0])
    assert DecisionTreeClassifier(random_state=0).fit(X[:1000], y[:1000]).score(X[1000:], y[1000:]) > 0.97
    assert set(axis_rules(50, depth=0, seed=0)[1].tolist()) == {0}


def test_table_has_everything_that_tables_have():
    table = mixed_table(400, seed=0)
    assert {len(column) for column in table.values()} == {400}
    assert 10 < sum(value is None for value in table["income"]) < 80
    assert set(table["churn"]) == {"yes", "no"}
    assert table == mixed_table(400, seed=0)
