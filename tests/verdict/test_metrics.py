"""Every metric against plain loops or numbers worked out by hand on a few rows."""

import math

import numpy as np
import pytest
import sklearn.metrics

from stepdown.verdict import (
    accuracy,
    balanced_accuracy,
    brier_score,
    calibration_error,
    classification_metrics,
    classwise_calibration_error,
    fidelity,
    kl_divergence,
    log_loss,
    regression_fidelity,
    regression_metrics,
    total_variation,
)

PROBABILITY_METRICS = [log_loss, brier_score, calibration_error, classwise_calibration_error]
Y = np.array(["a", "b", "b", "c", "a"])
P = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.5, 0.3, 0.2], [0.0, 0.1, 0.9], [0.4, 0.4, 0.2]])
CLASSES = np.array(["a", "b", "c"])


def column(label):
    return list(CLASSES).index(label)


def test_accuracy_by_hand():
    assert accuracy([0, 1, 1, 2], [0, 1, 2, 2]) == 0.75
    assert accuracy([0, 1], [0, 0], sample_weight=[3.0, 1.0]) == 0.75


def test_balanced_accuracy_by_hand_with_a_class_that_only_the_model_knows():
    # recall of 0 is 1/2 (one answered 2, which isn't in y), of 1 is 1: no warning, mean 3/4
    assert balanced_accuracy([0, 0, 1], [0, 2, 1]) == 0.75


def test_balanced_accuracy_is_that_of_sklearn():
    rng = np.random.default_rng(0)
    y, answer, weight = rng.integers(0, 4, 100), rng.integers(0, 4, 100), rng.random(100)
    expected = sklearn.metrics.balanced_accuracy_score(y, answer, sample_weight=weight)
    assert balanced_accuracy(y, answer, sample_weight=weight) == pytest.approx(expected)


def test_log_loss_by_hand():
    expected = -np.mean([math.log(P[row, column(label)]) for row, label in enumerate(Y)])
    assert log_loss(Y, P, CLASSES) == pytest.approx(expected)


def test_log_loss_of_a_confident_error_is_finite():
    assert log_loss(["a"], [[0.0, 1.0]], ["a", "b"]) == pytest.approx(-math.log(np.finfo(float).eps))
    assert math.copysign(1.0, log_loss(["b"], [[0.0, 1.0]], ["a", "b"])) == 1.0


def test_brier_by_hand():
    expected = np.mean([sum((P[row, c] - (column(label) == c)) ** 2 for c in range(3)) for row, label in enumerate(Y)])
    assert brier_score(Y, P, CLASSES) == pytest.approx(expected)
    assert brier_score(["a"], [[0.0, 1.0]], ["a", "b"]) == 2.0


def loop_ece(confidence, hits, n_bins):
    total = 0.0
    for b in range(n_bins):
        low, high = b / n_bins, (b + 1) / n_bins
        inside = [i for i, c in enumerate(confidence) if low < c <= high or (b == 0 and c == 0.0)]
        if inside:
            gap = np.mean([hits[i] for i in inside]) - np.mean([confidence[i] for i in inside])
            total += len(inside) / len(confidence) * abs(gap)
    return total


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    # 0.5 | 0.9: |1 - 0.5| / 2 + |0 - 0.9| / 2; in one bin it would be |0.5 - 0.7|
    assert calibration_error(["a", "b"], [[0.5, 0.5], [0.9, 0.1]], ["a", "b"], n_bins=2) == pytest.approx(0.7)


@pytest.mark.parametrize("n_bins", [1, 2, 7, 15])
def test_calibration_against_loops(n_bins):
    rng = np.random.default_rng(1)
    proba = rng.dirichlet([0.5, 0.7, 1.0], 200)
    y = CLASSES[rng.integers(0, 3, 200)]
    winner = proba.argmax(axis=1)
    expected = loop_ece(proba.max(axis=1), CLASSES[winner] == y, n_bins)
    assert calibration_error(y, proba, CLASSES, n_bins=n_bins) == pytest.approx(expected)
    expected = np.mean([loop_ece(proba[:, c], y == CLASSES[c], n_bins) for c in range(3)])
    assert classwise_calibration_error(y, proba, CLASSES, n_bins=n_bins) == pytest.approx(expected)


def test_equal_mass_bins_by_hand():
    # Confidences .6 .7 .8 .9, two bins of two rows: |(1 + 0)/2 - .65| / 2 + |(1 + 1)/2 - .85| / 2
    proba = [[0.6, 0.4], [0.7, 0.3], [0.8, 0.2], [0.9, 0.1]]
    y = ["a", "b", "a", "a"]
    value = calibration_error(y, proba, ["a", "b"], n_bins=2, strategy="quantile")
    assert value == pytest.approx(0.5 * 0.15 + 0.5 * 0.15)
    # With equal width all four lie in the upper bin: |3/4 - 3/4|
    assert calibration_error(y, proba, ["a", "b"], n_bins=2) == pytest.approx(0.0)


def test_equal_confidences_share_a_bin():
    # Half of the rows with 0.75 are right in the first half, all in the second: cut apart they would show an error.
    proba = [[0.75, 0.25]] * 8
    y = ["a", "b", "a", "b", "a", "a", "a", "a"]
    assert calibration_error(y, proba, ["a", "b"], n_bins=2, strategy="quantile") == pytest.approx(0.0)


