"""stepdown: turn an accurate, complex model into an accurate, simple one, in one hop or several."""

from importlib.metadata import version as _version

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
from .diagnosis import Diagnosis, diagnose
from .learners import RegressionClassifier, complexity, latency
from .methods import KD, ConfWeight, Dense, Mixture, ModelCompression, NoTransfer, ProfWeight, SRatio, SupervisionMethod
from .multihop import MultihopClassifier, MultihopRegressor
from .oracle import Queried, QueryPolicy, Random, Representative
from .search import DynamicProgramming, Fixed, Gate, Greedy, Search
from .trainers import ForestSelection, PlainFit, Restarts, TreeSearch, fit_student
from .verdict import Verdict, compare

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
    "Greedy",
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
    "Queried",
    "QueryPolicy",
    "Random",
    "RegressionClassifier",
    "Representative",
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
