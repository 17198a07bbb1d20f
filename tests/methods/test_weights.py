"""Weights against the vectors and against plain loops."""

import json
from pathlib import Path

import numpy as np
import pytest

from stepdown.core import InvalidInputError, SignalWarning
from stepdown.methods import functional

VECTORS = Path(__file__).parents[1] / "vectors"
B1 = json.loads((VECTORS / "B1.json").read_text())["B1_confweight"]
B2 = json.loads((VECTORS / "B2.json").read_text())["B2_profweight"]
B3 = json.loads((VECTORS / "B3.json").read_text())["B3_sratio"]


@pytest.mark.parametrize("vector", B1, ids=lambda vector: vector["name"])
def test_conf_weight_vectors(vector):
    weights = functional.conf_weights(vector["inputs"]["P"], vector["inputs"]["y"])
    np.testing.assert_allclose(weights, vector["expected"]["weights"], atol=vector["tol"])
    np.testing.assert_allclose(
        functional.normalise_weights(weights), vector["expected"]["weights_mean1"], atol=vector["tol"]
    )


@pytest.mark.parametrize("vector", B2[:3], ids=lambda vector: vector["name"])
def test_prof_weight_vectors(vector):
    given, expected = vector["inputs"], vector["expected"]
    arguments = (given["conf_true"], given["probe_error"], given["simple_error"])
    if not expected["selected"]:
        with pytest.raises(InvalidInputError, match="no grade has an error"):
            functional.prof_weights(*arguments, margin=given["alpha"])
        return
    weights, selected = functional.prof_weights(*arguments, margin=given["alpha"])
    assert selected.tolist() == expected["selected"]
    np.testing.assert_allclose(weights, expected["weights"], atol=vector["tol"])
    np.testing.assert_allclose(functional.normalise_weights(weights), expected["weights_mean1"], atol=vector["tol"])


def test_penalty_vector():
    value, gradient = functional.mean_one_penalty(B2[3]["inputs"]["w"])
    assert value == pytest.approx(B2[3]["expected"]["R"], abs=1e-12)
    np.testing.assert_allclose(gradient, B2[3]["expected"]["grad"], atol=1e-12)


@pytest.mark.parametrize("vector", B3[:2], ids=lambda vector: vector["name"])
def test_sratio_vectors(vector):
    given, expected = vector["inputs"], vector["expected"]
    arguments = (
        given["graded_conf_true"],
        given["graded_error"],
        given["simple_conf_true"],
        given["simple_error"],
    )
    weights, selected = functional.sratio_weights(*arguments, margin=given["alpha"], ceiling=given["beta"])
    assert selected.tolist() == expected["selected"]
    np.testing.assert_allclose(weights, expected["weights"], atol=vector["tol"])
    np.testing.assert_allclose(functional.normalise_weights(weights), expected["weights_mean1"], atol=vector["tol"])
    floored, _ = functional.sratio_weights(*arguments, margin=given["alpha"], ceiling=given["beta"], floor=1.0)
    np.testing.assert_allclose(floored, expected["weights_max1_variant"], atol=vector["tol"])
    unlimited, _ = functional.sratio_weights(*arguments, ceiling=np.inf)
    np.testing.assert_allclose(unlimited, expected["ratio"], atol=vector["tol"])


def test_quantile_ceiling_vector():
    ratio, expected = B3[2]["inputs"]["ratio"], B3[2]["expected"]
    assert functional.quantile_ceiling(ratio) == expected["beta"]
    assert functional.quantile_ceiling(ratio, largest=10.0) == pytest.approx(expected["q90"], abs=1e-12)


