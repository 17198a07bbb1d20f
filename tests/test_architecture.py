"""The arrows between the rooms (docs/architecture.md), and what `import stepdown` leaves alone."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import stepdown

ROOT = Path(stepdown.__file__).parent

# From the ground up: a room may import those before it in this list that its line names.
ARROWS = {
    "core": set(),
    "learners": {"core"},
    "trainers": {"learners", "core"},
    "methods": {"trainers", "learners", "core"},
    "oracle": {"methods", "trainers", "learners", "core"},
    "nn": {"learners", "core"},
    "search": {"oracle", "methods", "trainers", "learners", "core"},
    "multihop": {"search", "oracle", "methods", "trainers", "learners", "core"},
    "verdict": {"multihop", "search", "oracle", "learners", "core"},
    "diagnosis": {"verdict", "multihop", "search", "oracle", "trainers", "learners", "core"},
    "ship": {"verdict", "diagnosis", "learners", "core"},
    "checks": {"methods", "trainers", "learners", "core", "nn"},  # nn inside functions only
    "cli": {
        *("ship", "verdict", "diagnosis", "multihop", "search", "oracle"),
        *("methods", "trainers", "learners", "core", "checks", "nn"),
    },
}

OPTIONAL = ["torch", "xgboost", "lightgbm", "pandas", "polars", "matplotlib", "typer", "rich", "skrub", "skops"]


def rooms_imported(path: Path) -> set[str]:
    """Rooms of stepdown that a file names in its imports, inside functions as well."""
    rooms = set()
    here = path.relative_to(ROOT).parts
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = ["stepdown", *here[:-1]]
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, node.module] if node.module else base)
            names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
        rooms |= {name.split(".")[1] for name in names if name.startswith("stepdown.")}
    return rooms & set(ARROWS)


FILES = sorted(path for path in ROOT.rglob("*.py") if len(path.relative_to(ROOT).parts) > 1)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_point_one_way(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    assert room in ARROWS, f"{room} is a room that docs/architecture.md doesn't know"
    assert rooms_imported(path) <= ARROWS[room] | {room}


def test_only_the_recipes_know_particular_methods() -> None:
    for path in (ROOT / "search").glob("*.py"):
        names = {
            alias.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom) and node.module == "stepdown.methods"
            for alias in node.names
        }
        allowed = {"NoTransfer", "SupervisionMethod"}
        assert path.name == "_recipes.py" or names <= allowed, path.name


@pytest.mark.parametrize("room", ["verdict", "diagnosis"])
def test_no_one_reaches_into_an_estimator(room: str) -> None:
    for path in (ROOT / room).glob("*.py"):
        private = {
            node.attr
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__")
            if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
        }
        assert not private, f"{path.name} uses {private}"


def test_one_file_is_the_door_to_the_room_of_networks() -> None:
    knows = {
        path.relative_to(ROOT).as_posix()
        for path in FILES
        if path.relative_to(ROOT).parts[0] not in ("nn", "cli") and "import_module(" in (text := path.read_text())
        if "stepdown.nn" in text
    }
    assert knows == {"learners/_networks.py"}
    door = ast.parse((ROOT / "learners" / "_networks.py").read_text())
    reaching = [node for node in door.body if "stepdown.nn." in ast.unparse(node)]
    assert all(isinstance(node, ast.FunctionDef) for node in reaching), "the room is reached inside functions only"


def test_import_leaves_optional_packages_alone() -> None:
    # What scikit-learn imports by itself (it looks for pandas, for instance) is not ours to avoid.
    theirs = "sklearn.ensemble, sklearn.pipeline, sklearn.model_selection, sklearn.inspection"
    code = f"""
import sys, {theirs}
before = set(sys.modules)
import stepdown
print([name for name in {OPTIONAL} if name in set(sys.modules) - before])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_public_names_are_sorted_documented_and_there() -> None:
    assert stepdown.__all__ == sorted(stepdown.__all__)
    for name in stepdown.__all__:
        documentation = getattr(stepdown, name).__doc__
        assert documentation, name
        assert len(documentation) > 20, name
