"""A network as the student of any method: told labels, soft targets, weights, real targets or a lesson.

Batches carry what each row is to be told, and the criterion is for the time of the training one of a private subclass;
callbacks, scores and validation splits see labels as ever.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from skorch import NeuralNet, NeuralNetBinaryClassifier, NeuralNetClassifier
from skorch.dataset import unpack_data
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Subset

from stepdown.core import InvalidInputError, Lesson, NotSupportedError, Supervision, Trainer, TransferSet
from stepdown.learners import SoftFitSupport, fit_to, peel

from ._engine import taught
from ._lent import Steps, lent
from ._nets import seeded
from ._rows import cast_rows
from ._taps import bare, main_tensor
from ._transfer import NonFiniteLossError


class NetworkFit(Trainer):
    """Fit a skorch net to labels, soft targets, weighted rows, real targets or a lesson, in its own loop.

    Labels and real targets are learned by the net's own criterion. Soft targets are learned by their cross-entropy: of
    logits where the criterion is ``CrossEntropyLoss``, of probabilities where it is skorch's ``NLLLoss``, of the one
    logit of a ``NeuralNetBinaryClassifier``; class weights and label smoothing of the criterion count. A batch's loss
    is the weighted sum of its rows' losses over its number of rows and the mean weight of all rows, so that batches
    add up to the weighted mean of all.

    Rows are converted to the type of the net's parameters. A validation split (``train_split``) sees labels, those of
    the largest share for soft targets, and so do scoring callbacks; the validation loss is that of the soft targets.
    Early stopping, checkpoints and schedules therefore work as ever.

    A module that is given as an instance starts from its weights and is left as it is, so that a clone of the fitted
    net starts there again. skorch itself trains such an instance in place; a net that was fitted that way starts from
    weights drawn anew.

    A lesson's loss takes the place of the criterion and of ``get_loss``.

    Examples
    --------
    >>> module = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 2))
    >>> net = NeuralNetClassifier(
    ...     module, criterion=nn.CrossEntropyLoss, lr=1.0, max_epochs=100, train_split=None, verbose=0
    ... )
    >>> targets = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.2, 0.8]])
    >>> data = TransferSet(np.arange(4.0)[:, None], targets, classes=np.array([0, 1]))
    >>> NetworkFit().fit(net, data, seed=0).predict_proba(np.array([[3.0]], dtype=np.float32)).round(1)
    array([[0.2, 0.8]], dtype=float32)
    """

    def check_student(self, student: Any) -> None:
        final = peel(student).final
        if not isinstance(final, NeuralNet):
            raise NotSupportedError(
                f"NetworkFit fits skorch nets, and pipelines that end in one; a {type(final).__name__} came. Leave the "
                "trainer out, or take PlainFit()."
            )

    def fit(self, student: Any, supervision: Supervision, *, seed: int | None = None) -> Any:
        self.check_student(student)
        if isinstance(supervision, Lesson):
            net = taught(student, supervision, seed=seed)
            return net if supervision.finish is None else supervision.finish(net, supervision.data)
        return fit_to(student, supervision, seed=seed)


def soft_support(net: NeuralNet) -> SoftFitSupport:
    """How a net learns soft targets; see `stepdown.learners.soft_fit_support`."""
    criterion = net.criterion if isinstance(net.criterion, type) else type(net.criterion)
    loss = _soft_loss(criterion)
    if loss is not None:
        what = "one logit" if loss is _binary_rows else "probabilities" if loss is _probability_rows else "logits"
        return SoftFitSupport("exact", f"minimises the cross-entropy of its {what} to the soft targets")
    return SoftFitSupport(
        "refused",
        f"a net with the criterion {criterion.__name__} learns labels only; give it "
        "criterion=torch.nn.CrossEntropyLoss and a module that returns logits, or take ModelCompression("
        "targets='labels')",
    )


def check_labels(net: NeuralNet, classes: Any) -> None:
    """Refuse classes that a net can't answer: skorch predicts positions.

    Raises
    ------
    InvalidInputError
        Unless the classes are 0, 1, ..., or the net's class has a `predict` of its own.
    """
    positions = (NeuralNetClassifier.predict, NeuralNetBinaryClassifier.predict)
    if type(net).predict not in positions or np.array_equal(classes, np.arange(len(classes))):
        return
    raise InvalidInputError(
        f"the classes are {np.asarray(classes).tolist()[:20]}; a {type(net).__name__} predicts positions, so expected "
        "0, 1, ..., n_classes - 1. Encode the labels first: LabelEncoder().fit_transform(y)."
    )


def fit_net(net: Any, data: TransferSet, *, seed: int | None = None) -> Any:
    """Fit an unfitted net to a transfer set, in place."""
    is_classifier = isinstance(net, NeuralNetClassifier | NeuralNetBinaryClassifier)
    if is_classifier != data.is_classification:
        raise InvalidInputError(
            f"{'labels' if data.is_classification else 'real targets'} came for a {type(net).__name__}; expected a "
            f"{'NeuralNetClassifier' if data.is_classification else 'NeuralNetRegressor'}, or the other targets."
        )
    if data.classes is not None:
        check_labels(net, data.classes)
    lesson = _ToldRows(net, data)
    with seeded(seed, net.device), lent(net, _RowSteps, lesson):
        try:
            net.fit(data.X, lesson.y)
        finally:
            _undress(getattr(net, "criterion_", None))
    if not all(bool(values.isfinite().all()) for values in net.module_.parameters()):
        raise NonFiniteLossError(
            f"training a {type(net).__name__} of {type(net.module_).__name__} ended in weights that aren't finite. "
            "Lower the learning rate, and scale the columns."
        )
    return net


def renew(net: NeuralNet, original: Any, seed: int | None) -> None:
    """Draw the weights of a clone anew, where skorch has trained the original's module in place."""
    if not isinstance(net.module, nn.Module) or getattr(original, "module_", None) is not original.module:
        return
    with seeded(seed, net.device):
        for name, part in net.module.named_modules():
            if callable(getattr(part, "reset_parameters", None)):
                part.reset_parameters()
            elif next(part.parameters(recurse=False), None) is not None:
                raise NotSupportedError(
                    f"a fitted net came whose module was given as an instance, and trained: it can't be fitted again "
                    f"from its first weights, because {name or type(part).__name__!r} has no reset_parameters. Give "
                    "the module as a class, or hold the net in FrozenEstimator(net)."
                )


