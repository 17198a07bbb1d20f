"""Labels that a good model, asked about rows it has not seen, contradicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stepdown.verdict import as_probabilities, label_index


@dataclass(frozen=True, slots=True)
class LabelErrors:
    """What `likely_label_errors` found.

    Parameters
    ----------
    share : float
        Estimated share of wrong labels, in [0, 1]. Where classes overlap, labels that are right but improbable count
        too, so that it is nearer to an upper estimate.
    rows : array of int
        Positions of the rows whose labels are likely wrong. Fewer than the share suggests: a row that is like no class
        is not counted.
    """

    share: float
    rows: NDArray[np.intp]


def likely_label_errors(y_true: ArrayLike, proba: ArrayLike, classes: ArrayLike) -> LabelErrors:
    r"""Count labels that confident out-of-fold or out-of-bag probabilities contradict (confident learning).

    A row counts for class j if its probability of j reaches the mean probability of j over the rows with label j; of
    several such classes for the most probable one. The counts of (label, class) are scaled, label by label, to the
    numbers of labels; the share off the diagonal is the estimate.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    proba : array-like of shape (n_samples, n_classes)
        Rows sum to 1; of models that have *not seen* the rows, otherwise no label is ever contradicted.
    classes : array-like of shape (n_classes,)
        The labels of the columns.

    Returns
    -------
    LabelErrors

    Raises
    ------
    ValueError
        If rows don't sum to 1, or a label isn't among the classes.

    References
    ----------
    C. G. Northcutt, L. Jiang, I. L. Chuang, "Confident learning: estimating uncertainty in dataset labels", JAIR 2021,
    eqs. 1 to 3.

    Examples
    --------
    >>> proba = [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.1, 0.9]]
    >>> found = likely_label_errors(["a", "a", "a", "b", "b"], proba, ["a", "b"])
    >>> found.rows.tolist(), round(found.share, 2)
    ([2], 0.2)
    """
    values = as_probabilities(proba, "proba")
    labels = label_index(y_true, values, classes)
    n_classes = values.shape[1]
    sums = np.bincount(labels, weights=values[np.arange(len(labels)), labels], minlength=n_classes)
    sizes = np.bincount(labels, minlength=n_classes)
    # A class without a label has no threshold that could be reached.
    threshold = np.divide(sums, sizes, out=np.full(n_classes, np.inf), where=sizes > 0)
    confident = np.where(values >= threshold, values, -1.0)
    counted = confident.max(axis=1) >= 0
    likely = confident.argmax(axis=1)
    joint = np.zeros((n_classes, n_classes))
    np.add.at(joint, (labels[counted], likely[counted]), 1.0)
    totals = joint.sum(axis=1)
    wrong = np.divide(totals - np.diag(joint), totals, out=np.zeros(n_classes), where=totals > 0)
    rows = np.flatnonzero(counted & (likely != labels))
    return LabelErrors(float(sizes @ wrong / len(labels)), rows)
