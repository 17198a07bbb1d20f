"""The only room that knows other people's model classes."""

from ._bagged_trees import BaggedTreesClassifier, BaggedTreesRegressor
from ._class_weight import with_class_weight
from ._complexity import Complexity, complexity, latency
from ._families import bagged_bridge, between, grown, shrunk
from ._grades import Grade, graded_signals, grades
from ._label_encoded import LabelEncoded
from ._networks import (
    answers,
    between_twins,
    cast_rows,
    check_labels,
    completed,
    live_kd,
    mixed_lessons,
    network_trainer,
    wider_nets,
)
from ._pipelines import Peeled, clone_with_seed, peel, supports_weight, with_final
from ._regression_classifier import RegressionClassifier
from ._signals import fold_rows, predictions, signal_key, training_signal
from ._soft_fit import fit_to, soft_fit_support
from ._soft_support import SoftFitSupport

__all__ = [
    "BaggedTreesClassifier",
    "BaggedTreesRegressor",
    "Complexity",
    "Grade",
    "LabelEncoded",
    "Peeled",
    "RegressionClassifier",
    "SoftFitSupport",
    "answers",
    "bagged_bridge",
    "between",
    "between_twins",
    "cast_rows",
    "check_labels",
    "clone_with_seed",
    "completed",
    "complexity",
    "fit_to",
    "fold_rows",
    "graded_signals",
    "grades",
    "grown",
    "latency",
    "live_kd",
    "mixed_lessons",
    "network_trainer",
    "peel",
    "predictions",
    "shrunk",
    "signal_key",
    "soft_fit_support",
    "supports_weight",
    "training_signal",
    "wider_nets",
    "with_class_weight",
    "with_final",
]