@pytest.mark.parametrize("row", B3[3]["expected"]["table"], ids=lambda row: f"{row['p_c']} to {row['p_s']}")
def test_sratio_bounds_the_loss_exactly_where_the_teacher_is_surer(row):
    ratio = float(functional.ratio_weights([row["p_c"]], [row["p_s"]], ceiling=np.inf)[0])
    assert ratio == pytest.approx(row["ratio"], abs=1e-12)
    losses = {"ce": lambda p: -np.log(p), "sq": lambda p: (1 - p) ** 2}
    for name, loss in losses.items():
        expected = row[name]
        assert loss(row["p_c"]) == pytest.approx(expected["loss_complex"], abs=1e-12)
        assert ratio * loss(row["p_s"]) == pytest.approx(expected["ratio_weighted"], abs=1e-12)
        assert max(1.0, ratio) * loss(row["p_s"]) == pytest.approx(expected["max1_weighted"], abs=1e-12)
        assert bool(ratio * loss(row["p_s"]) >= loss(row["p_c"]) - 1e-12) is expected["ratio_bound_holds"]


def test_ratio_by_hand():
    complex_, simple = [0.9, 0.9, 0.0, 0.3], [0.6, 0.0, 0.5, 0.9]
    np.testing.assert_allclose(functional.ratio_weights(complex_, simple), [1.5, 0.0, 0.0, 1 / 3])
    np.testing.assert_allclose(functional.ratio_weights(complex_, simple, above="clip"), [1.5, 2.0, 0.0, 1 / 3])
    np.testing.assert_allclose(functional.ratio_weights(complex_, simple, floor=1.0), [1.5, 0.0, 1.0, 1.0])
    assert functional.ratio_weights(complex_, simple, ceiling=np.inf, eps=0.1)[1] == pytest.approx(9.0)


def test_weights_have_mean_one_with_zeros_counted():
    weights = functional.normalise_weights([0.0, 1.0, 2.0, 1.0])
    np.testing.assert_allclose(weights, [0.0, 1.0, 2.0, 1.0])
    assert functional.normalise_weights([0.0, 4.0]).tolist() == [0.0, 2.0]


def test_a_class_without_weight_keeps_a_little():
    with pytest.warns(SignalWarning, match=r"classes \['b'\] had weight 0"):
        weights = functional.normalise_weights([2.0, 1.0, 0.0, 0.0], ["a", "a", "b", "b"])
    np.testing.assert_allclose(weights, np.array([2.0, 1.0, 1.0, 1.0]) / 1.25)
    # A zero next to a positive weight of the same class is what the method meant.
    assert functional.normalise_weights([2.0, 0.0, 1.0], ["a", "a", "b"])[1] == 0.0


def test_inputs_are_left_alone():
    given = np.array([0.0, 1.0, 0.0])
    with pytest.warns(SignalWarning, match="had weight 0"):
        functional.normalise_weights(given, ["a", "b", "a"])
    assert given.tolist() == [0.0, 1.0, 0.0]


def test_a_margin_that_is_met_exactly_counts():
    assert functional.select_grades([0.2], 0.3, 0.1).tolist() == [0]
    assert functional.select_grades([0.2001], 0.3, 0.1).tolist() == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: functional.conf_weights([[0.5, 0.5]], [2]), "columns in"),
        (lambda: functional.conf_weights([[0.5, 0.5]], ["a"]), "one column index"),
        (lambda: functional.conf_weights([[1.5, 0.5]], [0]), r"probabilities in \[0, 1\]"),
        (lambda: functional.normalise_weights([-1.0, 2.0]), "not negative"),
        (lambda: functional.normalise_weights([0.0, 0.0]), "all weights are zero"),
        (lambda: functional.select_grades([0.1], 0.3, -0.1), "margin=-0.1"),
        (lambda: functional.prof_weights([[0.5, 0.5]], [0.1], 0.3), "one error for each grade"),
        (lambda: functional.ratio_weights([0.5], [0.5], ceiling=0.0), "ceiling=0.0"),
        (lambda: functional.ratio_weights([0.5], [0.5], above="drop"), "'zero' or 'clip'"),
        (lambda: functional.ratio_weights([0.5], [0.5], floor=3.0), "between 0 and the ceiling"),
        (lambda: functional.ratio_weights([0.5], [0.5, 0.5]), "expected shape"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
