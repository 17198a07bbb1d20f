"""What `cifar.py` and `cifar_full.py` write."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.common.record import read, write


class Record:
    """The JSON of all runs; kept on disk after each."""

    def __init__(self, path: Path, images: str) -> None:
        self.path = path
        self.content: dict[str, Any] = read(path) if path.exists() else {"runs": []}
        if self.content.setdefault("images", images) != images:
            raise SystemExit(f"{path} holds runs on {self.content['images']!r}, not on {images!r}; give another --out.")
        self.content["versions"] = {
            "python": platform.python_version(),
            **{name: version(name) for name in ("stepdown", "torch", "numpy", "scikit-learn")},
        }

    def has(self, **key: Any) -> bool:
        return any(key.items() <= run.items() for run in self.content["runs"])

    def add(self, run: Mapping[str, Any]) -> None:
        self.content["runs"].append(dict(run))
        write(self.path, self.content)
        print(json.dumps(run), flush=True)
