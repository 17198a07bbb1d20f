"""Where data become large."""

MANY_ROWS = 30_000
"""From so many rows on, what is as good on fewer rows or fewer folds is done on these (docs/large.md).

Below, nothing depends on it.
"""
