"""Labels as one more layer that teaches."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from stepdown.core import InvalidInputError

from ._method import LossMethod, Outputs
from .functional._information import information_flow


class LabelFlow(LossMethod):
    """A layer relates the rows as their classes do: those of one class are equal, all others equally far.

    The loss of `InformationFlow` with the classes' indicators in the place of a teacher's layer; beside it in a
    `WeightedSum` it gave four points of retrieval on CIFAR-10 (docs/results.md). Reads no teacher.

    Parameters
    ----------
    layer : str
        The student's, the last before the output as a rule.
    scale : float
        Of the indicators, positive: how far classes are from one another for the kernel of distances.

    Examples
    --------
    >>> from stepdown.nn import InformationFlow, WeightedSum
    >>> method = WeightedSum([(1.0, InformationFlow([("fc1", "fc1")])), (0.5, LabelFlow("fc1"))])
    >>> method.layers()
    (('fc1',), ('fc1',))
    """

    def __init__(self, layer: str, scale: float = 3.0) -> None:
        self.layer = layer
        self.scale = scale

    def layers(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return (), (self.layer,)

    def loss(self, student: Outputs, teacher: Outputs, target: Tensor | None, *, epoch: int) -> Tensor:
        if target is None or target.is_floating_point() or target.ndim != 1:
            shape = None if target is None else tuple(target.shape)
            raise InvalidInputError(f"labels of shape {shape} came; LabelFlow relates rows by one class each.")
        features = student.layers[self.layer]
        # Only which rows are alike matters, so that a batch without the last class is no different.
        classes = functional.one_hot(target, int(target.max()) + 1).to(features.dtype)
        return information_flow(features, self.scale * classes)
