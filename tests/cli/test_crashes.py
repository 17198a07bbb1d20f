"""Runs that are killed, starved or left alone: nothing paid for is lost, nothing half-written stays, no traceback.

`make soak` kills as often as the project promises; here it is a few times.
"""

import contextlib
import errno
import json
import multiprocessing
import os
import random
import signal
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io

from made import mixed_table
from stepdown import cli
from stepdown.cli._output import used_alone, written_whole
from stepdown.core import InvalidInputError
from stepdown.oracle import _answer_file
from stepdown.oracle._answer_file import Answer, AnswerFile
from stepdown.search._store import Store

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and locks of Unix")

WORDS = [
    *("--target", "churn", "--teacher", "forest:n_estimators=10", "--student", "tree:max_depth=2"),
    *("--folds", "2", "--search", "dynamic:max_fits=12"),
]
# Without validation, where it makes no difference.
UNSEEN = [*WORDS[:-2], "--search", "one-hop"]
# Children of a process that has imported everything begin at once, and know nothing of this one.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["stepdown.cli._app", "stepdown.cli._results", "stepdown.large", "skrub", "skops.io"])


def work(folder, words, prepare=None):
    """The command line in a folder, as a process; what it tells people goes into a file beside the folder."""
    os.chdir(folder)
    with open(os.devnull, "w") as nowhere, open(told_by(folder), "w") as people:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(people.fileno(), 2)
    if prepare is not None:
        prepare()
    sys.argv = ["stepdown", *map(str, words)]
    cli.main()


def told_by(folder):
    return folder.with_suffix(".told")


def told(folder):
    return told_by(folder).read_text() if told_by(folder).exists() else ""


def dies_after(calls, owner, name):
    """The process kills itself when a method of ours has been called so often."""
    method, made = getattr(owner, name), []

    def dying(*args, **keywords):
        result = method(*args, **keywords)
        made.append(name)
        if len(made) == calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, dying)


def writes_slowly():
    """The process waits when the student is in its file and the rest is not."""
    from stepdown.cli import _results

    def slowly(*_):
        print("half", file=sys.stderr, flush=True)
        time.sleep(60)

    _results._check_parity = slowly


def is_left_by_its_reader(*streams):
    """Like ``stepdown run ... | head -0``."""
    reader, writer = os.pipe()
    os.close(reader)
    for stream in streams:
        os.dup2(writer, stream)


def started(*given):
    process = PROCESSES.Process(target=work, args=given)
    process.start()
    return process


def ended(process):
    process.join()
    return process.exitcode


def outcome(folder, rows):
    about = json.loads((folder / "result.json").read_text())
    student = skops.io.load(folder / "student.skops", trusted=about["student"]["trusted_types"])
    return about["validation"], (folder / "student.txt").read_text(), student.predict_proba(rows).tolist()


def kept(memory):
    return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in memory.rglob("*.pkl")}


def customers():
    return pd.DataFrame(mixed_table(120, seed=0)).drop(columns="spending")


@pytest.fixture
def table(tmp_path):
    frame = customers()
    frame.to_csv(tmp_path / "customers.csv", index=False)
    return frame


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """How a run ends that nobody disturbs, and after how many seconds."""
    folder, frame = tmp_path_factory.mktemp("undisturbed"), customers()
    frame.to_csv(folder / "customers.csv", index=False)
    began = time.monotonic()
    assert ended(started(folder, ["run", "customers.csv", *WORDS, "--out", "out"])) == 0
    return outcome(folder / "out", frame.drop(columns="churn")), time.monotonic() - began


def check_killed_runs(tmp_path, frame, undisturbed, kills, seed):
    rows, chance, memory = frame.drop(columns="churn"), random.Random(seed), tmp_path / "memory"
    expected, lasts = undisturbed
    for kill in range(kills):
        number = kill + 1
        words = ["run", "customers.csv", *WORDS, "--memory", memory, "--out", f"out-{number}"]
        before = kept(memory)
        if kill % 5 == 4:
            dies = partial(dies_after, chance.randrange(1, 4), Path, "write_text")
            assert ended(started(tmp_path, words, dies)) == -signal.SIGKILL
            assert [path.name for path in tmp_path.glob(".out-*")] != []
        else:
            process = started(tmp_path, words)
            process.join(chance.uniform(0, lasts))
            process.kill()
            assert ended(process) in (0, -signal.SIGKILL)
        # What was paid for stays as it is, and is read rather than made again.
        assert before.items() <= kept(memory).items()
        if chance.random() < 0.3 or kill == kills - 1:
            with contextlib.suppress(FileNotFoundError):
                (tmp_path / f"out-{number}").rename(tmp_path / f"killed-{number}")
            assert ended(started(tmp_path, words)) == 0
            assert outcome(tmp_path / f"out-{number}", rows) == expected
            assert list(tmp_path.glob(f".out-{number}.*")) == []
            if chance.random() < 0.5:
                for path in kept(memory):
                    path.unlink()


