"""Several methods at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from stepdown.core import InvalidInputError, Supervision, Teacher, TransferMethod, TransferSet

from ._mixing import mix_supervision


class Mixture(TransferMethod):
    """The student minimises a weighted mean of the losses that several methods give it.

    Targets are averaged, weighted by what each method weighs the row; weights are averaged; rows that a method adds
    stay, with their weight times its share. ``Mixture([(0.3, KD()), (0.7, NoTransfer())])`` blends with the labels.

    Parameters
    ----------
    methods : list of (share, TransferMethod)
        Shares aren't negative and are divided by their sum. A method with share 0 isn't asked. Parameters of the
        methods are reached by their generated names, as in ``set_params(kd__temperature=2)``; two of one class are
        called ``kd-1`` and ``kd-2``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from stepdown.core import TransferSet
    >>> from stepdown.methods import ConfWeight, KD
    >>> data = TransferSet.for_classification(*load_iris(return_X_y=True))
    >>> forest = RandomForestClassifier(20, random_state=0).fit(data.X, data.y)
    >>> mixture = Mixture([(0.5, KD()), (0.5, ConfWeight())])
    >>> mixture.transfer([forest], DecisionTreeClassifier(max_depth=2), data, seed=0).get_depth()
    2
    """

    def __init__(self, methods: Sequence[tuple[float, TransferMethod]]) -> None:
        self.methods = methods

    def check_student(self, student: Any, data: TransferSet) -> None:
        for share, method in self._checked():
            if share > 0:
                method.check_student(student, data)

    def check_teachers(self, teachers: Sequence[Any], data: TransferSet) -> None:
        for share, method in self._checked():
            if share > 0:
                method.check_teachers(teachers, data)

    def asks(self, teachers: Sequence[Teacher]) -> Sequence[Teacher]:
        asked = {id(teacher) for share, method in self._checked() if share > 0 for teacher in method.asks(teachers)}
        return [teacher for teacher in teachers if id(teacher) in asked]

    def supervise(
        self, teachers: Sequence[Teacher], student: Any, data: TransferSet, *, seed: int | None = None
    ) -> Supervision:
        asked = [(share, method) for share, method in self._checked() if share > 0]
        sets = [method.supervise(teachers, student, data, seed=seed) for _, method in asked]
        return mix_supervision(sets, [share for share, _ in asked], data)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters; with `deep` also those of the methods, by name."""
        params: dict[str, Any] = super().get_params(deep=False)
        if deep:
            for name, method in self._named():
                params[name] = method
                params |= {f"{name}__{key}": value for key, value in method.get_params(deep=True).items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters of the mixture, replace a method by name, or set a method's own parameters."""
        if "methods" in params:
            self.methods = params.pop("methods")
        nested: dict[str, dict[str, Any]] = {}
        for key, value in params.items():
            name, _, parameter = key.partition("__")
            names = [known for known, _ in self._named()]
            if name not in names:
                raise InvalidInputError(f"Mixture has no parameter {key!r}; it has 'methods' and those of {names}.")
            if parameter:
                nested.setdefault(name, {})[parameter] = value
            else:
                place = names.index(name)
                self.methods = [
                    (share, value if at == place else method) for at, (share, method) in enumerate(self.methods)
                ]
        methods = dict(self._named())
        for name, rest in nested.items():
            methods[name].set_params(**rest)
        return self

    def _checked(self) -> list[tuple[float, TransferMethod]]:
        pairs = list(self.methods)
        for pair in pairs:
            if len(pair) != 2 or not isinstance(pair[1], TransferMethod):
                raise InvalidInputError(f"Mixture: expected pairs (share, method) such as (0.5, KD()), got {pair!r}.")
        shares = np.array([share for share, _ in pairs], dtype=np.float64)
        if not np.isfinite(shares).all() or (shares < 0).any() or not shares.any():
            raise InvalidInputError(
                f"Mixture: expected shares that aren't negative and not all 0, got {shares.tolist()}."
            )
        return pairs

    def _named(self) -> list[tuple[str, TransferMethod]]:
        """Methods by the lower-case names of their classes, numbered where a class comes twice."""
        names = [type(method).__name__.lower() for _, method in self.methods]
        several = {name for name, count in Counter(names).items() if count > 1}
        seen: Counter[str] = Counter()
        named = []
        for name, (_, method) in zip(names, self.methods, strict=True):
            seen[name] += 1
            named.append((f"{name}-{seen[name]}" if name in several else name, method))
        return named
