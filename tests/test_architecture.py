"""The arrows between the rooms (docs/architecture.md), and what `import stepdown` leaves alone."""

import ast
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
        assert path.name == "_recipes.py" or names <= {"NoTransfer"}, path.name


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
