"""Contrast with remembered rows: gradients, refusals, and a loop that keeps the memories."""

import pytest
import torch
from torch import nn
from torch.nn.functional import normalize

from stepdown.core import InvalidInputError
from stepdown.nn import functional


def inputs(n=5, width=3, others=2, dtype=torch.float64):
    student, teacher, ours, theirs = (normalize(torch.randn(k, width, dtype=dtype)) for k in (n, n, 9, 9))
    rows = torch.stack([torch.randperm(9)[: 1 + others] for _ in range(n)])
    return student, teacher, rows, ours, theirs


def test_both_sides_have_gradients_and_the_memories_none():
    student, teacher, rows, ours, theirs = inputs()
    sides = [student.requires_grad_(), teacher.requires_grad_()]

    def loss(a, b):
        return functional.crd(a, b, rows, ours, theirs, temperature=0.5, normalisers=(4.0, 5.0)).loss

    assert torch.autograd.gradcheck(loss, sides)
    found = functional.crd(student, teacher, rows, ours.requires_grad_(), theirs, temperature=0.5)
    found.loss.backward()
    assert ours.grad is None
    assert not found.student_rows.requires_grad
    torch.testing.assert_close(found.teacher_rows.norm(dim=1), torch.ones(5, dtype=torch.float64))


def test_half_precision_does_not_overflow():
    student, teacher, rows, ours, theirs = inputs(dtype=torch.float32)
    expected = functional.crd(student, teacher, rows, ours, theirs).loss
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(functional.crd(student, teacher, rows, ours, theirs).loss, expected)
        assert functional.crd(student.half(), teacher.half(), rows, ours, theirs).loss.isfinite()


def test_what_it_refuses():
    student, teacher, rows, ours, theirs = inputs()
    cases = [(student[:4], teacher, rows, ours, theirs), (student, teacher, rows[:, :1], ours, theirs)]
    cases += [(student, teacher, rows, ours[:, :2], theirs[:, :2]), (student, teacher, rows[0], ours, theirs)]
    for case in cases:
        with pytest.raises(InvalidInputError, match=r"of shapes \[.*expected \(n_batch, n_features\) twice"):
            functional.crd(*case)
    for settings in ({"temperature": 0.0}, {"momentum": 1.0}):
        with pytest.raises(InvalidInputError, match="expected a positive one, and one from 0 to below 1"):
            functional.crd(student, teacher, rows, ours, theirs, **settings)


def test_a_loop_that_keeps_the_memories_tells_rows_apart():
    n, y = 60, torch.arange(60) % 3
    x = torch.randn(n, 6) + 3 * torch.eye(6)[y]
    teacher, student = nn.Linear(6, 8), nn.Linear(6, 5)
    maps = nn.ModuleList([nn.Linear(5, 4), nn.Linear(8, 4)])
    memories = [normalize(torch.randn(n, 4)) for _ in range(2)]
    others = [(y != label).nonzero().flatten() for label in range(3)]
    optimizer = torch.optim.Adam([*student.parameters(), *maps.parameters()], lr=0.01)
    normalisers, means = None, []
    for _ in range(30):
        losses = []
        for own in torch.randperm(n).split(20):
            drawn = torch.stack([others[label][torch.randint(len(others[label]), (10,))] for label in y[own].tolist()])
            sides = normalize(maps[0](student(x[own]))), normalize(maps[1](teacher(x[own]).detach()))
            rows = torch.cat([own[:, None], drawn], dim=1)
            found = functional.crd(*sides, rows, *memories, temperature=0.5, normalisers=normalisers)
            normalisers = found.normalisers
            memories[0][own], memories[1][own] = found.student_rows, found.teacher_rows
            optimizer.zero_grad()
            found.loss.backward()
            optimizer.step()
            losses.append(found.loss.item())
        means.append(sum(losses) / 3)
    assert means[-1] < 0.8 * means[0]
    assert teacher.weight.grad is None
