import numpy as np
import pytest
from sklearn.base import clone

from stepdown.core import InvalidInputError
from stepdown.nn import Constant, CriticalPeriod, Phases

SCHEDULES = [CriticalPeriod(), Constant(0.5), Phases((1, 2))]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_a_table_is_its_weights(schedule):
    table = schedule.table(5, 3)
    assert table.shape == (5, 3)
    assert [tuple(row) for row in table] == [schedule.weights(epoch, 3) for epoch in range(5)]
    assert (table >= 0).all()
    assert np.array_equal(clone(schedule).table(5, 3), table)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_counting_starts_at_0_and_1(schedule):
    with pytest.raises(InvalidInputError, match="epochs count from 0"):
        schedule.weights(-1, 3)


def test_a_single_layer_is_the_last():
    assert CriticalPeriod().weights(0, 1) == Constant(7).weights(0, 1) == Phases(()).weights(9, 1) == (1.0,)
    with pytest.raises(InvalidInputError, match="epochs count from 0 and layers from 1"):
        Constant().weights(0, 0)


def test_the_critical_period_lasts_a_quarter_of_any_training():
    assert np.array_equal(CriticalPeriod.over(50).table(50, 2), CriticalPeriod().table(50, 2))
    for epochs in (10, 50, 100, 400):
        heavy = (CriticalPeriod.over(epochs).table(epochs, 2)[:, 0] >= 1).mean()
        assert 0.25 <= heavy < 0.25 + 1.5 / epochs + 0.01
    with pytest.raises(InvalidInputError, match="epochs=0"):
        CriticalPeriod.over(0)


def test_phases_need_a_length_a_layer():
    with pytest.raises(InvalidInputError, match="expected 1: one for each layer"):
        Phases((1, 2)).weights(0, 2)


def test_plots():
    pytest.importorskip("matplotlib")
    ax = CriticalPeriod().plot(10, 3)
    assert [len(line.get_ydata()) for line in ax.lines] == [10, 10, 10]
    assert ax.lines[0].get_ydata()[1] == pytest.approx(70)
    assert ax.get_yscale() == "log"
    assert Phases((1, 2)).plot(10, 3, ax=ax) is ax