def test_weights_count_as_repeated_rows():
    weight = np.array([2, 1, 3, 1, 2])
    again = np.repeat(np.arange(5), weight)
    for metric in PROBABILITY_METRICS:
        assert metric(Y, P, CLASSES, sample_weight=weight) == pytest.approx(metric(Y[again], P[again], CLASSES))
    for metric in (kl_divergence, total_variation):
        expected = metric(P[again], P[::-1][again])
        assert metric(P, P[::-1], sample_weight=weight) == pytest.approx(expected)


@pytest.mark.parametrize("metric", PROBABILITY_METRICS)
def test_order_of_columns_does_not_matter(metric):
    order = [2, 0, 1]
    assert metric(Y, P[:, order], CLASSES[order]) == pytest.approx(metric(Y, P, CLASSES))


def test_fidelity_by_hand():
    assert fidelity([0, 1, 2, 2], [0, 1, 2, 0]) == 0.75
    assert fidelity([0, 1], [0, 0], sample_weight=[3.0, 1.0]) == 0.75
    assert fidelity([[0.9, 0.1], [0.4, 0.6]], [[0.6, 0.4], [0.6, 0.4]]) == 0.5
    assert regression_fidelity([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]) == 1.0
    assert regression_fidelity([1.0, 2.0, 3.0], [2.0, 2.0, 2.0]) == 0.0
    # Not symmetric: the spread that counts is the teacher's. 1 - 1/2 against 1 - 1/(2/3)
    assert regression_fidelity([1.0, 2.0, 3.0], [1.0, 2.0, 2.0]) == pytest.approx(0.5)
    assert regression_fidelity([1.0, 2.0, 2.0], [1.0, 2.0, 3.0]) == pytest.approx(-0.5)


def test_divergences_against_loops():
    teacher, student = P, np.roll(P, 1, axis=0) * 0.9 + 0.1 / 3
    kl = np.mean(
        [
            sum(p * math.log(p / q) for p, q in zip(a, b, strict=True) if p > 0)
            for a, b in zip(teacher, student, strict=True)
        ]
    )
    assert kl_divergence(teacher, student) == pytest.approx(kl)
    tv = np.mean(
        [sum(abs(p - q) for p, q in zip(a, b, strict=True)) / 2 for a, b in zip(teacher, student, strict=True)]
    )
    assert total_variation(teacher, student) == pytest.approx(tv)
    assert kl_divergence(P, P) == 0.0
    assert total_variation(P, P) == 0.0


def test_divergence_from_an_excluded_class_is_finite():
    assert kl_divergence([[0.0, 1.0]], [[1.0, 0.0]]) == pytest.approx(-math.log(np.finfo(float).eps))
    assert total_variation([[0.0, 1.0]], [[1.0, 0.0]]) == 1.0


@pytest.mark.parametrize("metric", PROBABILITY_METRICS)
def test_bad_probabilities_and_labels(metric):
    with pytest.raises(ValueError, match="sum to 1"):
        metric(["a"], [[0.5, 0.6]], ["a", "b"])
    with pytest.raises(ValueError, match="not negative"):
        metric(["a"], [[-0.5, 1.5]], ["a", "b"])
    with pytest.raises(ValueError, match="shape"):
        metric(["a"], [0.5], ["a", "b"])
    with pytest.raises(ValueError, match="not among the classes"):
        metric(["d"], [[0.5, 0.5]], ["a", "b"])
    with pytest.raises(ValueError, match="labels of the columns"):
        metric(["a"], [[0.5, 0.5]], ["a", "b", "c"])
    with pytest.raises(ValueError, match="y_true"):
        metric(["a", "b"], [[0.5, 0.5]], ["a", "b"])
    with pytest.raises(ValueError, match="not all zero"):
        metric(["a"], [[0.5, 0.5]], ["a", "b"], sample_weight=[0.0])
    with pytest.raises(ValueError, match="sample_weight"):
        metric(["a"], [[0.5, 0.5]], ["a", "b"], sample_weight=[1.0, 1.0])


def test_bad_bins_and_shapes():
    with pytest.raises(ValueError, match="n_bins=0"):
        calibration_error(Y, P, CLASSES, n_bins=0)
    with pytest.raises(ValueError, match="strategy"):
        calibration_error(Y, P, CLASSES, strategy="mass")
    with pytest.raises(ValueError, match="equal shapes"):
        kl_divergence(P, P[:2])
    with pytest.raises(ValueError, match="equal shapes"):
        fidelity(Y, P)


def test_all_metrics_of_a_classifier():
    metrics = classification_metrics(Y, P, CLASSES, np.roll(P, 1, axis=0))
    answers = CLASSES[P.argmax(axis=1)]
    assert metrics == {
        "accuracy": accuracy(Y, answers),
        "balanced_accuracy": balanced_accuracy(Y, answers),
        "log_loss": log_loss(Y, P, CLASSES),
        "brier_score": brier_score(Y, P, CLASSES),
        "calibration_error": calibration_error(Y, P, CLASSES),
        "fidelity": fidelity(np.roll(answers, 1), answers),
        "kl_divergence": kl_divergence(np.roll(P, 1, axis=0), P),
        "total_variation": total_variation(np.roll(P, 1, axis=0), P),
    }
    assert "fidelity" not in classification_metrics(Y, P, CLASSES)


def test_all_metrics_of_a_regressor():
    metrics = regression_metrics([1.0, 2.0, 3.0], [1.0, 2.0, 4.0], [1.0, 2.0, 3.0])
    assert metrics == pytest.approx({"r2": 0.5, "rmse": math.sqrt(1 / 3), "mae": 1 / 3, "fidelity": 0.5})
    assert set(regression_metrics([1.0], [2.0], [1.0])) == {"rmse", "mae"}
