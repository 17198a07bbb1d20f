"""Likely label errors against plain loops, and against noise that was put in."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_wine
from sklearn.ensemble import RandomForestClassifier

from made import label_noise
from stepdown.diagnosis import likely_label_errors


def by_loops(y, proba, n_classes):
    thresholds = [np.mean([p[c] for p, label in zip(proba, y, strict=True) if label == c]) for c in range(n_classes)]
    joint, rows = np.zeros((n_classes, n_classes)), []
    for place, (p, label) in enumerate(zip(proba, y, strict=True)):
        reached = [c for c in range(n_classes) if p[c] >= thresholds[c]]
        if reached:
            best = max(reached, key=lambda c: p[c])
            joint[label, best] += 1
            if best != label:
                rows.append(place)
    for c in range(n_classes):
        joint[c] *= np.sum(np.asarray(y) == c) / joint[c].sum()
    return 1 - np.trace(joint) / joint.sum(), rows


def test_against_loops() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=60)
    proba = rng.dirichlet(np.ones(3), size=60) * 0.8 + 0.2 * np.eye(3)[y]
    share, rows = by_loops(y, proba, 3)
    found = likely_label_errors(y, proba, [0, 1, 2])
    assert found.rows.tolist() == rows
    assert len(rows) > 3
    assert found.share == pytest.approx(share)


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2, 0.3])
@pytest.mark.parametrize("load", [load_digits, load_wine])
def test_noise_that_was_put_in_is_found(load, noise) -> None:
    X, y = load(return_X_y=True)
    X, y = X[-500:], y[-500:]
    noisy = label_noise(y, noise, seed=0)
    forest = RandomForestClassifier(100, oob_score=True, min_samples_leaf=1, random_state=0).fit(X, noisy)
    found = likely_label_errors(noisy, forest.oob_decision_function_, forest.classes_)
    assert found.share == pytest.approx(noise, abs=0.07)
    if noise:
        wrong = np.flatnonzero(noisy != y)
        assert np.mean(np.isin(found.rows, wrong)) > 0.7
        assert np.mean(np.isin(wrong, found.rows)) > 0.5


def test_a_model_that_repeats_labels_doubts_none() -> None:
    y = load_wine().target
    noisy = label_noise(y, 0.3, seed=0)
    found = likely_label_errors(noisy, np.eye(3)[noisy], [0, 1, 2])
    assert found.share == 0
    assert len(found.rows) == 0


def test_a_class_without_labels_is_never_likely() -> None:
    found = likely_label_errors(["a", "b"], [[0.5, 0.4, 0.1], [0.1, 0.4, 0.5]], ["a", "b", "c"])
    assert found.rows.tolist() == []
