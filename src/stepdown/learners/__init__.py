"""The only room that knows other people's model classes."""

from ._bagged_trees import BaggedTreesClassifier, BaggedTreesRegressor
from ._categories import category_columns, reads_categories
from ._class_weight import with_class_weight
from ._complexity import complexity, latency
from ._decisions import weighed_by_threshold
from ._families import bagged_bridge, between, grown, shrunk
from ._foreign import as_estimator, told_classes
from ._grades import Grade, graded_signals, grades
from ._label_encoded import LabelEncoded
from ._losses import can_teach, in_range_of_loss, learned_property
from ._networks import (
    answers,
    between_twins,
    cast_rows,
    check_labels,
    completed,
    is_between_networks,
    live_kd,
    mixed_lessons,
    network_trainer,
    wider_nets,
)
from ._pipelines import Peeled, clone_with_seed, fit_steps, peel, supports_weight, with_final
from ._regression_classifier import RegressionClassifier
from ._signals import fold_rows, made_again, predictions, signal_key, training_signal
from ._sizes import RULES as RULES, Complexity, of_sum as of_sum
from ._soft_expanded import limits_in_rows
from ._soft_fit import fit_to, soft_fit_support
from ._soft_support import SoftFitSupport
from ._soft_targets import SoftTargetsMixin
from ._trees import (
    LEAF as LEAF,
    cut_back,
    empty_nodes as empty_nodes,
    node_impurity as node_impurity,
    tree_from_nodes as tree_from_nodes,
)
from ._words import in_words
from .adapters import Adapter, adapter_of, register

__all__ = [
    "Adapter",
    "BaggedTreesClassifier",
    "BaggedTreesRegressor",
    "Complexity",
    "Grade",
    "LabelEncoded",
    "Peeled",
    "RegressionClassifier",
    "SoftFitSupport",
    "SoftTargetsMixin",
    "adapter_of",
    "answers",
    "as_estimator",
    "bagged_bridge",
    "between",
    "between_twins",
    "can_teach",
    "cast_rows",
    "category_columns",
    "check_labels",
    "clone_with_seed",
    "completed",
    "complexity",
    "cut_back",
    "fit_steps",
    "fit_to",
    "fold_rows",
    "graded_signals",
    "grades",
    "grown",
    "in_range_of_loss",
    "in_words",
    "is_between_networks",
    "latency",
    "learned_property",
    "limits_in_rows",
    "live_kd",
    "made_again",
    "mixed_lessons",
    "network_trainer",
    "peel",
    "predictions",
    "reads_categories",
    "register",
    "shrunk",
    "signal_key",
    "soft_fit_support",
    "supports_weight",
    "told_classes",
    "training_signal",
    "weighed_by_threshold",
    "wider_nets",
    "with_class_weight",
    "with_final",
]
