"""The gate's rule on scores made by hand."""

import numpy as np
import pytest

from stepdown.chains._problem import Arm
from stepdown.chains._search import Choice, leave_home
from stepdown.chains._validate import ArmScores
from stepdown.methods import KD, NoTransfer
from stepdown.trainers import PlainFit

LABELS = Arm("labels", "simple + trainer", NoTransfer(), PlainFit(), uses_teacher=False)
ONE = Arm("one", "1-hop", KD(), PlainFit())
TWO = Arm("two", "multihop", KD(), PlainFit())


def scores(*gains: float) -> ArmScores:
    """Paired scores over 400 rows whose differences have a standard error of about 0.02 times sqrt(2)."""
    rng = np.random.default_rng(0)
    noise = [row - row.mean() for row in rng.normal(0.0, 0.4, (len(gains), 400))]
    return ArmScores(np.array([gain + row for gain, row in zip(gains, noise, strict=True)]), "row")


@pytest.mark.parametrize(
    ("arms", "gains", "chosen"),
    [
        ([ONE, TWO], (0.0, 0.04), 0),  # flattered alike: two standard errors are 0.057
        ([ONE, TWO], (0.0, 0.07), 1),
        ([ONE, LABELS], (0.0, 0.001), 1),  # an honest score needs no margin
        ([ONE, LABELS], (0.0, -0.001), 0),
        ([LABELS, ONE], (0.0, 0.07), 0),  # against an honest one the flattered one needs twice the margin
        ([LABELS, ONE], (0.0, 0.13), 1),
        ([ONE, TWO, LABELS], (0.0, 0.07, 0.08), 2),
    ],
)
def test_home_is_left_for_what_is_clearly_better(arms, gains, chosen) -> None:
    assert leave_home(arms, scores(*gains), 0, range(len(arms)), 2.0) == chosen


def test_margins_at_the_ends() -> None:
    assert leave_home([ONE, TWO], scores(0.0, 0.001), 0, range(2), 0.0) == 1
    assert leave_home([ONE, TWO], scores(0.0, 0.9), 0, range(2), np.inf) == 0


def test_of_a_kind_the_first_is_the_best_unless_another_is_clearly_better() -> None:
    other = Arm("other", "multihop", KD(), PlainFit())
    near = Choice(ONE, None, [ONE, TWO, other], scores(0.0, 0.0, 0.04), margin=2.0)
    far = Choice(ONE, None, [ONE, TWO, other], scores(0.0, 0.0, 0.09), margin=2.0)
    assert (near.best("multihop"), far.best("multihop"), near.best("control")) == (TWO, other, None)
    assert Choice(other, None, [ONE, TWO, other]).best("multihop") is other


def test_who_is_flattered() -> None:
    bridge_on_labels = Arm("c", "control", KD(), PlainFit(), before=("hop",), uses_teacher=False)
    assert [arm.is_flattered for arm in (LABELS, ONE, TWO, bridge_on_labels)] == [False, True, True, True]
