"""Where data become large."""

MANY_ROWS = 30_000
"""From so many rows on, costly steps are done on fewer rows or fewer folds (docs/large-data.md).

Below, nothing depends on it.
"""
