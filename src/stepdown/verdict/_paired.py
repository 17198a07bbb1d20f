"""Whether one way is better than another: paired differences over repeated folds, and over data sets."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

# Scores that are equal up to this (relative) are equal: what remains is the rounding of their means.
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class CorrectedT:
    """Result of `corrected_t`.

    Parameters
    ----------
    mean : float
        Mean difference.
    std_error : float
        Its standard error, corrected for training sets that overlap.
    statistic : float
        ``mean / std_error``; 0 or infinite where the differences don't vary.
    p_value : float
        Two-sided.
    df : int
        Degrees of freedom, one less than the number of differences.
    """

    mean: float
    std_error: float
    statistic: float
    p_value: float
    df: int


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """How two ways compare over the same folds: a minus b, in units of the score.

    Parameters
    ----------
    difference : float
        Mean difference; positive where a scores higher.
    low, high : float
        Interval that holds the true difference with probability `level`.
    std_error : float
        Corrected standard error of `difference`.
    p_value : float
        Two-sided, of the hypothesis that there is no difference.
    p_worse, p_equivalent, p_better : float
        Posterior probabilities that a is worse than b by more than `rope`, within it, better by more; they sum to 1.
    rope : float
        Half-width of the region of practical equivalence.
    level : float
        Probability from which on the verdict is given.
    n_folds : int
        Number of paired differences.
    """

    difference: float
    low: float
    high: float
    std_error: float
    p_value: float
    p_worse: float
    p_equivalent: float
    p_better: float
    rope: float
    level: float
    n_folds: int

    @property
    def verdict(self) -> str:
        """In words: what has a probability of at least `level`, else "undecided".

        One of "better", "no practical difference", "worse" and "undecided".
        """
        for words, probability in (
            ("better", self.p_better),
            ("worse", self.p_worse),
            ("no practical difference", self.p_equivalent),
        ):
            if probability >= self.level:
                return words
        return "undecided"


@dataclass(frozen=True, slots=True)
class PairedSummary:
    """Differences over several data sets, one number each.

    Parameters
    ----------
    n : int
        Number of data sets.
    mean, std_error, median : float
        Of the differences; the standard error is NaN for one data set.
    p_value : float
        Two-sided Wilcoxon signed-rank test.
    wins, ties, losses : int
        Data sets with a difference above, within and below the region of practical equivalence.
    """

    n: int
    mean: float
    std_error: float
    median: float
    p_value: float
    wins: int
    ties: int
    losses: int


def corrected_t(differences: ArrayLike, test_fraction: float) -> CorrectedT:
    r"""Test whether the mean of paired differences over (repeated) folds is zero.

    Folds share training rows, so their differences are correlated and the plain standard error is far too small. The
    corrected one is :math:`s\,\sqrt{1/J + n_{test}/n_{train}}` for J differences with standard deviation s.

    Parameters
    ----------
    differences : array-like of shape (n_folds,)
        One paired difference for each fold of each repeat; at least 2.
    test_fraction : float
        Share of the rows that a fold is tested on, in [0, 1); 1/k for k-fold cross-validation, and 0 for models that
        are fitted once and scored on rows that no other difference counts.

    Returns
    -------
    CorrectedT

    Raises
    ------
    ValueError
        If there are fewer than two differences, one isn't finite, or the fraction is out of range.

    References
    ----------
    C. Nadeau, Y. Bengio, "Inference for the generalization error", Machine Learning 52, 2003, section 3.4.

    Examples
    --------
    >>> result = corrected_t([0.01, 0.02, 0.03, 0.02, 0.02], test_fraction=0.2)
    >>> round(result.mean, 3), round(result.std_error, 5), round(result.p_value, 4)  # s = 0.00707, sqrt(1/5 + 1/4)
    (0.02, 0.00474, 0.0135)
    """
    gaps = _differences(differences)
    if len(gaps) < 2:
        raise ValueError(f"differences: expected at least 2, got {len(gaps)}; use more folds or repeats.")
    if not 0.0 <= test_fraction < 1.0:
        raise ValueError(f"test_fraction={test_fraction}: expected a share of the rows, from 0 to below 1.")
    mean, df = float(gaps.mean()), len(gaps) - 1
    if np.ptp(gaps) <= ROUNDING * np.abs(gaps).max():
        mean = float(gaps[0])
        statistic = math.copysign(math.inf, mean) if mean else 0.0
        return CorrectedT(mean, 0.0, statistic, 0.0 if mean else 1.0, df)
    factor = 1.0 / len(gaps) + test_fraction / (1.0 - test_fraction)
    std_error = float(gaps.std(ddof=1)) * math.sqrt(factor)
    statistic = mean / std_error
    return CorrectedT(mean, std_error, statistic, float(2.0 * stats.t.sf(abs(statistic), df)), df)


def compare_paired(
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    *,
    n_train: float,
    n_test: float,
    rope: float = 0.01,
    level: float = 0.95,
) -> PairedComparison:
    """Compare two ways that were scored on the same folds, higher being better.

    The true mean difference has, given the fold differences, a Student-t posterior with their mean as its location
    and the corrected standard error of `corrected_t` as its scale (the correlated Bayesian t-test). Its mass below,
    within and above the region of practical equivalence gives the verdict.

    Parameters
    ----------
    scores_a, scores_b : array-like of shape (n_folds,)
        Score of each fold of each repeat, in the same order; at least 2 folds.
    n_train, n_test : float
        Rows that a fold is trained and tested on (means where folds differ); infinite `n_train` where the differences
        share no training rows that could vary, as on parts of one hold-out.
    rope : float, default=0.01
        Differences up to this, in units of the score, make no practical difference; one point of accuracy.
    level : float, default=0.95
        Probability that a verdict needs, and that the interval holds; in [0.5, 1).

    Returns
    -------
    PairedComparison
        Of a minus b. Where the differences don't vary at all the posterior is that one value.

    Raises
    ------
    ValueError
        If the scores don't pair, there are fewer than two, one isn't finite, or an option is out of range.

    References
    ----------
    A. Benavoli, G. Corani, J. Demšar, M. Zaffalon, "Time for a change: a tutorial for comparing multiple classifiers
    through Bayesian analysis", JMLR 18(77), 2017, section 3.1.

    Examples
    --------
    >>> hops = [0.84, 0.87, 0.85, 0.88, 0.86, 0.84, 0.86, 0.87, 0.85, 0.88]
    >>> alone = [0.80, 0.82, 0.81, 0.83, 0.82, 0.80, 0.81, 0.83, 0.81, 0.82]
    >>> result = compare_paired(hops, alone, n_train=270, n_test=30)
    >>> result.verdict, round(result.difference, 3), round(result.low, 3), round(result.high, 3)
    ('better', 0.045, 0.038, 0.052)
    """
    a, b = np.asarray(scores_a, dtype=np.float64), np.asarray(scores_b, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"scores_a and scores_b: expected one score a fold for both, got {a.shape} and {b.shape}.")
    if not (n_train > 0 and n_test > 0):
        raise ValueError(f"n_train={n_train}, n_test={n_test}: expected numbers of rows above 0.")
    if not rope >= 0:
        raise ValueError(f"rope={rope}: expected a half-width of at least 0.")
    if not 0.5 <= level < 1.0:
        raise ValueError(f"level={level}: expected a probability from 0.5 to below 1.")
    gaps = a - b
    gaps[np.abs(gaps) <= ROUNDING * np.maximum(np.abs(a), np.abs(b))] = 0.0
    test = corrected_t(gaps, n_test / (n_train + n_test))
    if test.std_error == 0.0:
        low = high = test.mean
        p_worse, p_better = float(test.mean < -rope), float(test.mean > rope)
    else:
        posterior = stats.t(test.df, loc=test.mean, scale=test.std_error)
        low, high = (float(bound) for bound in posterior.interval(level))
        p_worse, p_better = float(posterior.cdf(-rope)), float(posterior.sf(rope))
    return PairedComparison(
        difference=test.mean,
        low=low,
        high=high,
        std_error=test.std_error,
        p_value=test.p_value,
        p_worse=p_worse,
        p_equivalent=max(0.0, 1.0 - p_worse - p_better),
        p_better=p_better,
        rope=float(rope),
        level=float(level),
        n_folds=len(gaps),
    )


def summarise_paired(differences: ArrayLike, *, rope: float = 0.0) -> PairedSummary:
    """Summarise paired differences over data sets, one mean difference each.

    Parameters
    ----------
    differences : array-like of shape (n_datasets,)
        At least 1.
    rope : float, default=0
        Differences up to this count as ties; the test doesn't use it.

    Returns
    -------
    PairedSummary

    Raises
    ------
    ValueError
        If there is no difference, one isn't finite, or `rope` is negative.

    References
    ----------
    J. Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006, section 3.1.3: the ranks
    of zero differences are split between the sides.

    Examples
    --------
    >>> result = summarise_paired([0.02, 0.01, 0.03, -0.01, 0.04, 0.0])
    >>> result.wins, result.ties, result.losses, round(result.mean, 3)
    (4, 1, 1, 0.015)
    """
    gaps = _differences(differences)
    if not len(gaps):
        raise ValueError("differences: expected at least 1, got none.")
    if not rope >= 0:
        raise ValueError(f"rope={rope}: expected a half-width of at least 0.")
    several = len(gaps) > 1
    wins, losses = int((gaps > rope).sum()), int((gaps < -rope).sum())
    return PairedSummary(
        n=len(gaps),
        mean=float(gaps.mean()),
        std_error=float(gaps.std(ddof=1)) / math.sqrt(len(gaps)) if several else math.nan,
        median=float(np.median(gaps)),
        p_value=float(stats.wilcoxon(gaps, zero_method="zsplit").pvalue) if gaps.any() else 1.0,
        wins=wins,
        ties=len(gaps) - wins - losses,
        losses=losses,
    )


def _differences(differences: ArrayLike) -> NDArray[np.float64]:
    gaps = np.asarray(differences, dtype=np.float64)
    if gaps.ndim != 1:
        raise ValueError(f"differences: expected shape (n,), got {gaps.shape}.")
    if not np.isfinite(gaps).all():
        raise ValueError("differences: expected finite numbers; a score that failed can't be compared.")
    return gaps
