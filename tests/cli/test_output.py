import logging
import os

import pytest
from rich.console import Console

from stepdown.cli import _output
from stepdown.cli._output import check_free, free_folder, written_whole
from stepdown.cli._progress import told_on
from stepdown.core import InvalidInputError


def test_the_folder_appears_whole(tmp_path):
    folder = tmp_path / "deep" / "out"
    with written_whole(folder) as part:
        (part / "a.txt").write_text("a")
        assert not folder.exists()
        assert part.parent == folder.parent
    assert [path.name for path in folder.iterdir()] == ["a.txt"]
    assert [path.name for path in folder.parent.iterdir()] == ["out"]


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "out").mkdir()
    with written_whole(tmp_path / "out") as part:
        (part / "a.txt").write_text("a")
    assert (tmp_path / "out" / "a.txt").read_text() == "a"


@pytest.mark.skipif(os.name == "nt", reason="rights of Unix")
def test_the_folder_has_the_rights_of_any_other(tmp_path):
    with written_whole(tmp_path / "out"):
        pass
    (tmp_path / "other").mkdir()
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_after_an_error(tmp_path, error):
    def interrupted():
        with written_whole(tmp_path / "out") as part:
            (part / "a.txt").write_text("half")
            raise error("stop")

    with pytest.raises(error, match="stop"):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_came_into_use_meanwhile_is_not_overwritten(tmp_path):
    folder = tmp_path / "out"

    def late():
        with written_whole(folder) as part:
            (part / "a.txt").write_text("new")
            folder.mkdir()
            (folder / "a.txt").write_text("old")

    with pytest.raises(InvalidInputError, match="in use"):
        late()
    assert (folder / "a.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_folders_that_cannot_be_had(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(InvalidInputError, match="is a file"):
        check_free(file)
    with pytest.raises(InvalidInputError, match="is not writable"):
        check_free(file / "below")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    with pytest.raises(InvalidInputError, match="in use"):
        check_free(tmp_path / "full")
    monkeypatch.setattr(_output.os, "access", lambda *_: False)
    with pytest.raises(InvalidInputError, match="is not writable"):
        check_free(tmp_path / "new")


def test_the_next_free_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert free_folder("out").name == "out"
    (tmp_path / "out").mkdir()
    (tmp_path / "out-2").mkdir()
    assert free_folder("out").name == "out-3"


@pytest.mark.parametrize("terminal", [False, True])
def test_steps_are_told_and_the_logger_is_left_as_it_was(tmp_path, terminal):
    logger = logging.getLogger("stepdown")
    before = logger.level, list(logger.handlers)
    with (tmp_path / "told").open("w") as file:
        with told_on(Console(file=file, force_terminal=terminal, width=80)):
            logging.getLogger("stepdown.search").info("hop %d [red]", 1)
            logging.getLogger("stepdown").debug("too much")
        logger.info("afterwards")
    assert (logger.level, logger.handlers) == before
    text = (tmp_path / "told").read_text()
    assert "too much" not in text
    assert "afterwards" not in text
    if not terminal:
        assert text.strip().endswith("s  hop 1 [red]")
