"""The pages of the site that are made at every build: nothing public is left out of them."""

import importlib
import importlib.util
import re
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType

import pytest

import stepdown

for package in ("torch", "skorch", "typer", "skrub"):
    pytest.importorskip(package, reason="the reference names every room, and the app")

SITE = Path(__file__).parent.parent / "docs" / "site"
ROOT = Path(stepdown.__file__).parent


@pytest.fixture(scope="module")
def pages():
    spec = importlib.util.spec_from_file_location("pages", SITE / "pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ROOMS = sorted(
    ".".join(("stepdown", *path.parent.relative_to(ROOT).parts))
    for path in ROOT.rglob("__init__.py")
    if "__all__" in path.read_text() and not any(part.startswith("_") for part in path.parent.relative_to(ROOT).parts)
)


def test_every_public_name_is_in_the_reference(pages) -> None:
    reference = pages.reference()
    assert len(ROOMS) > 12
    for room in ROOMS:
        module = importlib.import_module(room)
        assert f"   {room}\n" in reference["index"]
        named = set(re.findall(r"\w+", reference[room]))  # a link to another room ends in the name
        for name in module.__all__:
            if name not in vars(module):
                continue  # a former name, which still answers
            if isinstance(vars(module)[name], ModuleType):
                assert f"{room}.{name}" in reference
            else:
                assert name in named, f"{room}.{name} isn't in the reference"


def test_a_name_that_has_no_room_is_found(pages, monkeypatch) -> None:
    monkeypatch.setattr(stepdown, "__all__", [*stepdown.__all__, "_moved"])
    with pytest.raises(LookupError, match="_moved is public in stepdown, but not in"):
        pages.reference()


def test_every_option_of_every_command_is_in_its_reference(pages) -> None:
    from typer.main import get_command

    from stepdown.cli._app import app

    text = pages.commands()
    for name, command in get_command(app).commands.items():
        section = text.split(f"\nstepdown {name}\n----")[1].split("\n----")[0]
        for option in command.params:
            for word in option.opts if option.param_type_name == "option" else [option.metavar]:
                assert re.search(rf"``(\S+, )*{re.escape(word)}\b", section), f"{name} {word}"
    assert "Default: 5." in text
    assert "[bold]" not in text


def test_every_page_is_in_the_contents() -> None:
    docs = SITE.parent
    listed = re.findall(r"^([\w/*-]+)$", (docs / "index.md").read_text(), re.M)
    missing = [path.stem for path in docs.glob("*.md") if not any(fnmatch(path.stem, entry) for entry in listed)]
    assert missing == ["index"]
    assert not {path.stem for path in docs.glob("*.md")} & {"search", "genindex", "modindex"}, (
        "Sphinx has pages so named"
    )
