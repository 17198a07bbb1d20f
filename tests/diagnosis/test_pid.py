"""Partial information against published vectors, exact families, a general solver and a feasible point."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import xlogy

from stepdown.diagnosis import PartialInformation, discretise, partial_information, partial_information_of_joint

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "E2.json").read_text())["E2_pid"]
PARTS = ("redundant", "unique_t", "unique_s", "synergy")


def parts(found: PartialInformation) -> np.ndarray:
    return np.array([getattr(found, name) for name in PARTS])


def information(table: np.ndarray) -> float:
    table = table / table.sum()
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    return float(xlogy(table, table).sum() - xlogy(rows, rows).sum() - xlogy(columns, columns).sum())


def tables(seed: int, shape: tuple[int, int, int] = (4, 3, 3)) -> list[np.ndarray]:
    """Dense, peaked, sparse and classifier-like tables."""
    rng = np.random.default_rng(seed)
    size = int(np.prod(shape))
    sparse = rng.multinomial(60, rng.dirichlet(np.full(size, 0.1))).reshape(shape)
    y = rng.integers(shape[2], size=300)
    t = np.where(rng.random(300) < 0.9, y, rng.integers(shape[0], size=300)) % shape[0]
    s = np.where(rng.random(300) < 0.7, y, rng.integers(shape[1], size=300)) % shape[1]
    models = np.zeros(shape)
    np.add.at(models, (t, s, y), 1)
    return [rng.random(shape), rng.exponential(size=shape) ** 6, sparse, models]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vectors(vector) -> None:
    found = partial_information_of_joint(vector["inputs"]["P_x1_x2_y"])
    nats = vector["expected"]["nats"]
    expected = [nats["redundant"], nats["unique1"], nats["unique2"], nats["synergy"]]
    np.testing.assert_allclose(parts(found), expected, atol=vector["tol"], rtol=0)
    assert found.information_t == pytest.approx(nats["I_x1_y"], abs=1e-12)
    assert found.information_s == pytest.approx(nats["I_x2_y"], abs=1e-12)


def test_the_gates_in_bits() -> None:
    bits = {v["name"]: parts(partial_information_of_joint(v["inputs"]["P_x1_x2_y"])) / np.log(2) for v in VECTORS}
    np.testing.assert_allclose(bits["AND"], [0.311278, 0, 0, 0.5], atol=1e-6)
    np.testing.assert_allclose(bits["XOR"], [0, 0, 0, 1], atol=1e-6)
    np.testing.assert_allclose(bits["UNIQUE1"], [0, 1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(bits["REDUNDANT"], [1, 0, 0, 0], atol=1e-6)
    # Not the minimum of the two informations, 0.1119, that cheaper estimates give.
    assert bits["NOISY"][0] == pytest.approx(0.1007, abs=5e-5)


def test_a_blurred_copy_knows_nothing_of_its_own_at_full_size() -> None:
    # S is made from T alone, so that all it says about Y, T says: no unique part, and the redundant one is I(Y; S).
    rng = np.random.default_rng(0)
    for concentration in (0.1, 1.0):
        of_t = rng.dirichlet(np.full(100, concentration)).reshape(10, 10)
        blur = rng.dirichlet(np.full(10, concentration), size=10)
        joint = np.einsum("ty,ts->tsy", of_t, blur)
        found = partial_information_of_joint(joint)
        known_s = information(joint.sum(axis=0))
        np.testing.assert_allclose(parts(found), [known_s, information(of_t) - known_s, 0.0, 0.0], rtol=0, atol=1e-7)


@pytest.mark.parametrize("seed", range(6))
def test_a_general_solver_finds_the_same(seed) -> None:
    for table in tables(seed, (2, 3, 2)):
        joint = table / table.sum()
        of_t, of_s = joint.sum(axis=1), joint.sum(axis=0)
        rows = [np.eye(2)[t][:, None, None] * np.eye(2)[y] * np.ones((1, 3, 1)) for t in range(2) for y in (0, 1)]
        rows += [np.eye(3)[s][None, :, None] * np.eye(2)[y] * np.ones((2, 1, 1)) for s in range(3) for y in (0, 1)]
        matrix = np.array([row.ravel() for row in rows])
        prior = np.where(of_t.sum(axis=0) > 0, of_t.sum(axis=0), 1.0)
        start = (of_t[:, None, :] * of_s[None, :, :] / prior).ravel()
        basis = np.linalg.svd(matrix)[2][np.linalg.matrix_rank(matrix) :].T

        def objective(z, start=start, basis=basis):
            """With its gradient: differences at the edge, where a probability is zero, depend on the last digits."""
            q = np.maximum(start + basis @ z, 1e-15).reshape(6, 2)
            return information(q), basis.T @ np.log(q / q.sum(axis=1, keepdims=True)).ravel()

        solved = minimize(
            objective,
            np.zeros(basis.shape[1]),
            jac=True,
            method="SLSQP",
            constraints={
                "type": "ineq",
                "fun": lambda z, start=start, basis=basis: start + basis @ z,
                "jac": lambda z, basis=basis: basis,
            },
            options={"ftol": 1e-14, "maxiter": 500},
        )
        found = partial_information_of_joint(joint)
        assert found.information - found.synergy == pytest.approx(solved.fun, rel=0, abs=1e-8)


def test_no_distribution_with_the_same_margins_goes_below() -> None:
    joint = tables(3, (10, 10, 10))[3]
    joint = joint / joint.sum()
    of_t, of_s = joint.sum(axis=1), joint.sum(axis=0)
    found = partial_information_of_joint(joint)
    least = found.information - found.synergy
    rng = np.random.default_rng(0)
    for _ in range(20):
        q = np.where(of_t[:, None, :] * of_s[None, :, :] > 0, rng.exponential(size=joint.shape) ** 3, 0.0)
        for _ in range(500):
            q *= (of_t / np.maximum(q.sum(axis=1), 1e-300))[:, None, :]
            q *= (of_s / np.maximum(q.sum(axis=0), 1e-300))[None, :, :]
        assert information(q.reshape(100, 10)) >= least - 1e-6
    assert found.gap < 1e-7


@pytest.mark.parametrize("seed", range(4))
def test_parts_are_not_negative_and_sum_to_the_information(seed) -> None:
    for joint in tables(seed):
        found = partial_information_of_joint(joint)
        assert parts(found).min() >= 0
        assert found.information == pytest.approx(information(joint.reshape(-1, 3)), abs=1e-9)
        assert found.information_t == pytest.approx(information(joint.sum(axis=1)), abs=1e-9)
        assert found.information_s == pytest.approx(information(joint.sum(axis=0)), abs=1e-9)


@pytest.mark.parametrize("seed", range(2))
def test_names_and_sides_are_exchangeable(seed) -> None:
    rng = np.random.default_rng(seed)
    for joint in tables(seed):
        found = parts(partial_information_of_joint(joint))
        swapped = parts(partial_information_of_joint(joint.transpose(1, 0, 2)))
        np.testing.assert_allclose(swapped, found[[0, 2, 1, 3]], atol=1e-7)
        renamed = joint[rng.permutation(4)][:, rng.permutation(3)][:, :, rng.permutation(3)]
        np.testing.assert_allclose(parts(partial_information_of_joint(renamed)), found, atol=1e-7)
        padded = np.pad(joint, ((0, 1), (1, 0), (0, 2)))  # values that never occur
        np.testing.assert_allclose(parts(partial_information_of_joint(padded)), found, atol=1e-7)
        np.testing.assert_allclose(parts(partial_information_of_joint(7 * joint)), found, atol=1e-7)


def test_samples_are_counted() -> None:
    rng = np.random.default_rng(0)
    t, s, y = rng.integers(3, size=200), rng.integers(2, size=200), rng.integers(4, size=200)
    joint = np.zeros((3, 2, 4))
    for row in zip(t, s, y, strict=True):
        joint[row] += 1
    words = np.array(["b", "c", "a"])
    np.testing.assert_allclose(
        parts(partial_information(words[t], s - 5, y)), parts(partial_information_of_joint(joint)), atol=1e-9
    )


def test_constants_say_nothing() -> None:
    np.testing.assert_array_equal(parts(partial_information([0, 0], [1, 1], [0, 1])), 0.0)
    np.testing.assert_array_equal(parts(partial_information([0, 1], [0, 1], [1, 1])), 0.0)
    alone = parts(partial_information([0, 1, 0, 1], [2, 2, 2, 2], [0, 1, 0, 1]))
    np.testing.assert_allclose(alone, [0, np.log(2), 0, 0], atol=1e-12)


@pytest.mark.parametrize(
    "joint", [np.ones((2, 2)), -np.ones((2, 2, 2)), np.zeros((2, 2, 2)), np.full((1, 1, 1), np.nan)]
)
def test_what_is_no_joint_distribution_is_refused(joint) -> None:
    with pytest.raises(ValueError, match="joint: expected non-negative"):
        partial_information_of_joint(joint)


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="one value a row"):
        partial_information([0, 1], [0, 1, 1], [0, 1])


def test_discretise_finds_the_groups_and_is_repeatable() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 30)) * 5
    group = np.repeat(np.arange(4), 25)
    features = (centres[group] + rng.normal(size=(100, 30)) * 0.1) * rng.uniform(0.5, 2, size=(100, 1))
    clusters = discretise(features, 4, random_state=0)
    assert partial_information(clusters, np.zeros(100), group).unique_t == pytest.approx(np.log(4))
    np.testing.assert_array_equal(clusters, discretise(features, 4, random_state=0))


def test_discretise_takes_answers_that_repeat() -> None:
    answers = np.repeat(np.eye(3), 5, axis=0)
    assert len(np.unique(discretise(answers, 8, random_state=0))) == 3
    assert np.unique(discretise(np.ones((5, 2)), 3)).tolist() == [0]


def test_discretise_refuses() -> None:
    with pytest.raises(ValueError, match="finite numbers of shape"):
        discretise([1.0, 2.0], 2)
    with pytest.raises(ValueError, match="n_clusters=0"):
        discretise([[1.0], [2.0]], 0)
