"""The arrows between the rooms (docs/architecture.md), and what `import stepdown` leaves alone."""

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import stepdown

ROOT = Path(stepdown.__file__).parent

# From the ground up: a room may import those before it in this list that its line names.
ARROWS = {
    "core": set(),
    "learners": {"core"},
    "students": {"learners", "core"},
    "trainers": {"learners", "core"},
    "methods": {"trainers", "learners", "core"},
    "oracle": {"methods", "trainers", "learners", "core"},
    "nn": {"learners", "core"},
    "search": {"oracle", "methods", "trainers", "students", "learners", "core"},
    "multihop": {"search", "oracle", "methods", "trainers", "students", "learners", "core"},
    "large": {"search", "trainers", "learners", "core"},
    "verdict": {"multihop", "search", "oracle", "learners", "core"},
    "diagnosis": {"verdict", "multihop", "search", "oracle", "trainers", "learners", "core"},
    "ship": {"verdict", "diagnosis", "students", "learners", "core"},
    "contrib": {"methods", "learners", "core"},
    "checks": {"methods", "trainers", "learners", "core", "nn"},  # nn inside functions only
    "cli": {
        *("ship", "verdict", "diagnosis", "large", "multihop", "search", "oracle"),
        *("methods", "trainers", "students", "learners", "core", "checks", "nn"),
    },
}

NETWORKS_IN_HAND = ROOT / "learners" / "_networks.py"
OPTIONAL = ["torch", "xgboost", "lightgbm", "pandas", "polars", "matplotlib", "typer", "rich", "skrub", "skops"]


def names_imported(source: str, package: str) -> set[str]:
    """What a file takes from stepdown by its imports, inside functions and by texts as well, in full."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and re.fullmatch(r"stepdown\.[\w.:]+", str(node.value)):
            names.add(str(node.value).replace(":", "."))  # for import_module
    return {name for name in names if name.startswith("stepdown.")}


def by_the_back_door(names: set[str], room: str) -> set[str]:
    """What is taken from another room past its `__init__`."""
    return {
        name
        for name in names
        if (other := name.split(".")[1]) != room and other in ARROWS
        if any(part.startswith("_") for part in name.split("."))
    }


FILES = sorted(path for path in ROOT.rglob("*.py") if len(path.relative_to(ROOT).parts) > 1)
ROOMS = sorted({path.relative_to(ROOT).parts[0] for path in FILES})


@pytest.mark.parametrize("room", ROOMS)
def test_arrows_point_one_way_and_end_at_a_door(room: str) -> None:
    assert room in ARROWS, f"{room} is a room that docs/architecture.md doesn't know"
    for path in (path for path in FILES if path.relative_to(ROOT).parts[0] == room):
        names = names_imported(path.read_text(), ".".join(["stepdown", *path.relative_to(ROOT).parts[:-1]]))
        allowed = ARROWS[room] | {room} | ({"nn"} if path == NETWORKS_IN_HAND else set())
        assert {name.split(".")[1] for name in names} & set(ARROWS) <= allowed, path
        assert not by_the_back_door(names, room), f"{path}: another room's names come from its __init__ alone"


@pytest.mark.parametrize(
    ("source", "back_door"),
    [
        ("from stepdown.search import Way", set()),
        ("from stepdown.methods.functional import softmax", set()),
        ("from ._tables import Table", set()),
        ("from stepdown._moved import moved", set()),
        ("def f():\n    from stepdown.search._task import Way", {"stepdown.search._task.Way"}),
        ("from ..search._task import Way", {"stepdown.search._task.Way"}),
        ("from stepdown.search import _task", {"stepdown.search._task"}),
        ("import stepdown.search._task", {"stepdown.search._task"}),
        ('import_module("stepdown.nn._kd")', {"stepdown.nn._kd"}),
    ],
)
def test_back_doors_are_seen(source: str, back_door: set[str]) -> None:
    assert by_the_back_door(names_imported(source, "stepdown.verdict"), "verdict") == back_door


def test_only_the_recipes_know_particular_methods() -> None:
    for path in (ROOT / "search").glob("*.py"):
        names = {
            alias.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom) and node.module == "stepdown.methods"
            for alias in node.names
        }
        assert path.name == "_recipes.py" or names & set(stepdown.methods.__all__) <= {"NoTransfer"}, path.name


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


def imported_files(tree: ast.Module, package: str, files: set[str]) -> set[str]:
    """Modules that a file names in its imports, inside functions as well, and of packages the files they come from."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            within = {f"{module}.{alias.name}" for alias in node.names}
            found |= within & files or {module}
    return found & files


def import_circle(sources: dict[str, tuple[str, str]]) -> list[str]:
    """Files, by name with package and source, that import each other in a circle; empty where all have an order."""
    files = set(sources)
    graph = {name: imported_files(ast.parse(text), package, files) for name, (package, text) in sources.items()}
    try:
        TopologicalSorter({name: found - {name} for name, found in graph.items()}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_file_imports_one_that_imports_it_back() -> None:
    sources = {}
    for path in ROOT.rglob("*.py"):
        parts = ["stepdown", *path.relative_to(ROOT).with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        sources[name] = (".".join(parts[:-1]), path.read_text())
    assert len(sources) > 100
    assert import_circle(sources) == []


@pytest.mark.parametrize(
    "back",
    ["from ._a import f", "def g():\n    from ._a import f", "def g():\n    from . import _a", "import p._a"],
)
def test_circles_are_seen_inside_functions_too(back: str) -> None:
    sources = {"p._a": ("p", "from ._b import g"), "p._b": ("p", back), "p": ("p", "from ._a import f")}
    assert set(import_circle(sources)) == {"p._a", "p._b"}
    assert import_circle({**sources, "p._b": ("p", "import ast")}) == []
