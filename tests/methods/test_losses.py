"""Losses against the vectors and against plain loops; gradients against differences of values."""

import json
from pathlib import Path

import numpy as np
import pytest

from stepdown.core import InvalidInputError
from stepdown.methods import functional

VECTORS = Path(__file__).parents[1] / "vectors"
A1 = json.loads((VECTORS / "A1.json").read_text())["A1_kd"]
A2 = json.loads((VECTORS / "A2.json").read_text())["A2_logits"]
C2 = json.loads((VECTORS / "C2.json").read_text())["C2_dgkd"]

RNG = np.random.default_rng(0)
Z_S, Z_T, Y = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3)), np.array([0, 1, 2, 1, 1])


def slope(value, z, step=1e-6):
    """Central differences of a function of an array."""
    gradient = np.zeros_like(z)
    for place in np.ndindex(z.shape):
        shift = np.zeros_like(z)
        shift[place] = step
        gradient[place] = (value(z + shift) - value(z - shift)) / (2 * step)
    return gradient


@pytest.mark.parametrize("vector", A1[:2], ids=lambda vector: vector["name"])
def test_kd_vectors(vector):
    given, expected = vector["inputs"], vector["expected"]
    loss = functional.kd_loss(
        given["student_logits"], given["teacher_logits"], given["y"], temperature=given["T"], weight=given["lam"]
    )
    assert loss.value == pytest.approx(expected["total"], abs=vector["tol"])
    assert loss.cross_entropy == pytest.approx(expected["ce"], abs=vector["tol"])
    assert loss.divergence == pytest.approx(expected["kl_batchmean"], abs=vector["tol"])
    np.testing.assert_allclose(loss.gradient, expected["grad_student_logits"], atol=vector["tol"])


def test_kd_element_mean_vector():
    vector = A1[2]
    given, expected = vector["inputs"], vector["expected"]
    loss = functional.kd_loss(
        given["student_logits"],
        given["teacher_logits"],
        given["y"],
        temperature=given["T"],
        weight=given["lam"],
        reduction="elementmean",
    )
    assert loss.divergence == pytest.approx(expected["kl_elementwise_mean"], abs=vector["tol"])
    assert loss.value == pytest.approx(expected["total"], abs=vector["tol"])


def test_kd_gradient_at_high_temperature_vector():
    vector = A1[3]
    given, expected = vector["inputs"], vector["expected"]
    z_s, z_t = np.array(given["student_logits"]), np.array(given["teacher_logits"])
    loss = functional.kd_loss(z_s, z_t, temperature=given["T"])
    np.testing.assert_allclose(loss.gradient, expected["grad_exact"], atol=vector["tol"])
    limit = (z_s - z_s.mean(1, keepdims=True) - z_t + z_t.mean(1, keepdims=True)) / z_s.size
    np.testing.assert_allclose(limit, expected["grad_limit"], atol=vector["tol"])
    np.testing.assert_allclose(functional.kd_loss(z_s, z_t, temperature=1e6).gradient, limit, atol=1e-6)


def test_kd_against_plain_loops():
    T, lam = 3.0, 0.7
    ce = kl = 0.0
    for i in range(len(Y)):
        p_s = [np.exp(z) / sum(np.exp(Z_S[i])) for z in Z_S[i]]
        ce -= np.log(p_s[Y[i]]) / len(Y)
        soft_s = [np.exp(z / T) / sum(np.exp(Z_S[i] / T)) for z in Z_S[i]]
        soft_t = [np.exp(z / T) / sum(np.exp(Z_T[i] / T)) for z in Z_T[i]]
        kl += sum(t * np.log(t / s) for t, s in zip(soft_t, soft_s, strict=True)) / len(Y)
    loss = functional.kd_loss(Z_S, Z_T, Y, temperature=T, weight=lam)
    assert loss.value == pytest.approx((1 - lam) * ce + lam * T**2 * kl, abs=1e-12)


@pytest.mark.parametrize("reduction", ["batchmean", "elementmean"])
def test_kd_gradient_is_the_slope(reduction):
    def value(z):
        return functional.kd_loss(z, Z_T, Y, temperature=2.5, weight=0.6, reduction=reduction).value

    gradient = functional.kd_loss(Z_S, Z_T, Y, temperature=2.5, weight=0.6, reduction=reduction).gradient
    np.testing.assert_allclose(gradient, slope(value, Z_S), atol=1e-8)


