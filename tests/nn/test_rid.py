"""Redundant information distillation: the specification's numbers, and who learns in which epoch."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from skorch import NeuralNetClassifier
from torch import nn
from torch.nn import functional

from stepdown.core import InvalidInputError, TransferSet
from stepdown.nn import Outputs, Transfer
from stepdown.nn.contrib import RID

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "E3.json").read_text())["E3_rid"]
METHOD = RID([("a", "b")], weight=3.0, length=2, filtering=1)


def outputs(case):
    """Both sides of a case, with filters that leave features as they are."""
    mine, theirs = (
        torch.tensor(case["inputs"][name], dtype=torch.float64) for name in ("student_filter", "teacher_filter")
    )
    logits = torch.tensor([[1.0, 0.0, 2.0], [0.5, 1.0, 0.0]], dtype=torch.float64)
    student, teacher = Outputs(logits, {"b": mine}), Outputs(logits, {"a": theirs})
    (adapter,) = METHOD.adapters(student, teacher).values()
    adapter = adapter.double()
    adapter.student = adapter.teacher = nn.Identity()
    scales = [math.log(math.expm1(variance - 1e-3)) for variance in case["inputs"]["var"]]
    adapter.log_scale.data = torch.tensor(scales, dtype=torch.float64)
    return Outputs(logits, {"b": mine}, {"0": adapter}), teacher, adapter


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_the_terms_are_those_of_the_specification(case):
    student, teacher, adapter = outputs(case)
    target, expected = torch.tensor([2, 0]), case["expected"]
    own_labels = functional.cross_entropy(adapter.head(teacher.layers["a"][..., None]), target).item()
    first, second, third = (METHOD.terms(student, teacher, target, epoch=epoch) for epoch in (0, 1, 2))
    assert first.keys() == third.keys() == {"a -> b"}
    assert first["a -> b"].item() == pytest.approx(own_labels, abs=1e-9)
    assert third["a -> b"].item() - own_labels == pytest.approx(expected["phase1_teacher_filter_term"], abs=1e-9)
    assert second["a -> b"].item() / 3.0 == pytest.approx(expected["gaussian_nll_like"], abs=1e-9)
    assert second["labels"].item() == pytest.approx(functional.cross_entropy(student.logits, target).item())


def test_the_variance_at_the_start():
    x = torch.randn(4, 2, dtype=torch.float64)
    (adapter,) = METHOD.adapters(Outputs(x, {"b": x}), Outputs(x, {"a": x})).values()
    assert adapter.double().variance()[0, 0].item() == pytest.approx(
        VECTORS[0]["expected"]["var_from_param5"], abs=1e-9
    )


def network(width):
    return nn.Sequential(
        *(nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(16 * width, 4 * width), nn.ReLU(), nn.Linear(4 * width, 10)),
    )


PAIRS = [("2", "2"), ("5", "5")]


def test_by_turns_the_filters_and_the_student_learn():
    x, y = torch.randn(12, 1, 8, 8), torch.arange(12) % 10
    student = network(2)
    with Transfer(network(6), student, RID(PAIRS, length=3, filtering=1), example=x) as transfer:
        for epoch, filters_learn in enumerate((True, False, False, True)):
            transfer.student.zero_grad(), transfer.adapters.zero_grad()
            transfer.loss(x, student(x), y, epoch=epoch).backward()
            learned = {name for name, values in transfer.adapters.named_parameters() if values.grad is not None}
            theirs = {name for name, _ in transfer.adapters.named_parameters() if ".teacher" in name or ".head" in name}
            assert learned == (
                theirs if filters_learn else {n for n, _ in transfer.adapters.named_parameters()} - theirs
            )
            assert all((values.grad is None) == filters_learn for values in student.parameters())


def test_a_student_learns_from_a_teacher():
    X, y = load_digits(return_X_y=True)
    X = (X[:600] / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    settings = {"criterion": nn.CrossEntropyLoss, "optimizer": torch.optim.Adam, "train_split": None, "verbose": 0}
    settings |= {"batch_size": 32, "iterator_train__shuffle": True}
    data = TransferSet.for_classification(X[:400], y[:400])
    teacher = NeuralNetClassifier(network(8), lr=0.01, max_epochs=6, **settings).fit(data.X, data.y)
    student = NeuralNetClassifier(network(4), lr=0.005, max_epochs=24, **settings)
    taught = RID(PAIRS, length=6, filtering=2).transfer([teacher], student, data, seed=0)
    assert taught.score(X[400:], y[400:600]) > 0.6
    assert not hasattr(taught, "adapters_")


def test_settings_that_teach_nobody_are_refused():
    with pytest.raises(InvalidInputError, match="filtering=4: expected a round"):
        RID(PAIRS, length=4, filtering=4).filters(0)
    x = torch.randn(4, 1, 8, 8)
    student = network(2)
    with (
        Transfer(network(2), student, RID(PAIRS, 2, 1), example=x) as transfer,
        pytest.raises(InvalidInputError, match="RID needs labels"),
    ):
        transfer.loss(x, student(x), epoch=0)
