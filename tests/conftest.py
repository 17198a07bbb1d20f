import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine


@pytest.fixture(scope="session")
def wine():
    return load_wine(return_X_y=True)


@pytest.fixture(scope="session")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return X[:300], y[:300]


@pytest.fixture(scope="session")
def diabetes():
    return load_diabetes(return_X_y=True)


@pytest.fixture(scope="session")
def noisy():
    """Two moons of which a fifth of the labels is wrong, and clean test rows."""
    from sklearn.datasets import make_moons

    X, y = make_moons(600, noise=0.25, random_state=0)
    rng = np.random.default_rng(0)
    flipped = np.where(rng.random(300) < 0.2, 1 - y[:300], y[:300])
    return X[:300], flipped, X[300:], y[300:]
