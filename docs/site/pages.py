"""The source of the site: the pages of docs/, and those that are made anew at every build.

These are the reference of the command line, from its app, and the reference, from every ``__all__``.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import stepdown


def public_modules() -> Iterator[ModuleType]:
    """Every module of stepdown that says what is public in it, the root first."""
    yield stepdown
    for found in pkgutil.walk_packages(stepdown.__path__, "stepdown."):
        if not any(part.startswith("_") for part in found.name.split(".")):
            module = importlib.import_module(found.name)
            if hasattr(module, "__all__"):
                yield module


def reference() -> dict[str, str]:
    """Return the pages of the reference by their names: one a module, and one that lists them."""
    pages = {module.__name__: _page(module) for module in public_modules()}
    entries = "".join(f"   {name}\n" for name in pages)
    head = "Every public name, from its docstring. What isn't here is private, and may change without notice."
    return pages | {"index": f"{_title('Reference')}{head}\n\n.. toctree::\n   :maxdepth: 1\n\n{entries}"}


def _page(module: ModuleType) -> str:
    parts = [_title(module.__name__), inspect.getdoc(module) or "", f".. py:module:: {module.__name__}", ""]
    if module is stepdown:
        # These live in the rooms, and are described there once.
        listed = [f"   * - {_home(name)}\n     - {_first_line(getattr(module, name))}" for name in module.__all__]
        return "\n".join([*parts, ".. list-table::", "   :widths: 35 65", "", *listed])
    above = importlib.import_module(module.__name__.rpartition(".")[0])
    described, plain, elsewhere = [], [], []
    for name in sorted(module.__all__, key=str.lower):
        thing = vars(module).get(name)
        if thing is None or isinstance(thing, ModuleType):
            continue  # a former name that still answers, or a page of its own
        if above is not stepdown and vars(above).get(name) is thing and name in above.__all__:
            elsewhere.append(f":py:obj:`~{above.__name__}.{name}`")
            continue
        (described if inspect.isclass(thing) or inspect.isroutine(thing) else plain).append((name, thing))
    if described:
        parts.append(_table([name for name, _ in described]))
    if elsewhere:
        parts.append(f"Described above: {', '.join(elsewhere)}.")
    parts += [f".. py:data:: {name}\n\n   ``{_shown(thing)}``" for name, thing in plain]
    return "\n\n".join([*parts[:3], f".. currentmodule:: {module.__name__}", *parts[4:], ""])


def _home(name: str) -> str:
    """A link to where a name of the root is described: in the room that it was written in."""
    room = ".".join(getattr(stepdown, name).__module__.split(".")[:2])
    if name not in getattr(importlib.import_module(room), "__all__", ()):
        raise LookupError(f"{name} is public in stepdown, but not in {room}")
    return f":py:obj:`{name} <{room}.{name}>`"


def _table(names: list[str]) -> str:
    return ".. autosummary::\n   :toctree: generated\n\n" + "".join(f"   {name}\n" for name in names)


def _first_line(thing: Any) -> str:
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def _shown(thing: Any) -> str:
    return " ".join(repr(thing).split())


def _title(text: str) -> str:
    return f"{text}\n{'=' * len(text)}\n\n"


def commands() -> str:
    """Return the reference of the command line, from the app itself."""
    from typer.main import get_command

    from stepdown.cli._app import app

    root: Any = get_command(app)
    parts = [_title("Command line reference"), root.help, ""]
    for name, command in root.commands.items():
        heading = f"stepdown {name}"
        arguments = [
            option.metavar or option.name.upper() for option in command.params if option.param_type_name == "argument"
        ]
        usage = " ".join([heading, *arguments, "[OPTIONS]"])
        parts += [heading, "-" * len(heading), "", command.help or "", "", "::", "", f"   {usage}", ""]
        shown = [option for option in command.params if not getattr(option, "hidden", False)]
        for kind, title in (("argument", "Arguments"), ("option", "Options")):
            rows = [_row(option) for option in shown if option.param_type_name == kind]
            if rows:
                parts += [f".. list-table:: {title}", "   :widths: 30 70", ""]
                parts += [f"   * - {left}\n     - {right}" for left, right in rows] + [""]
        if command.epilog:
            parts += [_plain(command.epilog), ""]
    return "\n".join(parts)


def _row(option: Any) -> tuple[str, str]:
    if option.param_type_name == "argument":
        return f"``{option.metavar or option.name.upper()}``", _plain(option.help or "")
    words = ", ".join([*option.opts, *option.secondary_opts])
    default = option.show_default if isinstance(option.show_default, str) else option.default
    told = [_plain(option.help or "")]
    if option.required:
        told.append("Required.")
    if not option.is_flag and option.show_default is not False and default is not None:
        told.append(f"Default: {_word(default)}.")
    return f"``{words}``" if option.is_flag else f"``{words} {option.metavar or 'N'}``", " ".join(told)


def _word(default: Any) -> str:
    return str(getattr(default, "value", default))


def _plain(text: str) -> str:
    """Help as restructured text: what rich marks as bold is code, and nothing else is markup."""
    text = " ".join(text.split()).replace("`", "``").replace("*", r"\*")
    return text.replace("[bold]", "``").replace("[/bold]", "``")


def write(source: Path) -> None:
    """Write all pages into a folder, which is made anew."""
    root = Path(__file__).parent.parent.parent
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(root / "docs", source, ignore=shutil.ignore_patterns("site", "__pycache__"))
    shutil.copy(root / "CHANGELOG.md", source / "changelog.md")
    (source / "commands.rst").write_text(commands(), encoding="utf-8")
    (source / "reference").mkdir()
    for name, text in reference().items():
        (source / "reference" / f"{name}.rst").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
