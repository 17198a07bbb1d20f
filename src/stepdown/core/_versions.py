"""What a result depends on besides its arguments: versions of packages, and the data."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import joblib
import numpy as np


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in ("stepdown", "scikit-learn", "numpy", "scipy", "lightgbm", "xgboost", "torch"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def fingerprint(X: Any, y: Any) -> str:
    """A digest of the data: equal for equal values and types, whatever object holds them."""
    return f"md5:{joblib.hash((X, np.asarray(y)))}"
