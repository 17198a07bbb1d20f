"""What is made of a teacher's probabilities."""

import json
from pathlib import Path

import numpy as np
import pytest

from stepdown.core import InvalidInputError
from stepdown.methods import functional

VECTORS = Path(__file__).parents[1] / "vectors"
A2 = json.loads((VECTORS / "A2.json").read_text())["A2_logits"]
A3 = json.loads((VECTORS / "A3.json").read_text())["A3_hard"]
C1 = json.loads((VECTORS / "C1.json").read_text())["C1_takd"]


def test_centred_log_probabilities_vector():
    given, expected = A2[1]["inputs"], A2[1]["expected"]
    z = functional.centred_log_probabilities(given["P"], eps=given["eps"])
    np.testing.assert_allclose(z, expected["z"], atol=1e-12)
    np.testing.assert_allclose(functional.softmax(z), expected["softmax_of_z"], atol=1e-12)


def test_standardised_logits_vector_and_way_back():
    given, expected = A2[2]["inputs"], A2[2]["expected"]
    z, mean, deviation = functional.standardise_logits(given["z"])
    np.testing.assert_allclose(z, expected["z_norm"], atol=1e-12)
    np.testing.assert_allclose(mean, expected["mean"], atol=1e-12)
    np.testing.assert_allclose(deviation, expected["std_ddof0"], atol=1e-12)
    np.testing.assert_allclose(functional.restore_logits(z, mean, deviation), given["z"], atol=1e-12)


@pytest.mark.parametrize("vector", A3, ids=lambda vector: vector["name"])
def test_hard_label_vectors(vector):
    labels = functional.hard_labels(vector["inputs"]["P"], vector["inputs"]["classes"])
    assert labels.tolist() == vector["expected"]["labels"]


@pytest.mark.parametrize("vector", C1, ids=lambda vector: vector["name"])
def test_chain_path_vectors(vector):
    paths = functional.chain_paths(vector["inputs"]["sizes_desc"])
    assert paths == vector["expected"]["paths"]
    assert len(paths) == vector["expected"]["n_paths"]


def test_soften_is_the_softmax_of_log_probabilities():
    p = np.array([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]])
    for temperature in (0.05, 0.5, 3.0):
        expected = functional.softmax(np.log(np.maximum(p, 1e-6)), temperature)
        np.testing.assert_allclose(functional.soften(p, temperature), expected, atol=1e-12)


def test_soften_leaves_its_input_and_temperature_one_alone():
    p = np.array([[0.7, 0.3], [1.0, 0.0]])
    before = p.copy()
    functional.soften(p, 3.0)
    np.testing.assert_array_equal(p, before)
    np.testing.assert_array_equal(functional.soften(p, 1.0), p)


def test_higher_temperature_is_flatter():
    p = [[0.9, 0.1]]
    assert (
        functional.soften(p, 0.5)[0, 0] > 0.9 > functional.soften(p, 2.0)[0, 0] > functional.soften(p, 8.0)[0, 0] > 0.5
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: functional.soften([[0.7, 0.7]], 1.0), "sum to 1"),
        (lambda: functional.soften([[1.2, -0.2]], 1.0), "non-negative"),
        (lambda: functional.soften([[0.5, 0.5]], -1.0), "temperature"),
        (lambda: functional.centred_log_probabilities([[0.5, 0.5]], eps=0.0), "eps"),
        (lambda: functional.standardise_logits([[np.nan, 1.0]]), "finite"),
        (lambda: functional.hard_labels([[0.5, 0.5]], ["a"]), "one class for each column"),
        (lambda: functional.chain_paths([3, 3, 1]), "smaller than the one before"),
        (lambda: functional.chain_paths([3]), "at least two"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
