"""Many fits at once, in threads and in processes: each gives what it gives alone, and leaves nothing behind."""

import hashlib
import json
import multiprocessing
import os
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from stepdown import MultihopClassifier

CODE = "from pathlib import Path; from search.test_threads import found; Path(out).write_text(found(0))"


def fitted(seed, memory=None):
    X, y = make_classification(80, 5, random_state=seed)
    clf = MultihopClassifier(
        RandomForestClassifier(8), DecisionTreeClassifier(max_depth=2), random_state=seed, cv=2, memory=memory
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return clf.fit(X, y), X


def found(seed, memory=None):
    """A digest of the student, and of what was compared to choose it."""
    clf, X = fitted(seed, memory)
    return hashlib.sha256(clf.predict_proba(X).tobytes() + json.dumps(clf.comparison_).encode()).hexdigest()


@pytest.fixture(scope="module")
def alone():
    return {seed: found(seed) for seed in (0, 1)}


def test_eight_threads_find_what_one_finds(alone, tmp_path):
    seeds = [0, 1] * 4
    with ThreadPoolExecutor(8) as threads:
        # One memory for all: the same files are written by several at once.
        together = list(threads.map(found, seeds, [tmp_path] * 8))
    assert together == [alone[seed] for seed in seeds]
    assert list(tmp_path.rglob("*.part")) == []


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_processes_find_what_this_one_finds(method, alone, tmp_path, monkeypatch):
    """A spawned one is a new interpreter, whose hashes have another order."""
    monkeypatch.setenv("PYTHONHASHSEED", "123")
    process = multiprocessing.get_context(method).Process(target=exec, args=(CODE, {"out": tmp_path / "out"}))
    process.start()
    process.join()
    assert (tmp_path / "out").read_text() == alone[0]


@pytest.mark.soak
@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts by Linux")
def test_two_hundred_fits_leave_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def held():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]), len(os.listdir("/proc/self/fd")), len(os.listdir("/dev/shm"))

    for seed in range(30):
        found(seed)
    before = held()
    for seed in range(200):
        found(seed)
    after = held()
    assert after[1:] == before[1:]
    assert after[0] <= 1.05 * before[0]
    assert list(tmp_path.iterdir()) == []
