"""Synthetic rows: MUNGE against the vector and a plain loop, resampling against its parts."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from stepdown.core import InvalidInputError
from stepdown.methods import Interpolate, Munge, Resample, functional

MUNGE = json.loads((Path(__file__).parents[1] / "vectors" / "A3.json").read_text())["A3_munge"]
RNG = np.random.default_rng(0)


def test_munge_vector():
    given, expected = MUNGE[0]["inputs"], MUNGE[0]["expected"]
    X = np.array(given["X"])
    rows, neighbours = functional.munge_pass(
        X,
        given["nominal"],
        uniforms=np.reshape(given["uniforms"], X.shape),
        normals=given["normals"],
        swap_probability=given["p"],
        local_variance=given["s"],
    )
    np.testing.assert_allclose(rows, expected["X_out"], atol=MUNGE[0]["tol"])
    assert neighbours.tolist() == expected["neighbours"]
    np.testing.assert_array_equal(X, given["X"])


def test_munge_without_swaps_is_the_identity():
    given = MUNGE[1]["inputs"]
    X = np.array(given["X"])
    rows, _ = functional.munge_pass(
        X, given["nominal"], uniforms=np.zeros_like(X), normals=[], swap_probability=0.0, local_variance=2.0
    )
    np.testing.assert_array_equal(rows, MUNGE[1]["expected"]["X_out"])
    np.testing.assert_allclose(
        functional.munge(X, given["nominal"], copies=2, swap_probability=0.0), np.tile(X, (2, 1))
    )


def munge_by_loops(X, nominal, uniforms, normals, p, s):
    X, normals = [list(row) for row in X], iter(normals)
    for i in range(len(X)):
        best, j = np.inf, None
        for k in range(len(X)):
            d = sum(
                float(a != b) if is_nominal else (a - b) ** 2
                for a, b, is_nominal in zip(X[i], X[k], nominal, strict=True)
            )
            if k != i and d < best:
                best, j = d, k
        for a in range(len(nominal)):
            if uniforms[i][a] >= p:
                continue
            mine, theirs = X[i][a], X[j][a]
            if nominal[a]:
                X[i][a], X[j][a] = theirs, mine
            else:
                X[i][a] = theirs + abs(mine - theirs) / s * next(normals)
                X[j][a] = mine + abs(mine - theirs) / s * next(normals)
    return np.array(X)


def test_munge_pass_against_plain_loops():
    X = np.column_stack([RNG.random((8, 3)), RNG.integers(3, size=(8, 2))])
    nominal = [False, False, False, True, True]
    uniforms, normals = RNG.random(X.shape), RNG.normal(size=100)
    rows, _ = functional.munge_pass(
        X, nominal, uniforms=uniforms, normals=normals, swap_probability=0.6, local_variance=3.0
    )
    np.testing.assert_allclose(rows, munge_by_loops(X, nominal, uniforms, normals, 0.6, 3.0), atol=1e-12)


def test_munge_doesnt_depend_on_scales():
    X = RNG.random((20, 3))
    scaled = functional.munge(X * [1.0, 1e6, 1e-3] + [0.0, 5.0, -1.0], copies=2, seed=3)
    np.testing.assert_allclose(
        (scaled - [0.0, 5.0, -1.0]) / [1.0, 1e6, 1e-3], functional.munge(X, copies=2, seed=3), atol=1e-6
    )


def test_munge_keeps_nominal_values_and_constant_columns():
    X = np.column_stack([RNG.random(30), RNG.integers(4, size=30), np.full(30, 7.0)])
    rows = functional.munge(X, [False, True, False], copies=3, seed=0)
    assert set(rows[:, 1]) <= {0.0, 1.0, 2.0, 3.0}
    assert (rows[:, 2] == 7.0).all()
    assert np.unique(rows[:, 0]).size > 60
    assert not np.array_equal(rows[:30], rows[30:60])


@pytest.mark.parametrize("synthesise", [functional.munge, functional.resample])
def test_seeds_decide(synthesise):
    X = RNG.random((12, 2))
    np.testing.assert_array_equal(synthesise(X, seed=1), synthesise(X, seed=1))
    assert not np.array_equal(synthesise(X, seed=1), synthesise(X, seed=2))


def test_resample_changes_the_share_of_cells_it_says():
    X = RNG.normal(size=(200, 40)) * np.geomspace(1.0, 1000.0, 40)
    rows = functional.resample(X, [False] * 40, copies=4, swap_probability=0.2, noise_probability=0.0, seed=0)
    changed = rows != np.tile(X, (4, 1))
    assert changed.mean() == pytest.approx(0.2, abs=0.02)
    for j in range(40):
        assert set(rows[:, j]) <= set(X[:, j])
    noisy = functional.resample(X, copies=4, swap_probability=0.0, noise_probability=0.3, noise=0.5, seed=0)
    difference = noisy - np.tile(X, (4, 1))
    assert (difference != 0).mean() == pytest.approx(0.3, abs=0.02)
    for j in range(40):
        assert difference[difference[:, j] != 0, j].std() == pytest.approx(0.5 * X[:, j].std(), rel=0.25)


def test_resample_leaves_nominal_columns_without_noise_and_takes_missing_values():
    X = np.column_stack([RNG.integers(3, size=50), np.where(RNG.random(50) < 0.3, np.nan, RNG.random(50))])
    rows = functional.resample(X, [True, False], copies=2, noise_probability=1.0, seed=0)
    assert set(rows[:, 0]) <= {0.0, 1.0, 2.0}
    assert 0 < np.isnan(rows[:, 1]).mean() < 1
    assert np.nanstd(rows[:, 1]) < 1.0


def test_resample_leaves_no_row_as_it_was():
    X = RNG.normal(size=(100, 2))
    rows = functional.resample(X, copies=3, seed=0)
    same = {tuple(row) for row in X} & {tuple(row) for row in rows}
    assert len(same) < 10  # a cell may be drawn from the very row
    np.testing.assert_array_equal(functional.resample(X, copies=1, swap_probability=0.0, noise_probability=0.0), X)


FRAME = {
    "size": [1.5, 2.5, 3.5, 4.0] * 5,
    "count": [1, 2, 3, 9] * 5,
    "kind": ["red", "blue", "red", "green"] * 5,
    "old": [True, False, True, True] * 5,
}


@pytest.mark.parametrize("method", [Munge(copies=2), Resample(copies=2, noise_probability=0.5, swap_probability=0.5)])
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames_keep_their_columns(method, library):
    if library == "pandas":
        X = pd.DataFrame(FRAME).astype({"kind": "category"})
        before = X.copy()
    else:
        X = pl.DataFrame(FRAME).with_columns(pl.col("kind").cast(pl.Categorical))
        before = X.clone()
    rows = method.synthesise(X, seed=0)
    assert type(rows) is type(X)
    assert rows.shape == (40, 4)
    assert list(rows.columns) == list(X.columns)
    assert list(rows.dtypes) == list(X.dtypes)
    assert set(rows["kind"].to_list() if library == "polars" else rows["kind"]) <= {"red", "blue", "green"}
    assert X.equals(before)


def test_integer_arrays_stay_integers():
    rows = Munge(copies=2).synthesise(np.array([[1, 20], [3, 10], [5, 40]]), seed=0)
    assert rows.dtype.kind == "i"


def test_arrays_of_objects_are_taken():
    X = np.array([[1.5, "a", 1], [2.5, "b", 2], [0.5, "a", 4]], dtype=object)
    rows = Munge(copies=3).synthesise(X, seed=0)
    assert rows.dtype == object
    assert set(rows[:, 1]) <= {"a", "b"}
    assert all(float(value).is_integer() for value in rows[:, 2])


def test_missing_categories_stay_missing():
    X = pd.DataFrame({"a": ["x", None, "y", "x"], "b": [1.0, 2.0, 3.0, 4.0]})
    rows = Resample(copies=20, swap_probability=0.5).synthesise(X, seed=0)
    assert 0 < rows["a"].isna().mean() < 1


def test_interpolated_rows_lie_between_a_row_and_a_near_one():
    X = RNG.normal(size=(40, 3)) * [1, 100, 1]
    rows = functional.interpolate(X, copies=3, n_neighbors=2, seed=0).reshape(3, 40, 3)
    scaled = X / X.std(axis=0)
    for i in range(40):
        distance = np.linalg.norm(scaled - scaled[i], axis=1)
        near = X[np.argsort(distance)[1:3]] - X[i]
        for made in rows[:, i]:
            u = [(made - X[i]) @ (step / X.std(axis=0) ** 2) / (step @ (step / X.std(axis=0) ** 2)) for step in near]
            gaps = [np.abs(X[i] + share * step - made).max() for share, step in zip(u, near, strict=True)]
            assert min(gaps) < 1e-8
            assert 0 <= u[int(np.argmin(gaps))] <= 1


def test_columns_of_few_values_are_taken_from_either_row():
    X = np.column_stack([RNG.integers(0, 10, 60), RNG.integers(0, 3, 60), RNG.normal(size=60)]).astype(float)
    rows = functional.interpolate(X, [False, True, False], copies=5, seed=0)
    assert set(rows[:, 0]) <= set(X[:, 0])
    assert set(rows[:, 1]) <= set(X[:, 1])
    assert len(np.unique(rows[:, 2])) > 290
    assert (rows[:, :2] != np.tile(X, (5, 1))[:, :2]).any(axis=0).all()


def test_few_rows_are_interpolated_more_often():
    assert [len(Interpolate().synthesise(RNG.normal(size=(n, 2)), seed=0)) for n in (400, 401)] == [1600, 802]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: functional.munge([[1.0, 2.0]]), "at least two rows"),
        (lambda: functional.munge([[1.0], [np.nan]]), "expected finite numbers"),
        (lambda: functional.munge([[1.0], [2.0]], copies=0), "copies=0"),
        (lambda: functional.munge([[1.0], [2.0]], swap_probability=2.0), "swap_probability=2.0"),
        (lambda: functional.munge([[1.0], [2.0]], local_variance=0.0), "local_variance=0.0"),
        (lambda: functional.munge([[1.0], [2.0]], [True, False]), "mask of shape"),
        (lambda: functional.munge_pass([[1.0], [2.0]], uniforms=[[0.0]], normals=[]), "uniforms"),
        (lambda: functional.munge_pass([[1.0], [2.0]], uniforms=[[0.0], [0.0]], normals=[0.0]), "at least 4"),
        (lambda: functional.resample([[1.0], [2.0]], noise=-1.0), "noise=-1.0"),
        (lambda: functional.interpolate([[1.0], [np.nan]]), "expected finite numbers"),
        (lambda: functional.interpolate([[1.0], [2.0]], copies=0), "copies=0"),
        (lambda: functional.interpolate([[1.0], [2.0]], n_neighbors=0), "n_neighbors=0"),
        (lambda: Munge(nominal=[5]).synthesise(np.ones((3, 2))), "positions of columns"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()


def test_what_takes_gaps_and_what_takes_infinities():
    rows = np.random.default_rng(0).normal(size=(20, 3))
    gaps, endless = rows.copy(), rows.copy()
    gaps[0, 0], endless[0, 0] = np.nan, np.inf
    assert [maker.takes(gaps) for maker in (Munge(), Interpolate(), Resample())] == [False, False, True]
    assert not any(maker.takes(endless) for maker in (Munge(), Interpolate(), Resample()))
