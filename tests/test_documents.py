"""What the pages show is run: README.md as it stands, and the method that CONTRIBUTING.md builds."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent


def blocks(page: str) -> list[str]:
    """The Python blocks of a page, without the indentation that a list gives them."""
    found = re.findall(r"^( *)```python\n(.*?)^ *```", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    return ["\n".join(line.removeprefix(indent) for line in text.splitlines()) for indent, text in found]


def test_readme_runs(capsys) -> None:
    space: dict = {}
    for block in blocks("README.md"):
        exec(block, space)
    printed = capsys.readouterr().out
    assert "multihop" in printed
    assert type(space["clf"].student_).__name__ == "DecisionTreeClassifier"


def test_the_method_of_contributing_passes_the_contract(monkeypatch) -> None:
    module = ModuleType("contributed")  # a module, because the contract pickles the method
    monkeypatch.setitem(sys.modules, "contributed", module)
    from stepdown.core import InvalidInputError, NotSupportedError
    from stepdown.learners import training_signal
    from stepdown.methods import SupervisionMethod
    from stepdown.methods.functional import normalise_weights

    vars(module).update(
        InvalidInputError=InvalidInputError,
        NotSupportedError=NotSupportedError,
        SupervisionMethod=SupervisionMethod,
        normalise_weights=normalise_weights,
        training_signal=training_signal,
    )
    shown = blocks("CONTRIBUTING.md")
    assert len(shown) == 2
    for block in shown:
        exec(block, vars(module))


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_links_lead_somewhere(page: str) -> None:
    here = (ROOT / page).parent
    for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text()):
        assert (here / target).exists(), f"{page} links to {target}"
