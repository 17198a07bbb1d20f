"""stepdown: turn an accurate, complex model into an accurate, simple one, in one hop or several."""

from importlib.metadata import version as _version

from ._moved import moved as _moved
from .core import StepdownError
from .diagnosis import diagnose
from .methods import KD, ConfWeight, Mixture, ModelCompression, ProfWeight, SRatio
from .multihop import MultihopClassifier, MultihopRegressor
from .oracle import Queried
from .search import DynamicProgramming, Fixed
from .students import TreeSumClassifier, TreeSumRegressor
from .trainers import TreeSearch, fit_student
from .verdict import compare

__version__ = _version("stepdown")

__all__ = [
    "ConfWeight",
    "DynamicProgramming",
    "Fixed",
    "KD",
    "Mixture",
    "ModelCompression",
    "MultihopClassifier",
    "MultihopRegressor",
    "ProfWeight",
    "Queried",
    "SRatio",
    "StepdownError",
    "TreeSearch",
    "TreeSumClassifier",
    "TreeSumRegressor",
    "compare",
    "diagnose",
    "fit_student",
]

__getattr__ = _moved(__name__)
