"""The contract of a method between networks; torch is imported when a check runs, and not before."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from stepdown.core import TransferSet

from ._check import Check, make_checks, must_survive, run_all


def check_network_method(method: Any) -> None:
    """Run the whole contract over a method between networks.

    Parameters
    ----------
    method : stepdown.nn.LossMethod
        Left alone. Its layers, if it names any, are ``"first"`` and ``"second"`` (maps of 2 w and w channels, w = 8
        for the teacher and 4 for the student) on both sides, or left open with ``pairs="auto"``.

    Raises
    ------
    AssertionError
        Where a promise is broken; it says which.

    Examples
    --------
    >>> from stepdown.nn import PKT
    >>> check_network_method(PKT([("second", "second")]))
    """
    run_all(network_method_checks(method), method)


def network_method_checks(method: Any) -> list[Check]:
    """The contract as single checks, for a test runner.

    Examples
    --------
    >>> from stepdown.nn import KD
    >>> str(network_method_checks(KD())[0])
    'parameters_survive'
    """
    return make_checks(
        [
            _check_parameters_survive,
            _check_callers_objects_stay,
            _check_seed_decides,
            _check_student_learns_and_is_plain,
            _check_loss_reaches_the_student_only,
            _check_order_of_rows_doesnt_matter,
        ],
        method,
    )


def _rows() -> TransferSet:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(48, 1, 5, 5)).astype(np.float32)
    return TransferSet.for_classification(X, (X[:, 0, 0].sum(axis=1) > 0).astype(int) + (X[:, 0, 1, 1] > 1))


def _module(width: int, seed: int) -> Any:
    import torch
    from torch import nn

    class Checked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Sequential(nn.Conv2d(1, 2 * width, 3, padding=1), nn.Tanh())
            self.second = nn.Sequential(nn.Conv2d(2 * width, width, 3), nn.Tanh())
            self.out = nn.Linear(9 * width, 3)

        def forward(self, x: Any) -> Any:
            return self.out(self.second(self.first(x)).flatten(1))

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Checked()


def _net(width: int, seed: int) -> Any:
    import torch
    from skorch import NeuralNetClassifier

    settings = {"lr": 0.05, "max_epochs": 2, "batch_size": 16, "train_split": None, "verbose": 0}
    return NeuralNetClassifier(_module(width, seed), criterion=torch.nn.CrossEntropyLoss, **settings)


def _teacher(data: TransferSet) -> Any:
    return _net(8, seed=1).fit(data.X, data.y.astype(np.int64))


def _weights(module: Any) -> dict[str, Any]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def _same(one: dict[str, Any], two: dict[str, Any]) -> bool:
    return one.keys() == two.keys() and all(bool((one[name] == two[name]).all()) for name in one)


def _check_parameters_survive(method: Any) -> None:
    must_survive(method)


def _check_callers_objects_stay(method: Any) -> None:
    import torch

    data = _rows()
    teacher, student = _teacher(data), _net(4, seed=2)
    before, given, shown = _weights(teacher.module_), _weights(student.module), repr(method)
    mode, state = teacher.module_.training, torch.random.get_rng_state()
    result = method.transfer([teacher], student, data, seed=0)
    assert _same(before, _weights(teacher.module_)), "the teacher's weights or buffers were changed."
    assert teacher.module_.training == mode, "the teacher was left in another mode."
    assert all(not module._forward_hooks for module in teacher.module_.modules()), "hooks stay on the teacher."
    assert result is not student, "the given student came back; return a new one."
    assert _same(given, _weights(student.module)), "the given student's module was trained."
    assert repr(method) == shown, "the method was changed."
    now = torch.random.get_rng_state()
    assert bool((now == state).all()), "torch's global random state was used in spite of a seed."


def _check_seed_decides(method: Any) -> None:
    data = _rows()
    teacher = _teacher(data)
    first, second = (method.transfer([teacher], _net(4, seed=2), data, seed=7) for _ in range(2))
    assert _same(_weights(first.module_), _weights(second.module_)), "two transfers with one seed differ."


def _check_student_learns_and_is_plain(method: Any) -> None:
    import torch

    data = _rows()
    student = _net(4, seed=2)
    result = method.transfer([_teacher(data)], student, data, seed=0)
    assert type(result) is type(student), f"a {type(student).__name__} became a {type(result).__name__}."
    now, start = _weights(result.module_), _weights(student.module)
    assert now.keys() == start.keys(), "adapters or other modules are left in the student."
    assert all(bool(torch.isfinite(tensor).all()) for tensor in now.values()), "training ended in weights not finite."
    assert not _same(now, start), "the student is as it was: no gradient of the loss reaches it."
    assert all(not module._forward_hooks for module in result.module_.modules()), "hooks stay on the student."


def _loss_and_gradient(method: Any, X: Any, y: Any, seed: int = 0) -> tuple[float, dict[str, Any], bool]:
    """Loss of one batch, the student's gradients, and whether any reaches the teacher."""
    import torch

    from stepdown.nn import Transfer

    teacher, student = _module(8, seed=1), _module(4, seed=2)
    torch.manual_seed(seed)  # adapters draw their weights
    with Transfer(teacher, student, copy.deepcopy(method), example=torch.as_tensor(X)) as transfer:
        rows = torch.as_tensor(X)
        loss = transfer.loss(rows, student(rows), torch.as_tensor(y, dtype=torch.int64), epoch=0)
        loss.backward()
    gradients = {name: p.grad for name, p in student.named_parameters() if p.grad is not None}
    return float(loss.detach()), gradients, any(p.grad is not None for p in teacher.parameters())


def _check_loss_reaches_the_student_only(method: Any) -> None:
    import torch

    data = _rows()
    with torch.random.fork_rng(devices=[]):
        loss, gradients, reaches_teacher = _loss_and_gradient(method, data.X, data.y)
    assert np.isfinite(loss), f"the loss is {loss}."
    assert any(bool((g != 0).any()) for g in gradients.values()), "no gradient reaches the student."
    assert all(bool(torch.isfinite(g).all()) for g in gradients.values()), "a gradient isn't finite."
    assert not reaches_teacher, "the loss sends gradients into the teacher."


def _check_order_of_rows_doesnt_matter(method: Any) -> None:
    import torch

    data = _rows()
    order = np.random.default_rng(1).permutation(len(data.X))
    with torch.random.fork_rng(devices=[]):
        first, _, _ = _loss_and_gradient(method, data.X, data.y)
        second, _, _ = _loss_and_gradient(method, data.X[order], data.y[order])
    assert np.isclose(first, second, rtol=1e-3, atol=1e-5), (
        f"the same rows in another order give a loss of {second}, not {first}."
    )
