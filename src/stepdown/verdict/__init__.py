"""Is it better? The comparison, its statistics, its metrics, and how they are shown."""

from ._calibration import calibration_error, classwise_calibration_error
from ._classification import accuracy, balanced_accuracy, brier_score, log_loss
from ._compare import Verdict, compare
from ._display import ComparisonDisplay
from ._fidelity import fidelity, kl_divergence, regression_fidelity, total_variation
from ._html import render_html
from ._json import render_json
from ._metrics import classification_metrics, regression_metrics
from ._paired import CorrectedT, PairedComparison, PairedSummary, compare_paired, corrected_t, summarise_paired
from ._sentence import summary_sentence
from ._text import render_rich, render_text

__all__ = [
    "ComparisonDisplay",
    "CorrectedT",
    "PairedComparison",
    "PairedSummary",
    "Verdict",
    "accuracy",
    "balanced_accuracy",
    "brier_score",
    "calibration_error",
    "classification_metrics",
    "classwise_calibration_error",
    "compare",
    "compare_paired",
    "corrected_t",
    "fidelity",
    "kl_divergence",
    "log_loss",
    "regression_fidelity",
    "regression_metrics",
    "render_html",
    "render_json",
    "render_rich",
    "render_text",
    "summarise_paired",
    "summary_sentence",
    "total_variation",
]
