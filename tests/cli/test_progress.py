"""How long the whole will still take, by a clock of the test's own."""

import io
import logging

import pytest
from rich.console import Console

from stepdown.cli import _progress
from stepdown.cli._progress import told_on

PLAN = {"folds": 60.0, "students": 30.0, "training": 40.0}
log = logging.getLogger("stepdown")


@pytest.fixture
def told(monkeypatch):
    """Say something at a time; what is shown of it where there is no terminal."""
    now, file = [0.0], io.StringIO()
    monkeypatch.setattr(_progress.time, "perf_counter", lambda: now[0])

    def tell(at, message, level=logging.INFO, **extra):
        now[0] = at
        before = len(file.getvalue())
        log.log(level, message, extra=extra)
        return file.getvalue()[before:].strip()

    with told_on(Console(file=file, force_terminal=False)):
        yield tell


def test_the_rest_of_the_whole_run_by_the_steps_so_far(told):
    assert told(10.0, "plan") == "10.0 s  plan"
    assert told(20.0, "the first fit", steps=PLAN) == "20.0 s  the first fit"
    assert told(21.0, "something") == "21.0 s  something, about 2 min left"  # 129 s
    assert told(22.0, "folds", logging.DEBUG, progress=(0, 4)) == ""  # too soon for a line
    # Two of four parts took 60 s, so all takes twice what was expected: 60 + 60 + 80.
    assert told(82.0, "folds", logging.DEBUG, progress=(2, 4)) == "82.0 s  something: folds (2 of 4), about 3 min left"
    assert told(142.0, "students", logging.DEBUG, progress=(0, 3)).endswith("students (0 of 3), about 2 min left")
    # Students are as fast as was expected after all: 20 s for the others and 40 s for the last.
    assert told(152.0, "students", logging.DEBUG, progress=(1, 3)) == ""
    assert told(172.0, "chosen") == "172.0 s  chosen, about 40 s left"
    assert told(172.5, "training").endswith("training, about 40 s left")
    assert told(220.0, "longer than expected") == "220.0 s  longer than expected"


def test_what_is_read_from_memory_says_nothing_about_the_rest(told):
    told(0.0, "the first fit", steps=PLAN)
    told(0.0, "folds", logging.DEBUG, progress=(0, 4))
    told(0.1, "students", logging.DEBUG, progress=(0, 3))
    told(0.2, "students", logging.DEBUG, progress=(3, 3))
    assert told(0.2, "chosen") == "0.2 s  chosen, about 40 s left"


def test_the_rest_of_all_outer_folds(told):
    assert told(0.0, "outer fold 1", progress=(0, 4)) == "0.0 s  outer fold 1"
    told(10.0, "the first fit", steps=PLAN)
    assert told(10.0, "something") == "10.0 s  something, about 9 min left"  # 140 s a fold
    assert told(100.0, "outer fold 2", progress=(1, 4)) == "100.0 s  outer fold 2, about 5 min left"
    assert told(200.0, "outer fold 3", progress=(2, 4)) == "200.0 s  outer fold 3, about 3 min left"
