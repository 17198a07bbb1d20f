"""What the pages show is run: README.md as it stands, and what docs/extend.md builds."""

import re
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent


def blocks(page: str) -> list[str]:
    """The Python blocks of a page, without the indentation that a list gives them."""
    found = re.findall(r"^( *)```python\n(.*?)^ *```", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    return ["\n".join(line.removeprefix(indent) for line in text.splitlines()) for indent, text in found]


def test_readme_runs(capsys) -> None:
    """As it stands, but for a smaller forest and fewer folds: the reader has the minute."""
    space: dict = {}
    for block in blocks("README.md"):
        exec(
            block.replace("RandomForestClassifier(300,", "RandomForestClassifier(30,").replace("cv=5)", "cv=2)"), space
        )
    assert len(space["forest"].estimators_) == 30
    assert space["verdict"].to_dict()["folds"] == 2
    printed = capsys.readouterr().out
    assert "multihop" in printed
    assert type(space["clf"].student_).__name__ == "DecisionTreeClassifier"


def test_what_extend_shows_keeps_the_contract(monkeypatch) -> None:
    module = ModuleType("extended")  # a module, because the contract pickles what it checks
    monkeypatch.setitem(sys.modules, "extended", module)
    shown = blocks("docs/extend.md")
    assert sum("check_" in block for block in shown) >= 3
    for block in shown:
        if find_spec("torch") is None and "torch" in block:
            continue
        exec(block, vars(module))


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_links_lead_somewhere(page: str) -> None:
    here = (ROOT / page).parent
    for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text()):
        assert (here / target).exists(), f"{page} links to {target}"