def test_killed_runs_end_like_one_that_was_not(tmp_path, table, undisturbed):
    check_killed_runs(tmp_path, table, undisturbed, kills=1, seed=0)


def test_a_run_that_was_killed_goes_on(tmp_path, table, undisturbed, call):
    """When it has kept three things; the next one takes these and ends as if undisturbed."""
    words = ["run", "customers.csv", *WORDS, "--memory", tmp_path / "memory", "--out", "out"]
    assert ended(started(tmp_path, words, partial(dies_after, 3, Store, "save"))) == -signal.SIGKILL
    before = kept(tmp_path / "memory")
    assert len(before) == 3
    assert any(path.name.startswith("teacher") for path in before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["customers.csv", "memory"]
    assert call(*words).exit_code == 0
    after = kept(tmp_path / "memory")
    assert before.items() < after.items()
    assert outcome(tmp_path / "out", table.drop(columns="churn")) == undisturbed[0]


@pytest.mark.soak
def test_runs_killed_fifty_times(tmp_path, table, undisturbed):
    check_killed_runs(tmp_path, table, undisturbed, kills=50, seed=1)


def test_a_run_that_dies_while_it_writes_is_cleared_by_the_next(tmp_path, table, call):
    words = ["run", "customers.csv", *UNSEEN, "--out", "out"]
    assert ended(started(tmp_path, words, partial(dies_after, 2, Path, "write_text"))) == -signal.SIGKILL
    assert [path.suffix for path in tmp_path.glob(".out.*")] == [".part"]
    assert not (tmp_path / "out").exists()
    assert call(*words).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["customers.csv", "out"]


def test_only_what_the_dead_have_left_is_cleared(tmp_path):
    (tmp_path / ".out.deadbeef.part").mkdir()
    (tmp_path / ".out.my own file.part").mkdir()
    with written_whole(tmp_path / "out") as living:
        with written_whole(tmp_path / "out") as other:
            assert living.exists()
            assert other != living
        (tmp_path / "out").rename(tmp_path / "first")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out.my own file.part", "first", "out"]


def when(process, ready, sign):
    """Send a signal to a process as soon as it is ready for that."""
    while process.is_alive() and not ready():
        time.sleep(0.01)
    os.kill(process.pid, sign)
    return ended(process)


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_told_to_end_leaves_nothing(tmp_path, table, sign, code):
    process = started(tmp_path, ["run", "customers.csv", *WORDS, "--memory", "memory", "--out", "out"])
    assert when(process, lambda: kept(tmp_path / "memory"), sign) == code
    assert {path.name for path in tmp_path.iterdir()} == {"customers.csv", "memory"}
    assert "Traceback" not in told(tmp_path)


def test_a_teacher_that_takes_long_can_be_interrupted(tmp_path, table):
    teacher = ["--target", "churn", "--teacher", "forest:n_estimators=5000", "--out", "out"]
    process = started(tmp_path, ["run", "customers.csv", *teacher])
    assert when(process, lambda: "fitting the teacher" in told(tmp_path), signal.SIGINT) == 130
    assert "interrupted" in told(tmp_path)
    assert "Traceback" not in told(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["customers.csv"]


def test_an_interruption_while_files_are_written_leaves_nothing(tmp_path, table):
    process = started(tmp_path, ["run", "customers.csv", *UNSEEN, "--out", "out"], writes_slowly)
    parts = []

    def half():
        parts[:] = [path for path in tmp_path.iterdir() if path.suffix == ".part"]
        return "half\n" in told(tmp_path)

    assert when(process, half, signal.SIGINT) == 130
    assert len(parts) == 1
    assert "Traceback" not in told(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["customers.csv"]


@pytest.mark.parametrize("streams", [(1,), (1, 2)], ids=["results", "everything"])
def test_a_reader_that_leaves_stops_nothing(tmp_path, table, streams):
    """The folder is whole, the end is quiet, the code is that of SIGPIPE."""
    words = ["run", "customers.csv", *UNSEEN, "--out", "out"]
    assert ended(started(tmp_path, words, partial(is_left_by_its_reader, *streams))) == 128 + signal.SIGPIPE
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["chain.txt", "report.html", "result.json", "student.skops", "student.txt"]
    assert "Broken" not in told(tmp_path)
    assert "Traceback" not in told(tmp_path)


# Two at once ----------------------------------------------------------------------------------------------------------


def test_two_runs_do_not_share_a_memory_folder(tmp_path, table, call):
    with used_alone(tmp_path / "memory"):
        said = call("run", "customers.csv", *WORDS, "--memory", "memory")
        assert (said.exit_code, "another run uses this memory folder" in said.output) == (2, True)
    with used_alone(tmp_path / "memory"):
        pass


# The disk -------------------------------------------------------------------------------------------------------------


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, table, call, monkeypatch):
    monkeypatch.setattr(Path, "write_text", full)
    said = call("run", "customers.csv", *UNSEEN, "--out", "out")
    assert (said.exit_code, "error: No space left on device" in said.output) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["customers.csv"]


@pytest.mark.filterwarnings("default:.*be written")
def test_a_memory_folder_without_room_costs_no_run(tmp_path, table, call, monkeypatch):
    monkeypatch.setattr(Path, "write_bytes", full)
    said = call("run", "customers.csv", *UNSEEN, "--memory", "memory", "--out", "out")
    assert said.exit_code == 0
    assert "can't be written: No space left on device" in said.output
    assert kept(tmp_path / "memory") == {}


def test_answers_wait_for_room_and_none_is_paid_for_without(tmp_path, monkeypatch):
    file = AnswerFile(tmp_path / "answers.jsonl")
    file.check_room(32, 10)
    assert file.read() == {}
    monkeypatch.setattr(_answer_file.os, "fsync", full)
    with pytest.raises(InvalidInputError, match="No space left on device\\), so nothing was queried"):
        file.check_room(32, 10)
    with pytest.raises(OSError, match="No space"):
        file.append([("one", Answer("yes"))])
    monkeypatch.undo()
    file.append([("two", Answer("no"))])
    assert {key: answer.value for key, answer in AnswerFile(file.path).read().items()} == {"one": "yes", "two": "no"}


@pytest.mark.parametrize("place", range(2, 60, 7))
def test_an_answer_that_has_changed_on_the_disk_is_not_believed(tmp_path, place, caplog):
    file = AnswerFile(tmp_path / "answers.jsonl")
    file.append([("first", Answer((0.25, 0.75), ("a", "b"))), ("second", Answer((0.5, 0.5), ("a", "b")))])
    content = bytearray(file.path.read_bytes())
    content[content.index(b"\n") + 1 + place] ^= 1
    file.path.write_bytes(content)
    assert list(file.read()) == ["first"]
    assert "was cut off or changed" in caplog.text


# Queries --------------------------------------------------------------------------------------------------------------

POOL = np.arange(400.0).reshape(200, 2)
BUDGET = 60


def ask(folder, name):
    """Query rows of the pool; every row that the service has answered is one line in a file."""
    from stepdown import Queried

    log = os.open(folder / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def service(rows):
        time.sleep(0.003)
        os.write(log, "".join(f"{int(row[0])}\n" for row in rows).encode())
        return ["high" if row[0] % 7 > 3 else "low" for row in rows]

    queried = Queried(service, BUDGET, store=folder / f"{name}.jsonl", batch_size=4)
    answers = queried.predict(POOL[:BUDGET])
    (folder / f"{name}.out").write_text(json.dumps([answers.tolist(), queried.n_queried]))


def check_killed_queries(folder, kills, seed):
    chance = random.Random(seed)
    ask(folder, "undisturbed")
    done = 0
    while done < kills:
        name = f"killed {done}"
        log, store, out = (folder / f"{name}.{ending}" for ending in ("log", "jsonl", "out"))
        killed, in_vain = 0, 0
        while not out.exists():
            known = len(AnswerFile(store).read())
            process = PROCESSES.Process(target=ask, args=(folder, name))
            process.start()
            last = known + chance.randrange(1, 12)
            while process.is_alive() and killed < 3 and done + killed < kills:
                if log.exists() and len(log.read_text().split()) >= last:
                    process.kill()
                    killed += 1
                    break
                time.sleep(0.0005)
            ended(process)
            asked, saved = log.read_text().split(), AnswerFile(store).read()
            in_vain = len(asked) - len(saved)
            # At most the call in flight goes without its answer: it is made again.
            assert 0 <= in_vain <= 4 * killed
        done += max(killed, 1)
        assert json.loads(out.read_text()) == json.loads((folder / "undisturbed.out").read_text())
        assert len(saved) == BUDGET
        assert in_vain <= 4 * killed


def test_killed_queries_lose_no_answer_and_keep_the_budget(tmp_path):
    check_killed_queries(tmp_path, kills=2, seed=0)


@pytest.mark.soak
def test_queries_killed_thirty_times(tmp_path):
    check_killed_queries(tmp_path, kills=30, seed=1)
