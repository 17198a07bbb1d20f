"""Expansion of soft targets: the vectors, plain loops, and the bound on memory."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from stepdown.learners._expansion import expand_soft_targets, expansion_blocks, thinned_targets
from stepdown.learners._soft_expanded import fit_by_expansion

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "A4.json").read_text())


def soft_rows(n, n_classes, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 4)), rng.dirichlet(np.ones(n_classes), size=n), rng.random(n) + 0.1


@pytest.mark.parametrize("vector", VECTORS["A4_expand"], ids=lambda vector: vector["name"])
def test_vectors(vector):
    given_, expected = vector["inputs"], vector["expected"]
    rows, labels, weights = expand_soft_targets(np.array(given_["Q"]), np.array(given_["sample_weight"]))
    assert rows.tolist() == expected["row_index"]
    assert labels.tolist() == expected["row_class"]
    np.testing.assert_allclose(weights, expected["row_weight"], atol=vector["tol"])
    if "soft_ce" in expected:
        logits = np.array(given_["logits"])
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        weighted = -np.sum(weights * log_p[rows, labels]) / np.sum(given_["sample_weight"])
        np.testing.assert_allclose(weighted, expected["soft_ce"], atol=vector["tol"])
        np.testing.assert_allclose(weights.sum(), expected["total_weight"], atol=vector["tol"])


def test_without_dropping_zeros_every_class_has_a_row():
    rows, labels, weights = expand_soft_targets(np.array([[1.0, 0.0], [0.0, 1.0]]), drop_zero=False)
    assert (rows.tolist(), labels.tolist(), weights.tolist()) == ([0, 0, 1, 1], [0, 1, 0, 1], [1.0, 0.0, 0.0, 1.0])


@given(st.integers(1, 30), st.integers(2, 5), st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_blocks_are_the_whole_in_pieces(n, n_classes, max_rows):
    _, Q, w = soft_rows(n, n_classes)
    Q[::3] = np.eye(n_classes)[0]
    blocks = list(expansion_blocks(Q, w, max_rows=max_rows))
    for part, whole in zip(zip(*blocks, strict=True), expand_soft_targets(Q, w), strict=True):
        np.testing.assert_array_equal(np.concatenate(part), whole)
    assert all(len(rows) <= max_rows or len(np.unique(rows)) == 1 for rows, _, _ in blocks)


def test_thinning_is_unbiased_and_bounded():
    _, Q, _ = soft_rows(50, 6)
    draws = np.stack([thinned_targets(Q, 2, seed) for seed in range(4000)])
    np.testing.assert_allclose(draws.sum(axis=2), 1.0)
    assert np.count_nonzero(draws, axis=2).max() <= 2
    assert set(np.unique(draws)) <= {0.0, 0.5, 1.0}
    np.testing.assert_allclose(draws.mean(axis=0), Q, atol=0.03)


def test_thinning_keeps_what_fits():
    np.testing.assert_array_equal(thinned_targets(np.eye(3), 2, 0), np.eye(3))
    Q = np.array([[0.25, 0.75, 0.0]])
    np.testing.assert_array_equal(thinned_targets(Q, 4, 3), Q)


def test_blocks_fit_the_same_model():
    X, Q, w = soft_rows(60, 4)
    classes = np.array(list("abcd"))
    whole = fit_by_expansion(GaussianNB(), X, Q, w, classes, 0)
    blocks = fit_by_expansion(GaussianNB(), X, Q, w, classes, 0, max_expanded_rows=37)
    np.testing.assert_allclose(blocks.predict_proba(X), whole.predict_proba(X), rtol=1e-6)


def test_too_many_rows_are_thinned_to_the_bound():
    X, Q, w = soft_rows(100, 5)
    tree = DecisionTreeClassifier(criterion="entropy", max_depth=2, random_state=0)
    fit_by_expansion(tree, X, Q, w, np.arange(5), 0, max_expanded_rows=250)
    assert tree.tree_.n_node_samples[0] <= 205  # two classes a row, and next to nothing for classes that were lost
    np.testing.assert_allclose(tree.tree_.weighted_n_node_samples[0], w.sum())


def test_memory_of_the_expansion_is_bounded():
    """The whole expansion of X is 40,000 x 10 x 20 numbers, 64 MB; in blocks of 10,000 rows it is 1.6 MB."""
    rng = np.random.default_rng(0)
    X, Q = rng.normal(size=(40_000, 20)), np.full((40_000, 10), 0.1)

    def peak(limit):
        tracemalloc.start()
        fit_by_expansion(GaussianNB(), X, Q, None, np.arange(10), 0, max_expanded_rows=limit)
        _, top = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return top

    assert peak(10_000) < 12e6 < 64e6 < peak(None)
