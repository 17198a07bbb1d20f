"""Data that need no network: real sets that come with scikit-learn, and small generators."""

from ._arrays import load_arrays
from ._cifar import Images, load_cifar10, load_cifar100, read_cifar_files
from ._made import axis_rules, label_noise, mixed_table
from ._real import Dataset, breast_cancer, diabetes, digits, iris, wine

__all__ = [
    "Dataset",
    "Images",
    "axis_rules",
    "breast_cancer",
    "diabetes",
    "digits",
    "iris",
    "label_noise",
    "load_arrays",
    "load_cifar10",
    "load_cifar100",
    "mixed_table",
    "read_cifar_files",
    "wine",
]
