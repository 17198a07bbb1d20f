"""stepdown: turn an accurate, complex model into an accurate, simple one, in one hop or several."""

from importlib.metadata import version as _version

from .chains import (
    Diagnosis,
    DynamicProgramming,
    Fixed,
    Gate,
    MultihopClassifier,
    MultihopRegressor,
    Search,
    Verdict,
    compare,
    diagnose,
)
from .core import (
    ComplexityWarning,
    Hop,
    HopRecord,
    InvalidInputError,
    NotSupportedError,
    SignalWarning,
    StepdownError,
    Teacher,
    Trainer,
    TransferMethod,
    TransferSet,
    run_hops,
)
from .methods import (
    KD,
    ConfWeight,
    Dense,
    Mixture,
    ModelCompression,
    NoTransfer,
    ProfWeight,
    SRatio,
    SupervisionMethod,
)
from .models import RegressionClassifier, complexity, latency
from .trainers import ForestSelection, PlainFit, Restarts, TreeSearch, fit_student

__version__ = _version("stepdown")

__all__ = [
    "ComplexityWarning",
    "ConfWeight",
    "Dense",
    "Diagnosis",
    "DynamicProgramming",
    "Fixed",
    "ForestSelection",
    "Gate",
    "Hop",
    "HopRecord",
    "InvalidInputError",
    "KD",
    "Mixture",
    "ModelCompression",
    "MultihopClassifier",
    "MultihopRegressor",
    "NoTransfer",
    "NotSupportedError",
    "PlainFit",
    "ProfWeight",
    "RegressionClassifier",
    "Restarts",
    "SRatio",
    "Search",
    "SignalWarning",
    "StepdownError",
    "SupervisionMethod",
    "Teacher",
    "Trainer",
    "TransferMethod",
    "TransferSet",
    "TreeSearch",
    "Verdict",
    "compare",
    "complexity",
    "diagnose",
    "fit_student",
    "latency",
    "run_hops",
]
