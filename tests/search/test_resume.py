"""Searches that are killed and started again."""

import multiprocessing
import pickle
import random
import signal
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.tree import BaseDecisionTree, DecisionTreeClassifier

from stepdown import KD, DynamicProgramming, MultihopClassifier
from stepdown.core import TransferSet
from stepdown.search import Gate
from stepdown.search._store import Store, hash_of, hash_of_rows

# A search in a process of its own. What it finds goes into a file; every fit of a tree is one byte in another.
SCRIPT = """
import os, pickle
from sklearn.datasets import make_moons
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import BaseDecisionTree, DecisionTreeClassifier
from stepdown import ConfWeight, DynamicProgramming, KD, MultihopClassifier, SRatio
from stepdown.search import Gate

fits, grow = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), BaseDecisionTree._fit

def counting(self, *args, **kwargs):
    os.write(fits, b".")
    return grow(self, *args, **kwargs)

BaseDecisionTree._fit = counting
X, y = make_moons(300, noise=0.35, random_state=0)
clf = MultihopClassifier(
    DecisionTreeClassifier(), DecisionTreeClassifier(max_depth=2), methods=[KD(), SRatio()],
    intermediates=[("deep", DecisionTreeClassifier(max_depth=5)), ("bag", RandomForestClassifier(20, max_depth=4))],
    search=eval(search), cv=3, random_state=0, memory=memory if memory != "-" else None,
).fit(X, y)
tree = clf.student_.tree_.__getstate__()
found = {
    "nodes": tree["nodes"].tobytes(),
    "values": tree["values"].tobytes(),
    "says": clf.predict_proba(X).tobytes(),
    "candidates": [{**row, "seconds": 0} for row in clf.candidates_],
    "comparison": clf.comparison_,
    # Without the bytes, which depend on what strings the pickle of an unpickled model shares.
    "chain": [(record.name, record.teachers, repr(record.method), str(record.complexity)) for record in clf.chain_],
}
with open(out, "wb") as file:
    pickle.dump(found, file)
"""


# Children of a process that has imported everything begin at once, and know nothing of this one.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["pytest", "stepdown", "sklearn.datasets", "sklearn.ensemble"])


def start(folder: Path, memory: object, search: str, run: str) -> multiprocessing.process.BaseProcess:
    given = {"memory": str(memory), "out": folder / f"{run}.pkl", "log": folder / f"{run}.log", "search": search}
    process = PROCESSES.Process(target=exec, args=(SCRIPT, given))
    process.start()
    return process


def ended(process: multiprocessing.process.BaseProcess) -> int:
    process.join()
    return process.exitcode


def outcome(folder: Path, run: str) -> tuple[dict, int]:
    return pickle.loads((folder / f"{run}.pkl").read_bytes()), (folder / f"{run}.log").stat().st_size


@pytest.mark.parametrize(
    ("search", "kills"),
    [("DynamicProgramming(max_fits=80)", 2), ("Gate()", 1)],
)
def test_a_killed_search_ends_like_one_that_was_not(search, kills, tmp_path) -> None:
    assert ended(start(tmp_path, "-", search, "whole")) == 0
    expected, all_fits = outcome(tmp_path, "whole")
    memory, chance, made = tmp_path / "memory", random.Random(0), 0
    for attempt in range(kills):
        log = tmp_path / f"killed {attempt}.log"
        process = start(tmp_path, memory, search, f"killed {attempt}")
        # The moment is counted in fits: seconds would depend on the machine.
        last = chance.randrange(10, max(11, int(0.8 * all_fits) - made))
        while process.is_alive() and (not log.exists() or log.stat().st_size < last):
            time.sleep(0.002)
        process.kill()
        assert ended(process) == -signal.SIGKILL
        made += log.stat().st_size
    assert ended(start(tmp_path, memory, search, "resumed")) == 0
    found, fits = outcome(tmp_path, "resumed")
    assert found == expected
    assert fits < all_fits
    if kills == 1:
        return
    assert ended(start(tmp_path, memory, search, "again")) == 0
    found, fits = outcome(tmp_path, "again")
    assert found == expected
    assert fits < 0.1 * all_fits  # the hop that the budget cut short


TREE = DecisionTreeClassifier(max_depth=2)


def chain(memory, **changes) -> MultihopClassifier:
    clf = MultihopClassifier(RandomForestClassifier(20), TREE, random_state=0, memory=memory)
    return clf.set_params(**changes)


def files(folder: Path) -> dict[Path, tuple[bytes, int]]:
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("search", [Gate(), DynamicProgramming(60)], ids=repr)
def test_memory_changes_no_result(search, wine, tmp_path) -> None:
    plain, kept, read = (clf.fit(*wine) for clf in (chain(m, search=search) for m in (None, tmp_path, tmp_path)))
    for clf in (kept, read):
        np.testing.assert_array_equal(clf.predict_proba(wine[0]), plain.predict_proba(wine[0]))
        assert clf.comparison_ == plain.comparison_
    timeless = [[{**row, "seconds": 0} for row in clf.candidates_] for clf in (kept, read)]
    assert timeless[0] == timeless[1]


@pytest.mark.parametrize("given", [{}, {"compress": 3}, {"mmap_mode": "r"}], ids=str)
def test_a_memory_is_used_as_it_is_given(given, wine, tmp_path, monkeypatch) -> None:
    memory = joblib.Memory(tmp_path, verbose=0, **given)
    plain, kept = (chain(m).fit(*wine) for m in (None, memory))
    assert list(tmp_path.rglob("output.pkl"))
    assert not list(tmp_path.rglob("hop-*"))
    monkeypatch.setattr(BaseDecisionTree, "_fit", None)  # nothing is fitted again
    read = chain(joblib.Memory(tmp_path, verbose=0, **given)).fit(*wine)
    for clf in (kept, read):
        np.testing.assert_array_equal(clf.predict_proba(wine[0]), plain.predict_proba(wine[0]))
        assert clf.comparison_ == plain.comparison_


