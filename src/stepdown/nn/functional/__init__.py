"""Losses between networks as pure functions of tensors: no state, shapes documented, reductions explicit.

The student's side comes first and carries the gradient; the teacher's side never does.
"""

from ._contrast import Contrast, crd
from ._features import at, attention_map, hint, strongest_filters, vid, vid_initial_scale
from ._flow import FlowMatch, QuadraticInformation, flow_match, flow_vector, qmi, relational_profile
from ._information import Relations, information_flow, relations
from ._kernels import (
    adaptive_rbf_kernel,
    cauchy_kernel,
    conditional_probabilities,
    cosine_kernel,
    gaussian_kernel,
    pairwise_distances,
    rbf_kernel,
    student_t_kernel,
)
from ._numerics import Reduction
from ._relational import jeffreys, kullback_leibler, mds, pkt, relational, rkd, sp
from ._responses import binary_kd, kd, logit

__all__ = [
    "Contrast",
    "FlowMatch",
    "QuadraticInformation",
    "Reduction",
    "Relations",
    "adaptive_rbf_kernel",
    "at",
    "attention_map",
    "binary_kd",
    "cauchy_kernel",
    "conditional_probabilities",
    "cosine_kernel",
    "crd",
    "flow_match",
    "flow_vector",
    "gaussian_kernel",
    "hint",
    "information_flow",
    "jeffreys",
    "kd",
    "kullback_leibler",
    "logit",
    "mds",
    "pairwise_distances",
    "pkt",
    "qmi",
    "rbf_kernel",
    "relational",
    "relational_profile",
    "relations",
    "rkd",
    "sp",
    "strongest_filters",
    "student_t_kernel",
    "vid",
    "vid_initial_scale",
]
