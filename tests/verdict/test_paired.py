"""Oracles: the formulas with plain numbers, the t distribution's closed form for one and two degrees of freedom."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from stepdown.verdict import compare_paired, corrected_t, summarise_paired


def cdf_two_degrees(t):
    """Student's t with 2 degrees of freedom has this closed form."""
    return 0.5 + t / (2.0 * math.sqrt(2.0 + t * t))


def test_corrected_t_by_hand():
    # d = 1, 2, 6: mean 3, variance ((-2)^2 + 1 + 9) / 2 = 7; 3 folds: test / train = 1/2, factor 1/3 + 1/2 = 5/6
    result = corrected_t([1.0, 2.0, 6.0], test_fraction=1 / 3)
    error = math.sqrt(7.0 * 5.0 / 6.0)
    assert result.mean == pytest.approx(3.0)
    assert result.std_error == pytest.approx(error)
    assert result.statistic == pytest.approx(3.0 / error)
    assert result.df == 2
    assert result.p_value == pytest.approx(2.0 * (1.0 - cdf_two_degrees(3.0 / error)))


def test_corrected_error_exceeds_the_plain_one():
    gaps = np.array([0.01, 0.03, -0.01, 0.02])
    plain = gaps.std(ddof=1) / math.sqrt(4)
    assert corrected_t(gaps, 0.25).std_error == pytest.approx(plain * math.sqrt(1.0 + 4.0 / 3.0))


def test_posterior_by_hand():
    # The same three differences as fractions; the region is +-1.
    result = compare_paired([2.0, 4.0, 9.0], [1.0, 2.0, 3.0], n_train=200, n_test=100, rope=1.0)
    error = math.sqrt(7.0 * 5.0 / 6.0)
    worse, better = cdf_two_degrees((-1.0 - 3.0) / error), 1.0 - cdf_two_degrees((1.0 - 3.0) / error)
    assert result.p_worse == pytest.approx(worse)
    assert result.p_better == pytest.approx(better)
    assert result.p_equivalent == pytest.approx(1.0 - worse - better)
    # 95 % of t with 2 degrees lies within +-4.302653
    assert (result.low, result.high) == pytest.approx((3.0 - 4.302653 * error, 3.0 + 4.302653 * error), abs=1e-5)
    assert result.verdict == "undecided"
    assert result.n_folds == 3


@pytest.mark.parametrize(
    ("gap", "noise", "verdict"),
    [
        (0.05, 0.001, "better"),
        (-0.05, 0.001, "worse"),
        (0.0, 0.001, "no practical difference"),
        (0.01, 0.02, "undecided"),
    ],
)
def test_verdicts(gap, noise, verdict):
    base = np.linspace(0.7, 0.8, 10)
    wave = noise * np.tile([1.0, -1.0], 5)
    assert compare_paired(base + gap + wave, base, n_train=90, n_test=10).verdict == verdict


@pytest.mark.parametrize(
    ("gap", "p_value", "verdict"),
    [
        (0.0, 1.0, "no practical difference"),
        (0.005, 0.0, "no practical difference"),
        (0.03, 0.0, "better"),
        (-0.03, 0.0, "worse"),
    ],
)
def test_differences_that_do_not_vary(gap, p_value, verdict):
    # 0.1 steps leave rounding behind; it must not be taken for variance.
    base = np.array([0.1, 0.2, 0.3, 0.4, 0.7])
    result = compare_paired(base + gap, base, n_train=80, n_test=20)
    assert result.std_error == 0.0
    assert result.low == result.high == result.difference == pytest.approx(gap)
    assert result.p_value == p_value
    assert result.verdict == verdict
    assert result.p_worse + result.p_equivalent + result.p_better == 1.0


@settings(max_examples=50, deadline=None)
@given(
    gaps=st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=30),
    rope=st.floats(0.0, 0.05),
    fraction=st.floats(0.05, 0.5),
)
def test_swapping_sides_mirrors_everything(gaps, rope, fraction):
    base = np.full(len(gaps), 0.5)
    options = {"n_train": 1.0 - fraction, "n_test": fraction, "rope": rope}
    one = compare_paired(base + gaps, base, **options)
    other = compare_paired(base, base + gaps, **options)
    assert one.difference == pytest.approx(-other.difference)
    assert one.low == pytest.approx(-other.high)
    assert one.p_better == pytest.approx(other.p_worse)
    assert one.p_worse + one.p_equivalent + one.p_better == pytest.approx(1.0)
    assert min(one.p_worse, one.p_equivalent, one.p_better) >= 0.0
    assert one.low <= one.difference <= one.high


