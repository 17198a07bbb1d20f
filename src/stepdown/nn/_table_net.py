"""A network for tables by its hidden layout alone, for the command line."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from skorch import NeuralNetClassifier
from torch import Tensor, nn, optim

from stepdown.core import InvalidInputError, NotSupportedError

from ._rows import cast_rows


class TableModule(nn.Module):
    """Linear layers with ReLU between them."""

    def __init__(self, inputs: int, outputs: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        widths = (inputs, *hidden)
        steps = [part for pair in pairwise(widths) for part in (nn.Linear(*pair), nn.ReLU())]
        self.layers = nn.Sequential(*steps, nn.Linear(widths[-1], outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class TableNet(NeuralNetClassifier):
    """A skorch net whose sizes are those of the table that it is fitted to.

    It takes rows of any real type and answers in the labels that it was given.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> net = TableNet(hidden="16-8", max_epochs=1).fit(*load_iris(return_X_y=True))
    >>> [layer.out_features for layer in net.module_.layers if isinstance(layer, nn.Linear)]
    [16, 8, 3]
    """

    converts_rows = True

    def __init__(
        self,
        hidden: Any = "64",
        *,
        module: Any = TableModule,
        criterion: Any = nn.CrossEntropyLoss,
        optimizer: Any = optim.Adam,
        lr: float = 0.01,
        max_epochs: int = 30,
        batch_size: int = 32,
        train_split: Any = None,
        verbose: int = 0,
        **settings: Any,
    ) -> None:
        settings.setdefault("iterator_train__shuffle", True)
        super().__init__(
            module,
            criterion=criterion,
            optimizer=optimizer,
            lr=lr,
            max_epochs=max_epochs,
            batch_size=batch_size,
            train_split=train_split,
            verbose=verbose,
            **settings,
        )
        self.hidden = hidden

    def fit(self, X: Any, y: Any, **fit_params: Any) -> Self:
        """Fit a module of the table's sizes."""
        y = np.asarray(y)
        if y.dtype.kind in "iu":
            self.known_ = np.arange(int(y.max()) + 1)
        else:
            self.known_, y = np.unique(y, return_inverse=True)
        self.n_features_in_ = int(np.shape(X)[1])
        self.classes_inferred_ = self.known_
        return super().fit(X, y, **fit_params)

    def check_data(self, X: Any, y: Any) -> None:
        super().check_data(X, y)
        self.classes_inferred_ = self.known_

    def initialize_module(self) -> Self:
        if self.module is not TableModule:
            return super().initialize_module()
        if not hasattr(self, "n_features_in_"):
            raise NotSupportedError("a TableNet has no sizes before it is fitted to a table; fit it first.")
        self.module_ = TableModule(self.n_features_in_, len(self.classes_), self._widths())
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return labels, of shape (n_rows,)."""
        return np.asarray(self.classes_)[super().predict(X)]

    def get_dataset(self, X: Any, y: Any = None) -> Any:
        return super().get_dataset(cast_rows(self, X), y)

    def _widths(self) -> tuple[int, ...]:
        parts = self.hidden.split("-") if isinstance(self.hidden, str) else np.atleast_1d(self.hidden).tolist()
        try:
            widths = tuple(int(part) for part in parts)
        except (TypeError, ValueError):
            widths = ()
        if not widths or min(widths) < 1:
            raise InvalidInputError(f"hidden={self.hidden!r}: expected widths of layers, such as 64-32 or (64, 32).")
        return widths
