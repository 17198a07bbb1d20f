"""A bare environment: the wheel with its four dependencies and nothing else."""

import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Path:
    """Python with stepdown's wheel, and numpy, scipy, scikit-learn and what they need, lent from this environment."""
    place = tmp_path_factory.mktemp("bare")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", place, ROOT], check=True
    )
    venv.create(place / "env", with_pip=False)
    python = place / "env" / "bin" / "python"
    site = next((place / "env" / "lib").glob("python*/site-packages"))
    wheel = next(place.glob("stepdown-*.whl"))
    subprocess.run([sys.executable, "-m", "zipfile", "-e", wheel, site], check=True)
    for name in required("stepdown"):
        for file in metadata.files(name) or []:
            top = Path(file.parts[0])
            source = Path(str(metadata.distribution(name).locate_file(top)))
            if top.parts[0] != ".." and not (site / top).exists():
                (site / top).symlink_to(source)
    return python


def required(package: str) -> set[str]:
    """What a package needs, directly and through others, without its extras."""
    found: set[str] = set()
    waiting = [package]
    while waiting:
        for text in metadata.requires(waiting.pop()) or []:
            need = Requirement(text)
            if need.name not in found and (need.marker is None or need.marker.evaluate({"extra": ""})):
                found.add(need.name)
                waiting.append(need.name)
    return found


def run(python: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False)


def test_the_main_job_runs(bare) -> None:
    code = """
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier
from stepdown import MultihopClassifier
clf = MultihopClassifier(RandomForestClassifier(20), DecisionTreeClassifier(max_depth=2), random_state=0)
print(clf.fit(*load_iris(return_X_y=True)).score(*load_iris(return_X_y=True)) > 0.9)
"""
    result = run(bare, code)
    assert result.stdout.strip() == "True", result.stderr


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("import stepdown.nn", 'pip install "stepdown[nn]"'),
        ("from stepdown.cli import main; main()", 'pip install "stepdown[cli]"'),
    ],
)
def test_what_is_missing_is_said_with_the_line_that_installs_it(bare, code, line) -> None:
    result = run(bare, code)
    assert result.returncode != 0
    assert line in result.stderr + result.stdout
