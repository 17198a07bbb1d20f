"""Data that need no network: real sets that come with scikit-learn, and small generators."""

from ._made import axis_rules, label_noise, mixed_table
from ._real import Dataset, breast_cancer, diabetes, digits, iris, wine

__all__ = [
    "Dataset",
    "axis_rules",
    "breast_cancer",
    "diabetes",
    "digits",
    "iris",
    "label_noise",
    "mixed_table",
    "wine",
]
