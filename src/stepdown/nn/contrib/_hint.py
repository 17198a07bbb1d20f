"""Hints: features of a middle layer, through a trained regressor."""

from __future__ import annotations

from torch import Tensor, nn

from stepdown.core import InvalidInputError

from .._method import LayerMethod, Pairs
from .._positions import ChannelAxis, Pool, Tokens
from ..functional._features import hint
from ..functional._numerics import Reduction


def channel_axis(student: Tensor, teacher: Tensor, channels: ChannelAxis = None) -> int:
    """Where the channels of two layers are that are compared position by position.

    By the shapes: the axis that may differ while all others agree. Where all agree, the last of three axes, as tokens
    and sequences have them, and the first behind the rows of more, as maps have them.
    """
    assert not isinstance(channels, tuple)
    if student.ndim != teacher.ndim:
        raise InvalidInputError(_unlike(student, teacher))
    axis = student.ndim + channels if channels is not None and channels < 0 else channels
    if axis is None:
        maps, tokens = student.shape[2:] == teacher.shape[2:], student.shape[1:-1] == teacher.shape[1:-1]
        axis = student.ndim - 1 if tokens and (student.ndim == 3 or not maps) else 1
    others = [at for at in range(1, student.ndim) if at != axis]
    if any(student.shape[at] != teacher.shape[at] for at in others):
        raise InvalidInputError(_unlike(student, teacher))
    return axis


def _unlike(student: Tensor, teacher: Tensor) -> str:
    return (
        f"features of shape {tuple(student.shape)} (student) and {tuple(teacher.shape)} (teacher) can't be compared "
        "position by position; pair layers of the same size, or use AT (maps of any size), PKT or InformationFlow (any "
        "shapes)."
    )


def pointwise(width_in: int, width_out: int, ndim: int, axis: int = 1) -> nn.Module:
    """A linear map of the channels at every position of features with `ndim` axes."""
    if axis == ndim - 1:
        return nn.Linear(width_in, width_out)
    kinds: dict[int, type[nn.Module]] = {3: nn.Conv1d, 4: nn.Conv2d, 5: nn.Conv3d}
    if ndim not in kinds:
        raise InvalidInputError(f"features with {ndim} axes came; expected (n_rows, n_channels, positions...).")
    return kinds[ndim](width_in, width_out, 1)


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
    channels : int, optional
        Axis of the channels: 1 in maps, -1 in tokens and sequences. By default the one that the shapes leave; where
        they leave both, -1 of three axes and 1 of more.
    tokens, pool : optional
        How sequences and maps are read, as in `LayerMethod`. Tokens beside a map are laid out like it.

    Examples
    --------
    >>> Hint([("layer2", "conv2")])
    Hint(pairs=[('layer2', 'conv2')])
    """

    by_position = True

    def __init__(
        self,
        pairs: Pairs | str,
        reduction: Reduction = "mean",
        channels: ChannelAxis = None,
        tokens: Tokens = None,
        pool: Pool = None,
    ) -> None:
        self.pairs = pairs
        self.reduction = reduction
        self.channels = channels
        self.tokens = tokens
        self.pool = pool

    def adapter(self, student: Tensor, teacher: Tensor) -> nn.Module:
        axis = channel_axis(student, teacher, self.channels)
        return pointwise(student.shape[axis], teacher.shape[axis], student.ndim, axis)

    def layer_loss(self, student: Tensor, teacher: Tensor, adapter: nn.Module | None) -> Tensor:
        assert adapter is not None
        return hint(adapter(student), teacher, reduction=self.reduction)