def test_false_alarms_stay_near_their_level():
    """On data without any difference the corrected test rejects about 5 %; the plain one several times as often."""
    rng = np.random.default_rng(0)
    corrected = plain = 0
    for _ in range(300):
        # Two constant models, right on independent coin flips: 10 x 10-fold scores of the same 100 rows.
        right = rng.integers(0, 2, (2, 100)).astype(float)
        folds = np.concatenate([rng.permutation(100).reshape(10, 10) for _ in range(10)])
        gaps = right[0][folds].mean(axis=1) - right[1][folds].mean(axis=1)
        result = corrected_t(gaps, 0.1)
        corrected += result.p_value < 0.05
        plain += abs(gaps.mean()) / (gaps.std(ddof=1) / 10.0) > 1.984
    assert corrected / 300 < 0.10
    assert plain / 300 > 0.3


def test_summary_by_hand():
    # |d| ranks of 1, -2, 3, 4: negative rank sum 2; exact two-sided p: sums <= 2 are {}, {1}, {2}: 3 / 16 * 2
    result = summarise_paired([0.01, -0.02, 0.03, 0.04])
    assert result.p_value == pytest.approx(6 / 16)
    assert (result.wins, result.ties, result.losses) == (3, 0, 1)
    assert (result.mean, result.median) == pytest.approx((0.015, 0.02))
    assert result.std_error == pytest.approx(math.sqrt((25 + 1225 + 225 + 625) / 3 / 4) / 1000)
    tied = summarise_paired([0.01, -0.02, 0.03, 0.04], rope=0.02)
    assert (tied.wins, tied.ties, tied.losses) == (2, 2, 0)


@pytest.mark.parametrize("gaps", [[0.0, 0.0, 0.0], [0.0]])
def test_summary_without_any_difference(gaps):
    result = summarise_paired(gaps)
    assert result.p_value == 1.0
    assert result.ties == len(gaps)


def test_summary_of_one_data_set():
    result = summarise_paired([0.02])
    assert math.isnan(result.std_error)
    assert (result.n, result.wins, result.p_value) == (1, 1, 1.0)


def test_zero_differences_leave_the_p_value_alone_in_few_data_sets():
    # Exact test: flipping the sign of a zero changes nothing, so 2 / 2^3 with and without.
    assert summarise_paired([0.01, 0.02, 0.03, 0.0, 0.0]).p_value == pytest.approx(
        summarise_paired([0.01, 0.02, 0.03]).p_value
    )


def test_ranks_of_zeros_are_split_between_the_sides():
    losses = [-0.035, -0.045, -0.055, -0.065, -0.072]
    gaps = [*(np.arange(1, 13) / 100), *losses, *np.zeros(30)]
    order = sorted(abs(gap) for gap in gaps if gap)
    lost = sum(31 + order.index(-gap) for gap in losses) + 30 * 31 / 4
    n = 47
    spread = math.sqrt(n * (n + 1) * (2 * n + 1) / 24 - (30**3 - 30) / 48)
    expected = math.erfc((n * (n + 1) / 4 - lost) / spread / math.sqrt(2))
    assert summarise_paired(gaps).p_value == pytest.approx(expected)


def test_summary_of_many_with_zeros_and_ties():
    result = summarise_paired([0.0, 0.01, 0.01, -0.01, 0.02] * 8)
    assert (result.wins, result.ties, result.losses) == (24, 8, 8)
    assert 0.0 < result.p_value < 0.05


def test_bad_input():
    with pytest.raises(ValueError, match="at least 2"):
        corrected_t([0.1], 0.1)
    with pytest.raises(ValueError, match="from 0 to below 1"):
        corrected_t([0.1, 0.2], 1.0)
    with pytest.raises(ValueError, match="finite"):
        corrected_t([0.1, math.nan], 0.1)
    with pytest.raises(ValueError, match="one score a fold"):
        compare_paired([0.1, 0.2], [0.1], n_train=9, n_test=1)
    with pytest.raises(ValueError, match="rows above 0"):
        compare_paired([0.1, 0.2], [0.1, 0.1], n_train=0, n_test=1)
    with pytest.raises(ValueError, match="rope"):
        compare_paired([0.1, 0.2], [0.1, 0.1], n_train=9, n_test=1, rope=-0.1)
    with pytest.raises(ValueError, match="level"):
        compare_paired([0.1, 0.2], [0.1, 0.1], n_train=9, n_test=1, level=1.0)
    with pytest.raises(ValueError, match="at least 1"):
        summarise_paired([])
    with pytest.raises(ValueError, match="shape"):
        summarise_paired([[0.1]])


def test_inputs_stay_as_they_are():
    a, b = np.array([0.1, 0.2, 0.3]), np.array([0.1, 0.1, 0.4])
    before = a.copy(), b.copy()
    compare_paired(a, b, n_train=2, n_test=1)
    assert np.array_equal(a, before[0])
    assert np.array_equal(b, before[1])
