"""Retrieval scores against the published vectors and against plain loops over ranks."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from stepdown.nn import linear_probe_accuracy, retrieval_scores
from stepdown.nn._ranking import SLICE, KeyRanker, rank_by_argsort
from stepdown.nn._retrieval import _pkth_scores, _Positives, _precision_at

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "F.json").read_text())["F_retrieval"]
RANKED = [vector for vector in VECTORS if "relevance" in vector["inputs"]]
(FEATURES,) = [vector for vector in VECTORS if "database" in vector["inputs"]]
DTYPES = [np.float32, np.float64]


def ranked_by_loops(database, labels, query, metric):
    """Labels in the order of (distance, index), in float64."""
    distances = []
    for row in np.asarray(database, float):
        if metric == "cosine":
            norm = np.linalg.norm(row) * np.linalg.norm(query)
            distances.append(1.0 if norm == 0 else 1.0 - row @ query / norm)
        else:
            distances.append(sum((row - query) ** 2))
    return [labels[i] for i in sorted(range(len(labels)), key=lambda i: (distances[i], i))]


def scores_by_loops(relevance):
    """11-point and plain average precision of one ranking, and the precision at each rank."""
    total, found, precision, recall = sum(relevance), 0, [], []
    for rank, hit in enumerate(relevance, start=1):
        found += hit
        precision.append(found / rank)
        recall.append(found / total)
    levels = [max(p for p, r in zip(precision, recall, strict=True) if r >= i / 10 - 1e-12) for i in range(11)]
    plain = sum(p for p, hit in zip(precision, relevance, strict=True) if hit) / total
    return sum(levels) / 11, plain, precision


def pkth_by_loops(relevance):
    """The published evaluator on one batch, its bug included."""
    relevance = np.asarray(relevance)
    n_queries, n_database = relevance.shape
    averages, curves = [], []
    for hits in relevance:
        precision = [sum(hits[: k + 1]) / (k + 1) for k in range(n_database)]
        recall = np.array([sum(hits[: k + 1]) / sum(hits) for k in range(n_database)])
        for i in range(min(n_queries, n_database) - 2, -1, -1):
            precision[i] = max(precision[i], precision[i + 1])
        averages.append(np.mean([precision[int(np.argmin(abs(recall - r)))] for r in np.arange(0, 1.01, 0.1)]))
        curves.append(precision)
    return np.array(averages), np.array(curves)


def some_data(n_database, n_queries, n_features, n_labels, seed=0):
    """Features around a centre for each label, and labels all of which occur in the database."""
    rng = np.random.default_rng(seed)
    labels = np.append(np.arange(n_labels), rng.integers(0, n_labels, n_database - n_labels))
    wanted = rng.integers(0, n_labels, n_queries)
    centres = rng.normal(size=(n_labels, n_features))
    database = centres[labels] + rng.normal(size=(n_database, n_features))
    return database, labels, centres[wanted] + rng.normal(size=(n_queries, n_features)), wanted


def by_rank(curves):
    return {str(rank): mean for rank, mean in enumerate(curves.mean(axis=0), start=1)}


@pytest.mark.parametrize("vector", RANKED, ids=lambda vector: vector["name"])
def test_vectors_of_rankings(vector):
    inputs, expected, tol = vector["inputs"], vector["expected"], vector["tol"]
    relevant = np.array(inputs["relevance"], dtype=bool)
    positives = _Positives.of(relevant)
    np.testing.assert_array_equal(positives.counts, inputs["n_relevant"])
    batch = inputs["batch_size"]
    correct = positives.eleven_point()
    batches = [relevant[start : start + batch] for start in range(0, len(relevant), batch)]
    ranks = np.arange(1, relevant.shape[1] + 1)
    compatible, curves = zip(*(_pkth_scores(_Positives.of(b), b, ranks, len(b)) for b in batches), strict=True)
    curve = np.concatenate(curves)
    actual = {
        "precision": _precision_at(relevant, ranks),
        "interp_compat": curve,
        "ap11_correct": correct,
        "map11_correct": correct.mean(),
        "ap11_compat": np.concatenate(compatible),
        "map11_compat": np.concatenate(compatible).mean(),
        "ap_noninterpolated": positives.average_precision(),
        "precision_at_k": by_rank(_precision_at(relevant, ranks)),
        "raw_precision_at_k_compat": by_rank(curve),
    }
    compared = set(expected) & set(actual)
    assert {"map11_correct", "map11_compat"} <= compared
    assert set(expected) - compared <= {"recall", "interp_correct"}  # on the way to ap11_correct
    for name in compared:
        if isinstance(expected[name], dict):
            for k, value in expected[name].items():
                assert actual[name][k] == pytest.approx(value, abs=tol)
        else:
            np.testing.assert_allclose(actual[name], expected[name], rtol=0, atol=tol)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("metric", "name"), [("euclidean", "l2"), ("cosine", "cosine")])
def test_vectors_of_features(metric, name, dtype):
    inputs, expected, tol = FEATURES["inputs"], FEATURES["expected"][name], FEATURES["tol"]
    given_features = inputs["database"], inputs["db_labels"], inputs["queries"], inputs["query_labels"]
    scores = retrieval_scores(*given_features, metric=metric, at=(1, 3), dtype=dtype)
    assert scores.map_11 == pytest.approx(expected["map11_correct"], abs=tol)
    assert scores.precision_at == pytest.approx({int(k): v for k, v in expected["precision_at_k"].items()}, abs=tol)
    compatible = retrieval_scores(*given_features, metric=metric, at=(), dtype=dtype, compatible="pkth")
    assert compatible.map_11 == pytest.approx(expected["map11_compat"], abs=tol)
    assert compatible.precision_at == {}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_scores_are_those_of_plain_loops(metric, dtype):
    database, labels, queries, wanted = some_data(60, 2 * SLICE + 5, 4, 5)
    database[7] = queries[3] = 0.0
    scores = retrieval_scores(database, labels, queries, wanted, metric=metric, at=(1, 9, 60), block=20, dtype=dtype)
    for place, (query, label) in enumerate(zip(queries, wanted, strict=True)):
        relevance = [found == label for found in ranked_by_loops(database, labels, query, metric)]
        eleven, plain, precision = scores_by_loops(relevance)
        assert scores.interpolated_precision[place] == pytest.approx(eleven, abs=1e-12)
        assert scores.average_precision[place] == pytest.approx(plain, abs=1e-12)
        assert scores.precision[place].tolist() == pytest.approx([precision[0], precision[8], precision[59]])
    assert scores.map_11 == pytest.approx(np.mean(scores.interpolated_precision))
    assert scores.mean_average_precision == pytest.approx(np.mean(scores.average_precision))
    assert list(scores.precision_at) == [1, 9, 60]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_scores_of_rankings_are_those_of_plain_loops(data):
    n_queries, n_database = data.draw(st.integers(1, 7)), data.draw(st.integers(1, 25))
    bits = st.lists(st.booleans(), min_size=n_database, max_size=n_database).filter(any)
    relevant = np.array(data.draw(st.lists(bits, min_size=n_queries, max_size=n_queries)))
    positives, ranks = _Positives.of(relevant), np.arange(1, n_database + 1)
    expected = [scores_by_loops(row) for row in relevant.astype(int).tolist()]
    np.testing.assert_allclose(positives.eleven_point(), [row[0] for row in expected], atol=1e-12)
    np.testing.assert_allclose(positives.average_precision(), [row[1] for row in expected], atol=1e-12)
    averages, curves = pkth_by_loops(relevant.astype(int))
    actual_averages, actual_curves = _pkth_scores(positives, relevant, ranks, n_queries)
    np.testing.assert_allclose(actual_averages, averages, atol=1e-12)
    np.testing.assert_allclose(actual_curves, curves, atol=1e-12)


def test_the_compatible_evaluator_sees_batches_and_the_correct_one_does_not():
    data = some_data(80, 3 * SLICE + 3, 3, 4)
    for block in (SLICE + 1, 40):
        scores = retrieval_scores(*data, metric="euclidean", at=(3, 70), block=block, compatible="pkth")
        database, labels, queries, wanted = data
        relevant = [
            [found == label for found in ranked_by_loops(database, labels, query, "euclidean")]
            for query, label in zip(queries, wanted, strict=True)
        ]
        batches = [pkth_by_loops(relevant[start : start + block]) for start in range(0, len(relevant), block)]
        averages, curves = (np.concatenate(part) for part in zip(*batches, strict=True))
        np.testing.assert_allclose(scores.interpolated_precision, averages, atol=1e-12)
        np.testing.assert_allclose(scores.precision, curves[:, [2, 69]], atol=1e-12)
    figures = [retrieval_scores(*data, at=(3,), block=block, compatible="pkth").map_11 for block in (17, 40)]
    assert figures[0] != figures[1]
    small, large = (retrieval_scores(*data, at=(3,), block=block) for block in (1, 1000))
    np.testing.assert_array_equal(small.interpolated_precision, large.interpolated_precision)
    np.testing.assert_array_equal(small.precision, large.precision)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_equal_distances_are_ranked_by_index(metric, dtype):
    labels = ["far", "b", "a", "b", "a"]
    database = [[-5, 1], [2, 1], [2, 1], [2, 1], [2, 1]]
    scores = retrieval_scores(database, labels, [[2, 1], [4, 2]], ["a", "b"], metric=metric, at=(1, 2, 3), dtype=dtype)
    assert scores.precision.tolist() == [[0.0, 1 / 2, 1 / 3], [1.0, 1 / 2, 2 / 3]]


@pytest.mark.parametrize(
    ("levels", "stays_short"),
    [
        (None, True),  # hardly a tie
        (30_000, True),  # wide range and few bits left for the index, so that some ties have to be looked up
        (3_000, False),  # too many of them
        (2, True),  # large ties, but few
    ],
)
def test_ranking_by_keys_is_a_stable_sort(levels, stays_short):
    rng = np.random.default_rng(0)
    ranker = KeyRanker(1000)
    looked_up = 0
    for size in (SLICE, 3, SLICE, 1):
        distances = rng.random((size, 1000), dtype=np.float32)
        if levels:
            distances = np.round(distances**2 * levels) * np.float32(2.0**-80)
            distances[:, :4] = [0.0, 3e38, 0.0, 3e38]
        relevant = rng.random((size, 1000)) < 0.02
        before = distances.copy(), relevant.copy()
        expected = rank_by_argsort(distances, relevant)
        np.testing.assert_array_equal(ranker(distances, relevant), expected)
        np.testing.assert_array_equal(distances, before[0])
        np.testing.assert_array_equal(relevant, before[1])
        order = np.argsort(distances, axis=1, kind="stable")
        ranked = np.take_along_axis(distances, order, axis=1)
        looked_up += ((np.diff(ranked, axis=1) == 0) & expected[:, :-1] & ~expected[:, 1:]).sum()
    assert (ranker.keys.dtype == np.uint32) == stays_short
    assert looked_up > 0 or levels is None


@pytest.mark.parametrize("value", [0.0, 0.5, 3e38])
def test_ranking_by_keys_of_one_distance_keeps_the_order(value):
    relevant = np.random.default_rng(0).random((SLICE, 70_000)) < 0.1
    distances = np.full(relevant.shape, value, np.float32)
    np.testing.assert_array_equal(KeyRanker(70_000)(distances, relevant), relevant)


@pytest.mark.parametrize("dtype", DTYPES)
def test_whole_numbers_tie_exactly_however_far_from_the_origin(dtype):
    rng = np.random.default_rng(0)
    database, queries = rng.integers(0, 3, (200, 3)), rng.integers(0, 3, (40, 3))
    labels, wanted = rng.integers(0, 2, 200), rng.integers(0, 2, 40)
    here = retrieval_scores(database, labels, queries, wanted, metric="euclidean", at=(5,), dtype=dtype)
    for place in range(40):
        ranked = ranked_by_loops(database, labels, queries[place], "euclidean")
        assert here.average_precision[place] == pytest.approx(scores_by_loops([x == wanted[place] for x in ranked])[1])
    far = retrieval_scores(database + 10**6, labels, queries + 10**6, wanted, metric="euclidean", at=(5,), dtype=dtype)
    np.testing.assert_array_equal(here.average_precision, far.average_precision)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_a_row_finds_itself_first_though_rounding_makes_some_distances_negative(metric):
    rows = np.random.default_rng(0).normal(size=(300, 12))
    for dtype in DTYPES:
        scores = retrieval_scores(rows, np.arange(300), rows, np.arange(300), metric=metric, at=(1,), dtype=dtype)
        assert scores.precision_at == {1: 1.0}


def test_cosine_ignores_scale_and_euclidean_the_origin():
    database, labels, queries, wanted = some_data(300, 20, 5, 3)
    scale = np.random.default_rng(1).uniform(1e-20, 1e20, (300, 1))
    plain = retrieval_scores(database, labels, queries, wanted, dtype=np.float64)
    scaled = retrieval_scores(database * scale, labels, queries * 1e-30, wanted, dtype=np.float64)
    np.testing.assert_allclose(scaled.average_precision, plain.average_precision, atol=1e-12)
    plain = retrieval_scores(database, labels, queries, wanted, metric="euclidean", dtype=np.float64)
    moved = retrieval_scores(1e25 * (database + 1e3), labels, 1e25 * (queries + 1e3), wanted, metric="euclidean")
    np.testing.assert_allclose(moved.map_11, plain.map_11, atol=1e-4)


def test_single_precision_is_close_to_double_on_many_rows():
    data = some_data(4000, 30, 16, 10)
    for metric in ("cosine", "euclidean"):
        single, double = (retrieval_scores(*data, metric=metric, dtype=dtype) for dtype in DTYPES)
        np.testing.assert_allclose(single.interpolated_precision, double.interpolated_precision, atol=1e-4)
        assert single.average_precision.dtype == np.float64


def test_features_of_other_types_and_labels_of_text():
    database, labels, queries, wanted = some_data(50, 8, 4, 3)
    whole, asked = np.round(10 * database).astype(np.int8), np.round(10 * queries).astype(np.int8)
    names = np.array(["x", "y", "zebra"])
    for metric in ("cosine", "euclidean"):
        integers = retrieval_scores(whole, names[labels], asked, names[wanted], metric=metric, at=(5,))
        floats = retrieval_scores(whole.astype(float), labels, asked.astype(float), wanted, metric=metric, at=(5,))
        np.testing.assert_array_equal(integers.average_precision, floats.average_precision)


def test_nothing_given_is_changed():
    data = some_data(40, 5, 4, 3)
    before = [array.copy() for array in data]
    for metric in ("cosine", "euclidean"):
        retrieval_scores(*data, metric=metric, at=(5,), dtype=np.float64)
    for array, copy in zip(data, before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_memory_is_bounded_by_the_block(metric):
    n_database, block = 20_000, 8
    database, labels, queries, wanted = some_data(n_database, 200, 4, 10)
    tracemalloc.start()
    retrieval_scores(database, labels, queries, wanted, metric=metric, block=block)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    distances = block * n_database * 4
    ranking = SLICE * n_database * (8 + 1 + 1 + 1)  # keys, relevance before and after, one byte of each key
    fixed = n_database * (6 * 4 + 4 + 8 + 8 + 8)  # factor, index, norms, labels and their codes
    assert peak < 1.5 * (distances + ranking + fixed)
    assert peak < 200 * n_database * 4  # all queries at once would be more


def test_it_reads_well():
    scores = retrieval_scores([[1, 0], [1, 1], [0, 1]], [0, 1, 0], [[2, 0.1]], [0], at=[1, 2])
    assert str(scores) == "mAP11 84.85, mAP 83.33, P@1 100.00, P@2 50.00 (percent)"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": "l1"}, "metric='l1': expected 'cosine' or 'euclidean'"),
        ({"compatible": "faiss"}, "compatible='faiss': expected None or 'pkth'"),
        ({"block": 0}, "block=0: expected at least 1"),
        ({"at": (0,)}, "expected integers from 1 to the 3 rows"),
        ({"at": (4,)}, "expected integers from 1 to the 3 rows"),
        ({"at": (1.5,)}, "expected integers from 1 to the 3 rows"),
        ({"dtype": np.float16}, "dtype=float16: expected float32 or float64"),
        ({"queries": [[1.0]]}, "database has 2 features and queries have 1"),
        ({"queries": [1.0, 2.0]}, r"queries: expected features of shape .* got shape \(2,\)"),
        ({"queries": [[1j, 0]]}, "queries: expected real numbers, got dtype complex128"),
        ({"queries": [[np.nan, 0.0]]}, "queries: features must be finite"),
        ({"queries": [[np.inf, 0.0]]}, "queries: features must be finite"),
        ({"database": [[np.inf, 0.0], [1, 1], [2, 2]]}, "database: features must be finite"),
        ({"database": np.empty((0, 2)), "database_labels": []}, "database: expected features of shape"),
        ({"database_labels": [0, 1]}, r"database_labels: expected shape \(3,\), got \(2,\)"),
        ({"query_labels": [5]}, r"no row of the database has the labels \[5\]"),
        ({"query_labels": ["0"]}, "give both the same"),
    ],
)
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_what_can_not_be_scored_is_refused(changes, message, metric):
    good = {
        "database": [[1, 0], [1, 1], [0, 1.0]],
        "database_labels": [0, 1, 0],
        "queries": [[2, 0.1]],
        "query_labels": [0],
        "metric": metric,
        "at": (1,),
    }
    with pytest.raises(ValueError, match=message):
        retrieval_scores(**(good | changes))


def test_a_linear_probe_reads_what_is_linear_and_no_more():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(600, 2))
    linear = np.where(features @ [1.0, -1.0] > 0, "right", "left")
    crossed = features[:, 0] * features[:, 1] > 0
    # A column of large numbers and a constant one: standardised, they don't disturb.
    features = np.column_stack([features * [1.0, 1e6] + 50, np.ones(600)])
    features[:, 1] -= 50
    assert linear_probe_accuracy(features[:400], linear[:400], features[400:], linear[400:]) > 0.97
    assert linear_probe_accuracy(features[:400], crossed[:400], features[400:], crossed[400:]) < 0.65


def test_a_linear_probe_is_scored_on_the_test_rows():
    X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    assert linear_probe_accuracy(X, y, [[0.0], [3.0], [3.0], [3.0]], [0, 0, 0, 1]) == 0.5


def test_a_linear_probe_refuses_features_of_another_width():
    with pytest.raises(ValueError, match="features of shape"):
        linear_probe_accuracy([[0.0], [1.0]], [0, 1], [[0.0, 1.0]], [0])
