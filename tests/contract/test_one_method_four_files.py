"""A method is its file, its line in ``__init__``, its test and its row in the documentation; none may be missing."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import stepdown
from stepdown import methods
from stepdown.core import TransferMethod

ROOT = Path(__file__).parents[2]
PACKAGE = Path(methods.__file__).parent


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() if name != "SRatio" else "sratio"


def is_concrete_method(thing: object) -> bool:
    return inspect.isclass(thing) and issubclass(thing, TransferMethod) and not inspect.isabstract(thing)


def classes_in_files() -> dict[str, Path]:
    """Methods by the files that define them, exported or not."""
    found = {}
    for path in sorted(PACKAGE.glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                module = __import__(f"stepdown.methods.{path.stem}", fromlist=[node.name])
                if is_concrete_method(getattr(module, node.name)):
                    found[node.name] = path
    return found


def documented() -> list[str]:
    rows = (ROOT / "docs" / "methods.md").read_text().splitlines()
    return [match[1] for row in rows if (match := re.match(r"\| `(\w+)` \|", row))]


EXPORTED = sorted(name for name in methods.__all__ if is_concrete_method(getattr(methods, name)))


def test_there_are_methods():
    assert len(EXPORTED) >= 8


def test_every_method_in_a_file_is_exported():
    assert sorted(classes_in_files()) == EXPORTED
    assert {"KD", "SRatio"} <= set(stepdown.__all__)


def test_rows_and_methods_are_the_same():
    assert sorted(documented()) == EXPORTED


@pytest.mark.parametrize("name", EXPORTED)
def test_a_method_has_its_own_file_of_readable_length(name):
    path = classes_in_files()[name]
    assert path.name == f"_{snake(name)}.py"
    assert len(path.read_text().splitlines()) <= 160


@pytest.mark.parametrize("name", EXPORTED)
def test_a_method_has_its_own_test_that_names_it(name):
    path = ROOT / "tests" / "methods" / f"test_{snake(name)}.py"
    text = path.read_text()
    assert re.search(rf"\b{name}\(", text)
    assert text.count("\ndef test_") + text.startswith("def test_") >= 2


@pytest.mark.parametrize("name", EXPORTED)
def test_a_method_says_its_parameters_and_shows_itself(name):
    method = getattr(methods, name)
    text = inspect.getdoc(method)
    assert ">>> " in text
    for parameter in inspect.signature(method).parameters:
        assert re.search(rf"^[\w, ]*\b{parameter}\b[\w, ]* : ", text, re.MULTILINE), f"{parameter} isn't documented"


@pytest.mark.parametrize("name", [name for name in EXPORTED if name not in {"NoTransfer", "Mixture", "Dense"}])
def test_the_row_names_every_parameter_of_its_own(name):
    row = next(
        line for line in (ROOT / "docs" / "methods.md").read_text().splitlines() if line.startswith(f"| `{name}`")
    )
    for parameter in inspect.signature(getattr(methods, name)).parameters:
        assert parameter in {"signals", "cv"} or f"`{parameter}" in row, f"{parameter} is missing"
