"""The demonstration, in two epochs: all networks are there, and the words follow from the numbers."""

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.datasets import load_digits

from stepdown.cli import _nn_demo
from stepdown.core import InvalidInputError

NAMES = ["teacher", "auxiliary", "student alone", "student by KD", "student by PKT", "student by information flow"]


@pytest.fixture(scope="module")
def found():
    told = []
    with parallel_config(backend="sequential"):
        return _nn_demo.run_nn_demo(seed=1, repeats=2, tell=told.append, epochs=2), told


def test_every_network_is_scored(found):
    scores, told = found
    assert list(scores.parameters) == NAMES
    assert scores.parameters["teacher"] > scores.parameters["auxiliary"] > scores.parameters["student alone"]
    assert len({scores.parameters[name] for name in NAMES[2:]}) == 1
    for name in NAMES:
        for values in (scores.retrieval[name], scores.accuracy[name]):
            assert len(values) == 2
            assert np.all((np.array(values) > 0.05) & (np.array(values) <= 1))
    assert told == ["training 2 times teacher, auxiliary and students, 2 epochs each", "1 of 2 done", "2 of 2 done"]
    assert scores.retrieval["teacher"][0] != scores.retrieval["teacher"][1]  # seeds of their own


def test_the_words_follow_from_the_numbers(found):
    scores, _ = found
    gain = 100 * (np.mean(scores.retrieval["student by PKT"]) - np.mean(scores.retrieval["student alone"]))
    assert f"PKT {gain:+.1f}" in scores.sentences()
    assert f"{100 * np.mean(scores.accuracy['teacher']):.1f} ±" in str(scores)
    assert len(str(scores).splitlines()) == 1 + len(NAMES)


def test_the_halves_have_no_row_in_common_and_are_always_the_same():
    (train, test), (again, _) = _nn_demo.digits(), _nn_demo.digits()
    both = np.concatenate([train.X, test.X]).reshape(1797, 64)
    assert np.array_equal(np.unique(both, axis=0), np.unique(load_digits().data.astype(np.uint8), axis=0))
    assert np.array_equal(train.X, again.X)
    assert set(np.bincount(test.y)) <= set(range(80, 100))


def test_it_repeats_at_least_once():
    with pytest.raises(InvalidInputError, match="repeats=0"):
        _nn_demo.run_nn_demo(repeats=0)
