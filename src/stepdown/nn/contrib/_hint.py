"""Hints: features of a middle layer, through a trained regressor."""

from __future__ import annotations

from torch import Tensor, nn

from stepdown.core import InvalidInputError

from .._method import LayerMethod, Pairs
from ..functional._features import hint
from ..functional._numerics import Reduction


def pointwise(width_in: int, width_out: int, ndim: int) -> nn.Module:
    """A linear map of the channels at every position of features with `ndim` axes."""
    kinds: dict[int, type[nn.Module]] = {2: nn.Linear, 3: nn.Conv1d, 4: nn.Conv2d, 5: nn.Conv3d}
    if ndim not in kinds:
        raise InvalidInputError(f"features with {ndim} axes came; expected (n_rows, n_channels, positions...).")
    return kinds[ndim](width_in, width_out) if ndim == 2 else kinds[ndim](width_in, width_out, 1)


class Hint(LayerMethod):
    """A regressor, trained with the student and then thrown away, maps the student's features to the teacher's.

    Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015; `functional.hint`. The paper uses it as a stage
    before soft targets: ``Staged([(10, Hint(pairs)), (None, KD())])``.

    Parameters
    ----------
    pairs : sequence of (str, str)
        Teacher's and student's layers, equal in the number of rows and positions; channels may differ.
    reduction : {"mean", "row", "sum"}
        As in `functional.hint`.

    Examples
    --------
    >>> Hint([("layer2", "conv2")])
    Hint(pairs=[('layer2', 'conv2')])
    """

    def __init__(self, pairs: Pairs | str, reduction: Reduction = "mean") -> None:
        self.pairs = pairs
        self.reduction = reduction

    def adapter(self, student: Tensor, teacher: Tensor) -> nn.Module:
        if student.ndim != teacher.ndim or student.shape[2:] != teacher.shape[2:]:
            raise InvalidInputError(
                f"features of shape {tuple(student.shape)} (student) and {tuple(teacher.shape)} (teacher) can't be "
                "regressed position by position; pair layers of the same size, or use AT (maps of any size), PKT or "
                "InformationFlow (any shapes)."
            )
        return pointwise(student.shape[1], teacher.shape[1], student.ndim)

    def layer_loss(self, student: Tensor, teacher: Tensor, adapter: nn.Module | None) -> Tensor:
        assert adapter is not None
        return hint(adapter(student), teacher, reduction=self.reduction)
