"""Pure functions of arrays: how good, how calibrated, how faithful, and whether one way is better than another."""

from ._calibration import calibration_error, classwise_calibration_error
from ._classification import accuracy, balanced_accuracy, brier_score, log_loss
from ._discretise import discretise
from ._doubt import DoubtedLabels, doubted_labels
from ._fidelity import fidelity, kl_divergence, regression_fidelity, total_variation
from ._linear_probe import linear_probe_accuracy
from ._metrics import classification_metrics, regression_metrics
from ._paired import CorrectedT, PairedComparison, PairedSummary, compare_paired, corrected_t, summarise_paired
from ._pid import PartialInformation, partial_information, partial_information_of_joint
from ._retrieval import RetrievalScores, retrieval_scores

__all__ = [
    "CorrectedT",
    "DoubtedLabels",
    "PairedComparison",
    "PairedSummary",
    "PartialInformation",
    "RetrievalScores",
    "accuracy",
    "balanced_accuracy",
    "brier_score",
    "calibration_error",
    "classification_metrics",
    "classwise_calibration_error",
    "compare_paired",
    "corrected_t",
    "discretise",
    "doubted_labels",
    "fidelity",
    "kl_divergence",
    "linear_probe_accuracy",
    "log_loss",
    "partial_information",
    "partial_information_of_joint",
    "regression_fidelity",
    "regression_metrics",
    "retrieval_scores",
    "summarise_paired",
    "total_variation",
]
