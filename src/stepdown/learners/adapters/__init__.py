"""One adapter per foreign library, found by the module of the model in hand; no library is imported for it."""

from __future__ import annotations

from typing import Any

from ._adapter import Adapter, PartOf, rounds_named
from ._catboost import CatBoost
from ._imodels import Imodels
from ._interpret import Interpret
from ._lightgbm import LightGBM
from ._skorch import Skorch
from ._xgboost import XGBoost

__all__ = ["Adapter", "PartOf", "adapter_of", "register", "rounds_named"]

_ADAPTERS: list[Adapter] = [CatBoost(), Imodels(), Interpret(), LightGBM(), Skorch(), XGBoost()]


def adapter_of(learner: Any) -> Adapter | None:
    """The adapter of a model's library, the last one registered first; None for scikit-learn's models and others."""
    libraries = {cls.__module__.partition(".")[0] for cls in type(learner).__mro__}
    return next((adapter for adapter in reversed(_ADAPTERS) if adapter.library in libraries), None)


def register(adapter: Adapter) -> None:
    """Ask an adapter from now on about the models of its library.

    Parameters
    ----------
    adapter : Adapter
    """
    _ADAPTERS.append(adapter)
