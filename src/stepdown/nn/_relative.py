"""The same course of weights on a loss that keeps its scale."""

from __future__ import annotations

from ._schedules import Schedule


class Relative(Schedule):
    """A schedule's weights divided by the largest of the epoch, so that the heaviest layer always has weight 1.

    What the layers weigh against each other stays as it is. Optimisers that divide by a running mean of squared
    gradients, such as Adam, forget slowly: after `CriticalPeriod`'s first epochs at weight 100 their steps stay small
    for about a thousand batches, which a short training doesn't have.

    Parameters
    ----------
    schedule : Schedule

    Examples
    --------
    >>> from stepdown.nn import CriticalPeriod
    >>> schedule = Relative(CriticalPeriod(initial=100, decay=0.1))
    >>> schedule.table(epochs=4, n_layers=2).round(3).tolist()
    [[1.0, 0.01], [1.0, 0.1], [1.0, 1.0], [0.1, 1.0]]
    """

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule

    def weights(self, epoch: int, n_layers: int) -> tuple[float, ...]:
        given = self.schedule.weights(epoch, n_layers)
        largest = max(given)
        return tuple(weight / largest for weight in given) if largest > 0 else given
