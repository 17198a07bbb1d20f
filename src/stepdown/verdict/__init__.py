"""Is it better? The comparison, its statistics, its metrics, and how they are shown."""

from ._calibration import calibration_error, classwise_calibration_error
from ._classification import accuracy, balanced_accuracy, brier_score, log_loss
from ._compare import Verdict, compare
from ._display import ComparisonDisplay
from ._fidelity import fidelity, kl_divergence, regression_fidelity, total_variation
from ._html import STYLE as STYLE, render_html, table_html as table_html
from ._inputs import as_probabilities as as_probabilities, label_index as label_index
from ._json import render_json
from ._metrics import classification_metrics, regression_metrics
from ._numbers import (
    NOTHING as NOTHING,
    Scale as Scale,
    count as count,
    figure as figure,
    seconds as seconds,
    share as share,
    size as size,
)
from ._paired import CorrectedT, PairedComparison, PairedSummary, compare_paired, corrected_t, summarise_paired
from ._sentence import summary_sentence
from ._tables import (
    Table as Table,
    check_schema as check_schema,
    headline as headline,
    hop_names as hop_names,
    tables as tables,
)
from ._text import WIDTH as WIDTH, aligned as aligned, render_rich, render_text

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