class _ToldRows:
    """What each row is told: one matrix of label, weight and soft targets, so that any dataset can carry it."""

    def __init__(self, net: NeuralNet, data: TransferSet) -> None:
        self.classes = data.classes
        self.y = _targets(net, data)
        self.mean_weight = 1.0
        self.packed: Any = None
        self.wraps = not data.is_classification
        self._plain: dict[int, Any] = {}
        if not data.is_soft and data.sample_weight is None:
            return
        weights = data.weights()
        self.wraps = True
        self.mean_weight = float(weights.mean())
        columns = [np.reshape(self.y, (len(weights), -1))[:, :1], weights[:, None]]
        if data.is_classification and (data.is_soft or soft_support(net).kind != "refused"):
            columns.append(data.soft_targets())
        self.packed = np.hstack(columns).astype(np.float32)

    def pack(self, dataset: Any, plain: Any) -> Any:
        """Remember which dataset has the labels alone."""
        self._plain[id(dataset)] = (dataset, plain)
        return dataset

    def plain(self, dataset: Any) -> Any:
        """The dataset, or the part of one, with labels alone."""
        if isinstance(dataset, Subset):
            return Subset(self.plain(dataset.dataset), dataset.indices)
        return self._plain.get(id(dataset), (None, dataset))[1]

    def labels(self, batch: Any) -> Any:
        """A batch with labels alone."""
        if self.packed is None:
            return batch
        x, y = unpack_data(batch)
        if not self.tells(y):
            return batch
        return x, (y[:, 0].long() if np.asarray(self.y).dtype.kind == "i" else y[:, 0])

    def tells(self, y: Any) -> bool:
        """Whether targets are those of this lesson; a validation set of the user's own has plain ones."""
        return self.packed is not None and y.ndim == 2 and y.shape[1] == self.packed.shape[1]


def _targets(net: NeuralNet, data: TransferSet) -> Any:
    """Labels or real targets as skorch takes them."""
    if not data.is_classification:
        return np.asarray(data.y, dtype=np.float32)
    index = data.label_index()
    return index.astype(np.float32) if isinstance(net, NeuralNetBinaryClassifier) else index.astype(np.int64)


class _RowSteps(Steps):
    """Batches that carry what a lesson tells."""

    lesson: _ToldRows

    def initialize_criterion(self) -> Any:
        super().initialize_criterion()
        if self.lesson.wraps:
            self.criterion_.__class__ = _told_criterion(type(self.criterion_), self.lesson)
        return self

    def get_dataset(self, X: Any, y: Any = None) -> Any:
        X = cast_rows(self, X)
        plain = super().get_dataset(X, y)
        if self.lesson.packed is None or y is not self.lesson.y:
            return plain
        return self.lesson.pack(super().get_dataset(X, self.lesson.packed), plain)

    def notify(self, method_name: str, **keywords: Any) -> None:
        if "batch" in keywords:
            keywords["batch"] = self.lesson.labels(keywords["batch"])
        for name in ("dataset_train", "dataset_valid"):
            if name in keywords:
                keywords[name] = self.lesson.plain(keywords[name])
        super().notify(method_name, **keywords)


