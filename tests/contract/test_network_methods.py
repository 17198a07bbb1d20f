"""The shipped contract over every method between networks, and its four files."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the nn extra isn't installed")
pytest.importorskip("skorch", reason="the nn extra isn't installed")

from stepdown import nn
from stepdown.checks import network_method_checks
from stepdown.nn import contrib

ROOT = Path(__file__).parents[2]
PAIRS = [("first", "first"), ("second", "second")]
ONE = nn.PKT([("second", "second")])

# What a parameter without a default gets; a method with another one fails here until it is told.
REQUIRED: dict[str, Any] = {
    "pairs": PAIRS,
    "method": ONE,
    "methods": [(1, ONE), (None, contrib.Logit())],
    "channels": [range(8)],
    "layer": "second",
    "length": 2,
    "filtering": 1,
}


def exported() -> list[Any]:
    classes = [getattr(room, name) for room in (nn, contrib) for name in room.__all__ if name in vars(room)]
    classes = [one for one in classes if inspect.isclass(one) and issubclass(one, nn.LossMethod)]
    found = []
    for one in classes:
        if inspect.isabstract(one) or one is nn.WeightedSum:  # whose weights are given below
            continue
        parameters = inspect.signature(one).parameters.values()
        found.append(one(**{p.name: REQUIRED[p.name] for p in parameters if p.default is p.empty}))
    return found


METHODS = [*exported(), nn.WeightedSum([(1.0, ONE), (0.5, contrib.Logit())])]
# Dense reads all earlier networks, which one loop of one's own has as `Teachers`; tests/nn/test_dense.py does that.
# RID's first epochs teach its filters and not the student; tests/nn/test_rid.py has both.
LOOPLESS = {
    ("Dense", "loss_reaches_the_student_only"),
    ("Dense", "order_of_rows_doesnt_matter"),
    ("RID", "loss_reaches_the_student_only"),
}
CHECKS = [
    (method, check)
    for method in METHODS
    for check in network_method_checks(method)
    if (type(method).__name__, check.name) not in LOOPLESS
]


@pytest.mark.parametrize(("method", "check"), CHECKS, ids=[f"{type(m).__name__}-{check}" for m, check in CHECKS])
def test_a_network_method_keeps_the_contract(method, check):
    check()


class Forgetful(nn.LossMethod):
    """Wrong on purpose: no gradient, and the order of the rows decides."""

    def loss(self, student, teacher, target, *, epoch):
        return student.logits[0].detach().sum().requires_grad_()


@pytest.mark.parametrize("name", ["loss_reaches_the_student_only", "order_of_rows_doesnt_matter"])
def test_the_contract_catches_what_is_wrong(name):
    check = next(check for check in network_method_checks(Forgetful()) if check.name == name)
    with pytest.raises(AssertionError, match=r"no gradient|another order"):
        check()


NAMES = sorted({type(method).__name__ for method in METHODS})


@pytest.mark.parametrize("name", NAMES)
def test_a_network_method_is_four_files(name):
    room = nn if name in vars(nn) else contrib
    assert inspect.getdoc(getattr(room, name)).count(">>> ") >= 1
    assert re.search(rf"^\| `{name}` \|", (ROOT / "docs" / "nn-methods.md").read_text(), re.MULTILINE), "its row"
    tests = [path for path in (ROOT / "tests" / "nn").glob("test_*.py") if re.search(rf"\b{name}\(", path.read_text())]
    assert tests, "its test"
