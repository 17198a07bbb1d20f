"""The formulas of the methods, as pure functions of arrays; classes only hold hyper-parameters."""

from ._losses import DGKDLoss, KDLoss, LogitLoss, dgkd_loss, kd_loss, log_softmax, logit_loss, softmax
from ._synthesis import interpolate, munge, munge_pass, resample
from ._targets import centred_log_probabilities, chain_paths, hard_labels, restore_logits, soften, standardise_logits
from ._weights import (
    conf_weights,
    mean_one_penalty,
    normalise_weights,
    prof_weights,
    quantile_ceiling,
    ratio_weights,
    select_grades,
    sratio_weights,
)

__all__ = [
    "DGKDLoss",
    "KDLoss",
    "LogitLoss",
    "centred_log_probabilities",
    "chain_paths",
    "conf_weights",
    "dgkd_loss",
    "hard_labels",
    "interpolate",
    "kd_loss",
    "log_softmax",
    "logit_loss",
    "mean_one_penalty",
    "munge",
    "munge_pass",
    "normalise_weights",
    "prof_weights",
    "quantile_ceiling",
    "ratio_weights",
    "resample",
    "restore_logits",
    "select_grades",
    "soften",
    "softmax",
    "sratio_weights",
    "standardise_logits",
]
