"""Information-flow distillation on a user's own images, from the files to a small network with its scores."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skorch import NeuralNetClassifier
from torch import nn, optim

from stepdown.core import InvalidInputError, TransferSet, derive_seed
from stepdown.nn import (
    FlowRecipe,
    FrozenNetwork,
    ImageBatches,
    Images,
    Taps,
    flow_through_auxiliary,
    linear_probe_accuracy,
    load_images,
    nearest_centroid_accuracy,
    retrieval_scores,
)

from ._image_networks import LAYERS, VERY_TINY, ResNet18, Small

QUICK = 0.04
"""The share of the epochs of a quick run, in which everything is tried and nothing learned to the end."""
QUICK_ROWS = 2_000
QUICK_WIDTH = 8
FEATURES = LAYERS[-1]


def distil_images(
    train: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    test: str | os.PathLike[str] | None = None,
    shifted: str | os.PathLike[str] | None = None,
    recipe: str = "cvpr2020",
    size: int = 32,
    width: int = 64,
    quick: bool = False,
    seed: int = 0,
    tell: Callable[[str], object] = print,
) -> dict[str, Any]:
    """Train a ResNet-18, an auxiliary and a small student on images; keep their weights and scores in a folder.

    A teacher that the folder holds already, of a run that was interrupted, is taken as it is.
    """
    course = {"cvpr2020": FlowRecipe(), "falling": FlowRecipe.better()}.get(recipe)
    if course is None:
        raise InvalidInputError(f"recipe={recipe!r}: expected 'cvpr2020' or 'falling'.")
    if quick:
        course, width = course.shortened(QUICK), min(width, QUICK_WIDTH)
    known, asked = _both(train, train if test is None else test, size, quick, seed)
    if known.classes != asked.classes:
        raise InvalidInputError(f"the images for the test have classes {asked.classes[:9]}, not {known.classes[:9]}.")
    other = None if shifted is None else _both(shifted, shifted, size, quick, seed)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    data = TransferSet.for_classification(known.X, known.y)
    n_classes, norm = len(known.classes), _normalisation(known.X)
    tell(f"{len(known.y):,} images to learn from, {len(asked.y):,} to be judged by, {n_classes} classes, on {device}")

    def net(module: nn.Module, epochs: int) -> NeuralNetClassifier:
        given = {f"iterator_{part}__{name}": values for part in ("train", "valid") for name, values in norm.items()}
        changed = {"shuffle": True, "padding": 4 * size // 32, "flip": True, "seed": seed}
        return NeuralNetClassifier(
            module,
            criterion=nn.CrossEntropyLoss,
            optimizer=optim.Adam,
            lr=1e-3,
            max_epochs=epochs,
            batch_size=128,
            iterator_train=ImageBatches,
            iterator_valid=ImageBatches,
            train_split=None,
            callbacks="disable",
            verbose=0,
            device=device,
            **given,
            **{f"iterator_train__{name}": value for name, value in changed.items()},
        )

    def drawn(name: str, kind: Callable[[], nn.Module]) -> nn.Module:
        torch.manual_seed(derive_seed(seed, name) or 0)
        return kind()

    def small() -> nn.Module:
        return Small(VERY_TINY, n_classes, size)

    results: dict[str, Any] = {}

    def score(name: str, network: nn.Module) -> None:
        found: dict[str, Any] = {"parameters": sum(values.numel() for values in network.parameters())}
        found |= _scores(network, known, asked, norm, device)
        if other is not None:
            found |= {f"shifted {key}": value for key, value in _scores(network, *other, norm, device).items()}
        results[name] = found
        tell(f"{name}: " + ", ".join(f"{key} {value:,}" for key, value in found.items()))

    epochs = sum(n for n, _ in course.student)
    teacher = drawn("teacher", lambda: ResNet18(n_classes, width))
    kept = folder / "teacher.pt"
    if kept.is_file():
        tell(f"taking the teacher from {kept}")
        _load(teacher, kept)
    else:
        tell("training the teacher, a ResNet-18")
        teacher = net(teacher, sum(n for n, _ in course.labels)).fit(known.X, known.y).module_
        _keep(teacher, kept)
    score("teacher", teacher)
    tell("training the student on the labels alone")
    score("student alone", net(drawn("student", small), epochs).fit(known.X, known.y).module_)
    tell(f"training the auxiliary and the student by {recipe}")
    record = flow_through_auxiliary(
        FrozenNetwork(teacher.to(device)),
        net(drawn("student", small), epochs),
        data,
        layers=LAYERS,
        teacher_layer="features",
        recipe=course,
        seed=seed,
    )
    for name, trained in {"auxiliary": record.auxiliary, "student": record.student}.items():
        _keep(trained.module_, folder / f"{name}.pt")
        score(name, trained.module_)
    about = {"recipe": recipe, **asdict(course), "quick": quick, "seed": seed, "size": size, "teacher width": width}
    about |= {"torch": torch.__version__, "device": device, "classes": known.classes}
    _write(folder / "results.json", json.dumps({"settings": about, "scores": results}, indent=1).encode())
    return results


def _both(train: Any, test: Any, size: int, quick: bool, seed: int) -> tuple[Images, Images]:
    return _read(train, "train", size, quick, seed), _read(test, "test", size, quick, seed)


def _read(path: str | os.PathLike[str], part: Any, size: int, quick: bool, seed: int) -> Images:
    try:
        found = load_images(path, part, size=size)
    except (ValueError, OSError, ImportError) as error:
        raise InvalidInputError(str(error)) from error
    if len(found.X) and found.X.shape[1] == 1:
        found = found._replace(X=np.repeat(found.X, 3, axis=1))
    if quick and len(found.y) > QUICK_ROWS:
        rows = np.random.default_rng(seed).permutation(len(found.y))[:QUICK_ROWS]
        found = found._replace(X=found.X[rows], y=found.y[rows])
    return found


def _normalisation(X: Any) -> dict[str, tuple[float, ...]]:
    """Mean and deviation of each channel in [0, 1], from counts of the 256 values: no copy in floating point."""
    found: dict[str, tuple[float, ...]] = {"mean": (), "std": ()}
    values = np.arange(256) / 255
    for channel in range(X.shape[1]):
        shares = np.bincount(X[:, channel].ravel(), minlength=256) / X[:, channel].size
        mean = float(shares @ values)
        found["mean"] += (mean,)
        found["std"] += (max(float(np.sqrt(shares @ (values - mean) ** 2)), 1e-3),)
    return found


def _features(network: nn.Module, X: Any, norm: dict[str, Any], device: str) -> Any:
    found = []
    network.eval().to(device)
    with Taps(network, [FEATURES]) as taps, torch.no_grad():
        for x, _ in ImageBatches((X, None), 500, device=device, **norm):
            network(x)
            found.append(taps[FEATURES].flatten(1).float().cpu())
    return torch.cat(found).numpy()


def _scores(network: nn.Module, known: Images, asked: Images, norm: dict[str, Any], device: str) -> dict[str, float]:
    """Percent: finding images of the class in the training part, and reading the class from the features."""
    mine, theirs = (_features(network, part.X, norm, device) for part in (known, asked))
    found = {}
    for metric in ("cosine", "euclidean"):
        scores = retrieval_scores(mine, known.y, theirs, asked.y, metric=metric, at=(1,))
        found[f"mAP {metric}"] = scores.map_11
    found["nearest centroid"] = nearest_centroid_accuracy(mine, known.y, theirs, asked.y)
    found["linear probe"] = linear_probe_accuracy(mine, known.y, theirs, asked.y)
    return {name: round(100 * value, 2) for name, value in found.items()}


def _load(network: nn.Module, path: Path) -> None:
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (RuntimeError, OSError, EOFError) as error:
        reason = str(error).partition("\n")[0] or "it is empty"
        raise InvalidInputError(
            f"{path} isn't the teacher of this run ({reason}); take another --out, or remove it."
        ) from error


def _keep(network: nn.Module, path: Path) -> None:
    part = path.with_suffix(".part")
    torch.save({name: values.cpu() for name, values in network.state_dict().items()}, part)
    os.replace(part, path)


def _write(path: Path, content: bytes) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(content)
    os.replace(part, path)