def test_kd_is_zero_where_student_equals_teacher_up_to_a_constant():
    loss = functional.kd_loss(Z_T + 7.0, Z_T, temperature=4.0)
    assert loss.value == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(loss.gradient, 0.0, atol=1e-12)


def test_kd_of_huge_logits_stays_finite():
    loss = functional.kd_loss([[1e4, 0.0]], [[0.0, 1e4]], [0], temperature=1.0)
    assert loss.divergence == pytest.approx(1e4)


def test_logit_loss_vector():
    given, expected = A2[0]["inputs"], A2[0]["expected"]
    loss = functional.logit_loss(given["student_logits"], given["teacher_logits"])
    assert loss.value == pytest.approx(expected["loss"], abs=1e-12)
    np.testing.assert_allclose(loss.gradient, expected["grad_student_logits"], atol=1e-12)


def test_logit_gradient_is_the_slope():
    np.testing.assert_allclose(
        functional.logit_loss(Z_S, Z_T).gradient, slope(lambda z: functional.logit_loss(z, Z_T).value, Z_S), atol=1e-8
    )


@pytest.mark.parametrize("vector", C2, ids=lambda vector: vector["name"])
def test_dgkd_vectors(vector):
    given, expected = vector["inputs"], vector["expected"]
    loss = functional.dgkd_loss(
        given["student_logits"],
        [given["teacher_logits"], *given["ta_logits"]],
        given["y"],
        temperature=given["T"],
        weight=given["lam"],
        keep=given["keep_mask"],
    )
    assert loss.value == pytest.approx(expected["total"], abs=vector["tol"])
    assert loss.divergences == pytest.approx([expected["kl_teacher"], *expected["kl_ta"]], abs=vector["tol"])


def test_dgkd_of_one_teacher_is_kd():
    one, kd = functional.dgkd_loss(Z_S, [Z_T], Y), functional.kd_loss(Z_S, Z_T, Y, temperature=5.0, weight=0.5)
    assert one.value == pytest.approx(kd.value, abs=1e-14)
    np.testing.assert_allclose(one.gradient, kd.gradient, atol=1e-14)


def test_dgkd_gradient_is_the_slope_and_dropped_teachers_dont_count():
    teachers = [Z_T, -Z_T, 2 * Z_T]

    def value(z):
        return functional.dgkd_loss(z, teachers, Y, keep=[True, False, True]).value

    gradient = functional.dgkd_loss(Z_S, teachers, Y, keep=[True, False, True]).gradient
    np.testing.assert_allclose(gradient, slope(value, Z_S), atol=1e-7)
    assert value(Z_S) == pytest.approx(functional.dgkd_loss(Z_S, [Z_T, 2 * Z_T], Y).value, abs=1e-12)


def test_dgkd_needs_something_to_learn_from():
    with pytest.raises(InvalidInputError, match="nothing is left"):
        functional.dgkd_loss(Z_S, [Z_T], Y, weight=1.0, keep=[False])
    with pytest.raises(InvalidInputError, match="one entry for each of 1"):
        functional.dgkd_loss(Z_S, [Z_T], Y, keep=[True, True])


def test_rows_may_come_in_any_order():
    order = RNG.permutation(5)
    assert functional.kd_loss(Z_S[order], Z_T[order], Y[order]).value == pytest.approx(
        functional.kd_loss(Z_S, Z_T, Y).value, abs=1e-14
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1.0]], [[1.0]]), "n_classes >= 2"),
        (([[1.0, np.inf]], [[1.0, 2.0]]), "finite"),
        (([[1.0, 2.0]], [[1.0, 2.0, 3.0]]), "one shape"),
        (([[1.0, 2.0]], [[1.0, 2.0]], [2]), "columns of the true classes"),
        (([[1.0, 2.0]], [[1.0, 2.0]], [0.5]), "columns of the true classes"),
    ],
)
def test_bad_arrays_are_refused(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        functional.kd_loss(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, "temperature=0.0"),
        ({"weight": 1.5}, r"weight=1.5: expected a number in \[0, 1\]"),
        ({"reduction": "sum"}, "expected 'batchmean' or 'elementmean'"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(InvalidInputError, match=message):
        functional.kd_loss(Z_S, Z_T, Y, **options)
