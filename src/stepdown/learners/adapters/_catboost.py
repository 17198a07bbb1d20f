"""CatBoost's models."""

from ._adapter import Adapter


class CatBoost(Adapter):
    """Read as scikit-learn's estimators, but for their columns."""

    library = "catboost"
    reads_categories = True
    bins_rows = True
