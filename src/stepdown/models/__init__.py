"""The only room that knows other people's model classes."""

from ._expansion import expand_soft_targets, expansion_blocks
from ._pipelines import clone_with_seed, split_pipeline, supports_weight, with_final
from ._regression_classifier import RegressionClassifier
from ._signals import fold_rows, predictions, training_signal
from ._soft_fit import SoftFitSupport, fit_to, soft_fit_support

__all__ = [
    "RegressionClassifier",
    "SoftFitSupport",
    "clone_with_seed",
    "expand_soft_targets",
    "expansion_blocks",
    "fit_to",
    "fold_rows",
    "predictions",
    "soft_fit_support",
    "split_pipeline",
    "supports_weight",
    "training_signal",
    "with_final",
]