def _told_criterion(kind: Any, lesson: _ToldRows) -> Any:
    """The user's criterion, for rows that are told weights and shares of classes."""
    soft_rows = _soft_loss(kind)

    class Told(kind):
        stepdown_kind = kind
        reduction: str

        def forward(self, y_pred: Any, y_true: Any, *rest: Any) -> Any:
            if lesson.classes is None:
                y_pred = main_tensor(y_pred)
            if not lesson.tells(y_true):
                if lesson.classes is None:
                    y_true = y_true.reshape(y_pred.shape)  # (n,) against (n, 1) would broadcast to (n, n)
                return super().forward(y_pred, y_true, *rest)
            label, weight, shares = y_true[:, 0], y_true[:, 1], y_true[:, 2:]
            if shares.shape[1]:
                assert soft_rows is not None
                rows, mass = soft_rows(self, main_tensor(y_pred), shares.to(main_tensor(y_pred).dtype))
            else:
                rows, mass = self._own_rows(super().forward, y_pred, label)
            return (weight * rows).sum() / (lesson.mean_weight * mass)

        def _own_rows(self, forward: Any, y_pred: Any, label: Tensor) -> tuple[Tensor, float]:
            if getattr(self, "reduction", None) not in ("mean", "sum", "none"):
                raise NotSupportedError(
                    f"sample_weight came for a net whose criterion, {kind.__name__}, has no reduction, so that rows "
                    "can't be weighed. Take a criterion of torch.nn, or a method without weights."
                )
            target = label.long() if lesson.classes is not None else label.reshape(y_pred.shape).to(y_pred.dtype)
            kept, self.reduction = self.reduction, "none"
            try:
                rows = forward(y_pred, target)
            finally:
                self.reduction = kept
            return (rows.flatten(1).mean(dim=1) if rows.ndim > 1 else rows), len(rows)

        def __reduce_ex__(self, protocol: Any) -> Any:
            return object.__new__, (kind,), self.__dict__.copy()

    Told.__name__, Told.__qualname__ = kind.__name__, kind.__qualname__
    return Told


def _undress(criterion: Any) -> None:
    """Make a criterion one of its own class again."""
    inner = bare(criterion) if isinstance(criterion, nn.Module) else criterion
    kind = getattr(type(inner), "stepdown_kind", None)
    if kind is not None:
        inner.__class__ = kind


# Losses of rows on soft targets, and what a batch's weighted sum is divided by: its number of rows, or what the
# criterion's class weights make of it.


def _logit_rows(criterion: Any, y_pred: Tensor, shares: Tensor) -> tuple[Tensor, Any]:
    _expect_columns(y_pred, shares)
    rows = functional.cross_entropy(
        y_pred, shares, weight=criterion.weight, label_smoothing=criterion.label_smoothing, reduction="none"
    )
    return rows, _mass(shares, criterion.weight)


def _probability_rows(criterion: Any, y_pred: Tensor, shares: Tensor) -> tuple[Tensor, Any]:
    _expect_columns(y_pred, shares)  # skorch has taken the logarithm
    weighted = shares if criterion.weight is None else shares * criterion.weight
    return -(weighted * y_pred).sum(dim=1), _mass(shares, criterion.weight)


def _binary_rows(criterion: Any, y_pred: Tensor, shares: Tensor) -> tuple[Tensor, Any]:
    rows = functional.binary_cross_entropy_with_logits(
        y_pred.reshape(-1), shares[:, 1], pos_weight=criterion.pos_weight, reduction="none"
    )
    return rows, len(rows)


_SOFT_LOSSES: dict[type[nn.Module], Any] = {
    nn.CrossEntropyLoss: _logit_rows,
    nn.NLLLoss: _probability_rows,
    nn.BCEWithLogitsLoss: _binary_rows,
}


def _soft_loss(criterion: type) -> Any:
    """The loss on soft targets of a criterion, or of a subclass that computes nothing else."""
    for kind, loss in _SOFT_LOSSES.items():
        if isinstance(criterion, type) and issubclass(criterion, kind) and criterion.forward is kind.forward:
            return loss
    return None


def _mass(shares: Tensor, weight: Tensor | None) -> Any:
    return len(shares) if weight is None else (shares * weight).sum()


def _expect_columns(y_pred: Tensor, shares: Tensor) -> None:
    if y_pred.shape != shares.shape:
        raise InvalidInputError(
            f"the module returns shape {tuple(y_pred.shape)} for {len(shares)} rows of {shares.shape[1]} classes; "
            f"expected ({len(shares)}, {shares.shape[1]}): one output a class."
        )
