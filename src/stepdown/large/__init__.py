"""Students of files that don't fit memory: a teacher labels them by blocks, and a tree grows from sums over blocks.

Reading Parquet needs ``pip install "stepdown[cli]"``, or pyarrow.
"""

from ._fit_parquet import LargeFit, fit_parquet
from ._rows import rows_of as rows_of

__all__ = ["LargeFit", "fit_parquet"]