@pytest.mark.parametrize("damage", ["empty", "not of ours", "half", "swapped", "a pickle that runs code"])
def test_files_that_are_not_ours_are_ignored_with_a_warning_and_made_again(damage, wine, tmp_path) -> None:
    expected = chain(tmp_path).fit(*wine)
    before = files(tmp_path)
    path = next(path for path in before if path.name.startswith("fold-"))
    whole, other = before[path][0], next(body for name, (body, _) in before.items() if name.name.startswith("hop-"))
    path.write_bytes(
        {
            "empty": b"",
            "not of ours": b"not of ours",
            "half": whole[: len(whole) // 2],
            "swapped": other,
            "a pickle that runs code": b"cos\nsystem\n(S'echo ran > " + str(tmp_path).encode() + b"/ran'\ntR.",
        }[damage]
    )
    with pytest.warns(UserWarning, match=r"fold-.*ignored and will be made again"):
        again = chain(tmp_path).fit(*wine)
    np.testing.assert_array_equal(again.predict_proba(wine[0]), expected.predict_proba(wine[0]))
    assert again.comparison_ == expected.comparison_
    assert not (tmp_path / "ran").exists()
    chain(tmp_path).fit(*wine)  # without a warning: it has been made again


def test_other_data_seeds_models_methods_and_searches_share_nothing_but_the_teacher(wine, tmp_path) -> None:
    X, y = (part[::2] for part in wine)
    clf = chain(tmp_path, teacher__n_estimators=5, intermediates=[("deep", DecisionTreeClassifier(max_depth=4))])
    clf.fit(X, y)
    n_teachers = len(list(tmp_path.rglob("teacher-*")))
    others = [
        (clone(clf).set_params(student__max_depth=3), X, y),
        (clone(clf).set_params(methods=KD(temperature=2.0)), X, y),
        (clone(clf).set_params(search=Gate(folds=3)), X, y),
        (clone(clf).set_params(scoring="neg_log_loss"), X, y),
        (clone(clf).set_params(random_state=1), X, y),
        (clone(clf), X + 1e-12, y),
        (clone(clf), X, np.where(np.arange(len(y)) == 3, 2, y)),
    ]
    for number, (other, rows, labels) in enumerate(others):
        before = files(tmp_path)
        other.fit(rows, labels)
        after = files(tmp_path)
        assert {path: after[path] for path in before} == before, number
        assert len(after) >= len(before) + 5, number
        plain = clone(other).set_params(memory=None).fit(rows, labels)
        np.testing.assert_array_equal(other.predict_proba(rows), plain.predict_proba(rows))
    # Of seven other calls four have the same teacher.
    assert len(list(tmp_path.rglob("teacher-*"))) == n_teachers + 3


def test_processes_and_talk_are_no_part_of_the_name(wine, tmp_path) -> None:
    chain(tmp_path).fit(*wine)
    before = files(tmp_path)
    chain(tmp_path, verbose=1, n_jobs=1).fit(*wine)
    assert files(tmp_path) == before


def test_frames_and_frozen_teachers(wine, tmp_path) -> None:
    X, y = wine
    frame = pd.DataFrame(X, columns=[f"f{i}" for i in range(X.shape[1])])
    for rows in (frame, pl.DataFrame(dict(frame))):
        frozen = FrozenEstimator(RandomForestClassifier(10, random_state=0).fit(rows, y))
        chain(tmp_path, teacher=frozen).fit(rows, y)
        before = files(tmp_path)
        chain(tmp_path, teacher=pickle.loads(pickle.dumps(frozen))).fit(rows.copy() if rows is frame else rows, y)
        assert files(tmp_path) == before


def test_hashes_know_equal_from_different() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})

    def of(X, **rest):
        return hash_of_rows(TransferSet(X, np.array([0, 1]), **rest))

    assert of(frame) == of(frame.copy())
    changed = [frame.rename(columns={"a": "c"}), frame.assign(b=["x", "z"]), frame.astype({"a": "float32"})]
    different = [frame, *changed, pl.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})]
    assert len({of(X) for X in different}) == len(different)
    X = np.eye(2)
    assert len({of(X), of(X, sample_weight=np.ones(2)), of(X, groups=np.ones(2)), of(X, X_unlabeled=X)}) == 4
    shared = KD()
    assert hash_of(shared, shared) == hash_of(KD(), KD()) != hash_of(KD(), KD(cv=3))


def test_what_can_not_be_hashed_or_kept_costs_a_warning_and_no_result(wine, tmp_path) -> None:
    class Local(DecisionTreeClassifier):
        pass

    with pytest.warns(UserWarning, match="memory isn't used: no hash"):
        chain(tmp_path, teacher=Local()).fit(*wine)
    store = Store(tmp_path, "root")
    with pytest.warns(UserWarning, match="hop can't be kept"):
        store.save(lambda: None, "hop")
    assert store.load("hop") is None


def test_no_half_written_file_is_left_under_its_name(tmp_path, monkeypatch) -> None:
    store = Store(tmp_path, "root")

    def fail(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("stepdown.search._store.os.replace", fail)
    with pytest.raises(KeyboardInterrupt):
        store.save(np.arange(10), "hop")
    assert store.load("hop") is None
