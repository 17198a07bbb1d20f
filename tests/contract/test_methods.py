"""The shipped contract over every method that stepdown exports."""

import inspect
from typing import Any

import pytest

from stepdown import methods
from stepdown.checks import method_checks
from stepdown.core import TransferMethod
from stepdown.methods import (
    KD,
    ConfWeight,
    LearnedWeights,
    Mixture,
    ModelCompression,
    Munge,
    ProfWeight,
    Resample,
    SRatio,
)

# What a parameter without a default gets; a method with another one fails here until it is told.
REQUIRED: dict[str, Any] = {"method": KD(), "methods": [(0.5, KD()), (0.5, ConfWeight())]}


def exported() -> list[TransferMethod]:
    classes = [getattr(methods, name) for name in methods.__all__]
    classes = [one for one in classes if inspect.isclass(one) and issubclass(one, TransferMethod)]
    made = []
    for one in classes:
        if inspect.isabstract(one):
            continue
        parameters = inspect.signature(one).parameters.values()
        made.append(one(**{p.name: REQUIRED[p.name] for p in parameters if p.default is p.empty}))
    return made


VARIANTS = [
    KD(temperature=4.0, weight=1.0),
    KD(signals="in-sample"),
    ModelCompression("labels", synthesiser=Munge(copies=2)),
    ModelCompression(synthesiser=Resample(copies=2)),
    ProfWeight(weights=LearnedWeights(rounds=1, steps=20), n_grades=2, cv=3),
    SRatio(above="clip", floor=1.0, n_grades=2, cv=3),
    Mixture([(1.0, Mixture([(0.5, KD()), (0.5, SRatio(n_grades=1, cv=3))])), (0.5, ModelCompression())]),
]

CASES = [(method, check) for method in [*exported(), *VARIANTS] for check in method_checks(method)]


@pytest.mark.parametrize(("method", "check"), CASES, ids=[f"{method!r}-{check}" for method, check in CASES])
def test_contract(method, check):
    check()


def test_every_exported_method_is_among_them():
    names = {type(method).__name__ for method in exported()}
    assert {"KD", "ConfWeight", "ProfWeight", "SRatio", "ModelCompression", "Mixture", "Dense", "NoTransfer"} <= names
