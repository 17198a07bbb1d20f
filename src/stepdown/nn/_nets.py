"""What is read of skorch nets, as teachers and as students, and what is refused of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator
from skorch import NeuralNet, NeuralNetBinaryClassifier, NeuralNetClassifier
from skorch.dataset import unpack_data
from skorch.utils import to_tensor
from torch import Tensor, nn
from torch.utils.data import Subset

from stepdown.core import InvalidInputError, NotSupportedError, TransferSet, as_teacher

from ._networks import FrozenNetwork, expect_copies

EXAMPLE_ROWS = 512
"""Rows, evenly spaced over the training set, on which layers are paired and shapes are checked."""


def check_nets(method: Any, *, student: Any = None, teacher: Any = None) -> None:
    """Refuse a student or a teacher, fitted or not, that is no network."""
    if student is not None and not isinstance(student, NeuralNet):
        raise NotSupportedError(
            f"a {type(student).__name__} came as the student of {type(method).__name__}; expected a skorch net, such "
            "as NeuralNetClassifier(module). For a loop of your own take stepdown.nn.Transfer."
        )
    if student is not None and isinstance(student.module, nn.Module):
        expect_copies(student.module)
    if teacher is None:
        return
    model = as_teacher(teacher).model
    while isinstance(model, FrozenEstimator):
        model = model.estimator
    if not isinstance(model, NeuralNet | FrozenNetwork | nn.Module):
        raise NotSupportedError(
            f"a {type(model).__name__} came as the teacher of {type(method).__name__}, which reads a network; expected "
            "a skorch net or FrozenNetwork(module). Other models teach by the methods of stepdown.methods, such as KD."
        )


def network_of(teacher: Any) -> nn.Module:
    """The trained network in a teacher: of a fitted skorch net, frozen or not, of a holder, or itself."""
    model = as_teacher(teacher).model
    while isinstance(model, FrozenEstimator):
        model = model.estimator
    if isinstance(model, FrozenNetwork):
        model = model.module
    if isinstance(model, nn.Module):
        return model
    if not isinstance(model, NeuralNet):
        raise NotSupportedError(
            f"a {type(model).__name__} came as the teacher; expected a fitted skorch net or FrozenNetwork(module). "
            "Other models teach by the methods of stepdown.methods."
        )
    module = getattr(model, "module_", None)
    if not isinstance(module, nn.Module):
        raise NotSupportedError(f"the teacher, a {type(model).__name__}, has no module_ yet; fit it first.")
    return module


def example_of(net: NeuralNet, X: Any, y: Any, *, limit: int = EXAMPLE_ROWS) -> tuple[Any, Tensor | None]:
    """Rows and labels as an initialised net's own iterator makes them, past any division among processes."""
    dataset = net.get_dataset(X, y)
    rows = np.unique(np.linspace(0, len(dataset) - 1, num=min(len(dataset), limit)).astype(int))
    settings = {**net.get_params_for("iterator_valid"), "batch_size": len(rows)}
    iterator = net.iterator_valid(Subset(dataset, rows.tolist()), **settings)
    if hasattr(iterator, "part"):
        iterator.part = (0, 1)
    x, labels = unpack_data(next(iter(iterator)))
    device = next(net.module_.parameters()).device
    return arguments(x, device), to_tensor(labels, device=device) if isinstance(net, NeuralNetClassifier) else None


def targets_for(student: NeuralNet, data: TransferSet) -> Any:
    """Targets as skorch takes them: positions of the classes, or real targets as they are."""
    if data.sample_weight is not None:
        raise NotSupportedError(
            "sample_weight came, which methods between networks can't use; leave it out, or draw rows by weight."
        )
    if data.is_soft:
        raise NotSupportedError(
            "soft targets came; methods between networks read labels and the teacher's network. Pass labels."
        )
    if not isinstance(student, NeuralNetClassifier | NeuralNetBinaryClassifier):
        return data.y
    if data.classes is None:
        raise InvalidInputError(
            f"a set of real targets came for a {type(student).__name__}; use TransferSet.for_classification(X, y)."
        )
    if not np.array_equal(data.classes, np.arange(len(data.classes))):
        raise InvalidInputError(
            f"the classes are {np.asarray(data.classes).tolist()[:20]}; skorch predicts positions, so expected "
            "0, 1, ..., n_classes - 1. Encode the labels first: LabelEncoder().fit_transform(y)."
        )
    return data.label_index().astype(np.float32 if isinstance(student, NeuralNetBinaryClassifier) else np.int64)


def expect_logits(*nets: Any) -> None:
    """Refuse nets whose modules return probabilities."""
    for net in nets:
        net = net.estimator if isinstance(net, FrozenEstimator) else net
        criterion = getattr(net, "criterion", None)
        if isinstance(net, NeuralNetClassifier) and criterion is nn.NLLLoss:
            raise InvalidInputError(
                "a net with skorch's default criterion NLLLoss came, whose module returns probabilities; the method "
                "reads logits. Let the module return them, with criterion=torch.nn.CrossEntropyLoss."
            )
        if criterion is nn.BCELoss:
            raise InvalidInputError(
                "a net with the criterion BCELoss came, whose module returns probabilities; the method reads logits. "
                "Let the module return them, with criterion=torch.nn.BCEWithLogitsLoss."
            )


def arguments(x: Any, device: Any) -> Any:
    """A batch on the device; what skorch hands to the module as one argument stays one."""
    x = to_tensor(x, device=device)
    return (x,) if isinstance(x, list | tuple) else x


@contextmanager
def seeded(seed: int | None, device: Any) -> Iterator[None]:
    """torch's randomness from a seed, and afterwards as it was; without a seed as it is."""
    if seed is None:
        yield
        return
    kind = torch.device(device or "cpu")
    devices = [kind] if kind.type != "cpu" else []
    with torch.random.fork_rng(devices, device_type=kind.type if devices else "cuda"):
        torch.manual_seed(seed)
        yield
