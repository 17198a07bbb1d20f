"""Weights that keep their proportions and lose their scale."""

import numpy as np
import pytest
from sklearn.base import clone

from stepdown.nn import Constant, CriticalPeriod, Phases, Relative, Schedule


class Nothing(Schedule):
    def weights(self, epoch, n_layers):
        return (0.0,) * n_layers


@pytest.mark.parametrize("schedule", [CriticalPeriod(), Constant(30.0), Phases([2, 3]), Constant(0.25)])
def test_proportions_stay_and_the_largest_is_one(schedule):
    given, made = schedule.table(20, 3), clone(Relative(schedule)).table(20, 3)
    np.testing.assert_allclose(made.max(axis=1), 1.0)
    np.testing.assert_allclose(made * given.max(axis=1, keepdims=True), given)


def test_no_weight_stays_no_weight():
    assert Relative(Nothing()).weights(3, 2) == (0.0, 0.0)
