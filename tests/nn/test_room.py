"""The room as a whole: its gate, its documentation, its files."""

import importlib.util
import re
import runpy
from pathlib import Path

import pytest

import stepdown.nn as room
from stepdown.nn import LossMethod, contrib

PAGE = Path(__file__).parents[2] / "docs" / "nn-methods.md"
SOURCES = Path(room.__file__).parent


def methods():
    public = [getattr(part, name) for part in (room, contrib) for name in part.__all__ if name in vars(part)]
    found = [kind for kind in public if isinstance(kind, type) and issubclass(kind, LossMethod)]
    return [kind for kind in found if not getattr(kind, "__abstractmethods__", None)]


def test_the_gate_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'needs torch and skorch; install them with: pip install "stepdown\[nn\]"'):
        runpy.run_path(str(SOURCES / "_extra.py"))


@pytest.mark.parametrize("kind", methods())
def test_every_method_has_a_row(kind):
    assert f"| `{kind.__name__}` |" in PAGE.read_text()


def test_the_page_runs():
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(block, {})


@pytest.mark.parametrize("module", [room, contrib, room.functional], ids=["nn", "contrib", "functional"])
def test_everything_public_is_documented(module):
    for name in set(module.__all__) & set(vars(module)):
        public = getattr(module, name)
        assert name == "Reduction" or public.__doc__, name
        if isinstance(public, type) and issubclass(public, LossMethod) and not public.__abstractmethods__:
            assert ">>>" in public.__doc__, name


def test_files_stay_small():
    assert max(len(path.read_text().splitlines()) for path in SOURCES.rglob("*.py")) <= 400
