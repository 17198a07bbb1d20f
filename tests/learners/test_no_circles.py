"""No file of the room imports one that imports it back, not inside functions either."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

from stepdown import learners

ROOM = Path(learners.__file__).parent


def test_the_files_of_the_room_have_an_order():
    imports = {
        path.stem: {
            node.module
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module
        }
        for path in ROOM.glob("*.py")
    }
    assert len(imports) > 10
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the files
