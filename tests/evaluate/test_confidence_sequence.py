import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from podium.errors import InputError
from podium.evaluate.confidence_sequence import (
    BETS,
    TOP,
    boundary,
    confidence_sequence,
    days_until_proven,
    lower_sequence,
    mixture_scale,
    sum_needed,
)

SERIES = arrays(np.float64, st.integers(3, 120), elements=st.floats(-1, 1, allow_subnormal=False))


@given(SERIES, st.integers(1, 119), st.booleans(), st.sampled_from([confidence_sequence, lower_sequence]))
@settings(max_examples=60, deadline=None)
def test_the_bounds_of_a_day_use_nothing_after_it(values, n_known, correlated, sequence):
    """Changing every value after a day changes no bound at or before it."""
    n_known = min(n_known, len(values) - 1)
    changed = values.copy()
    changed[n_known:] = 7.0 - changed[n_known:]
    before = sequence(values, correlated=correlated, min_days=2)
    after = sequence(changed, correlated=correlated, min_days=2)
    for name in ("mean", "lower", "upper", "p_value"):
        np.testing.assert_array_equal(getattr(before, name)[:n_known], getattr(after, name)[:n_known])


@given(SERIES, st.floats(0.001, 0.4), st.sampled_from([1.0, 10.0]))
@settings(max_examples=60, deadline=None)
def test_the_p_value_is_the_level_at_which_zero_falls_out(values, alpha, size):
    """Zero lies outside the interval exactly when the p-value, one over the wealth, is below the alpha."""
    sequence = lower_sequence(size * values, alpha, min_days=2)
    clear = np.abs(sequence.p_value - alpha) > 1e-9
    np.testing.assert_array_equal((sequence.lower > 0)[clear], (sequence.p_value < alpha)[clear])
    assert (sequence.upper == np.inf).all()


@given(SERIES, st.floats(1e-6, 1e6), st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_unit_of_the_values_does_not_matter(values, unit, correlated):
    """Bounds in another unit are the bounds times the unit, and the p-value is the same."""
    values = np.round(values, 3)
    plain = confidence_sequence(values, min_days=2, correlated=correlated)
    scaled = confidence_sequence(values * unit, min_days=2, correlated=correlated)
    np.testing.assert_allclose(scaled.lower, plain.lower * unit, rtol=1e-6, atol=1e-9 * unit)
    np.testing.assert_allclose(scaled.p_value, plain.p_value, rtol=1e-5, atol=1e-12)


@given(SERIES)
@settings(max_examples=60, deadline=None)
def test_turning_the_comparison_round_turns_the_interval_round(values):
    """The interval of (rival - champion) is the mirror of that of (champion - rival)."""
    one, other = confidence_sequence(values, min_days=2), confidence_sequence(-values, min_days=2)
    np.testing.assert_allclose(one.lower, -other.upper)
    np.testing.assert_allclose(one.p_value, other.p_value)


def test_many_series_at_once_are_each_series_alone():
    """A table of series gives row by row what each row gives alone."""
    values = np.random.default_rng(0).standard_normal((3, 100))
    for sequence in (confidence_sequence, lower_sequence):
        together = sequence(values)
        for row, alone in enumerate(values):
            np.testing.assert_array_equal(together.lower[row], sequence(alone).lower)


def test_the_width_is_the_published_formula():
    """Bounds equal mean ± s·sqrt(2(tρ²+1)/(t²ρ²)·log(sqrt(tρ²+1)/α)), computed the slow way for the last day."""
    values = np.repeat(np.random.default_rng(1).standard_normal(200), 2) * np.tile([1, -1], 200)  # no skew
    found = confidence_sequence(values, 0.1, target_days=300, correlated=False)
    rho, t = mixture_scale(300, 0.1), 400
    half = values.std() * math.sqrt(2 * (t * rho**2 + 1) / (t * rho) ** 2 * math.log(math.sqrt(t * rho**2 + 1) / 0.1))
    assert found.lower[-1] == pytest.approx(values.mean() - half)
    assert found.upper[-1] == pytest.approx(values.mean() + half)


def test_the_scale_makes_the_sequence_tightest_at_its_target():
    """No other scale on a fine grid gives a smaller width at the target day."""
    best = mixture_scale(250, 0.05)
    widths = [boundary(250, 0.05, best * factor) for factor in np.linspace(0.5, 2, 301)]
    assert min(widths) == pytest.approx(float(boundary(250, 0.05, best)), rel=1e-9)


def test_the_sum_needed_makes_the_wealth_one_over_the_level():
    """What all stakes have won at that sum is 1/alpha, for every variance: Ville's inequality gives the guarantee."""
    assert sum(share for _, share in BETS) == pytest.approx(1)
    for alpha in (0.05, 0.01, 1e-6):
        for variance in np.geomspace(1e-6, 1e5, 50):
            total = float(sum_needed(variance, alpha))
            wealth = sum(share * math.exp(bet * total - bet**2 * variance / 2) for bet, share in BETS)
            assert wealth == pytest.approx(1 / alpha, rel=1e-9)


def test_the_largest_share_is_staked_where_a_true_forecast_wins_most():
    """For y = f + e the difference grows a stake's wealth fastest at a quarter, whatever the size of the forecast."""
    rng = np.random.default_rng(9)
    for size in (0.05, 0.2):
        forecast = size * rng.standard_normal(400_000)
        gain = forecast * (2 * (forecast + rng.standard_normal(400_000)) - forecast)
        growth = {bet: bet * gain.mean() - bet**2 * gain.var() / 2 for bet, _ in BETS}
        assert max(growth, key=growth.get) == max(BETS, key=lambda one: one[1])[0] == 0.25


def test_bolder_forecasts_decide_no_sooner():
    """Beyond `TOP` the bound is in proportion to the values, and the p-value stays."""
    values = np.random.default_rng(10).standard_normal(500) + 0.25
    one, ten = lower_sequence(TOP * 2 * values), lower_sequence(TOP * 20 * values)
    np.testing.assert_allclose(ten.p_value, one.p_value)
    np.testing.assert_allclose(ten.lower[59:], 10 * one.lower[59:])
    assert lower_sequence(TOP / 3 * values).p_value[-1] != pytest.approx(one.p_value[-1], rel=0.01)


def test_nothing_is_said_before_the_start_nor_of_equal_values():
    """Before `min_days`, and while all values are equal, the interval is the whole line and the p-value 1."""
    early = confidence_sequence(np.arange(100.0), min_days=60)
    assert np.isinf(early.lower[:59]).all()
    assert np.isfinite(early.lower[59:]).all()
    for constant in (0.0, 0.1, 3.3e-9):
        flat = confidence_sequence(np.full(200, constant))
        assert np.isinf(flat.lower).all()
        assert (flat.p_value == 1).all()
    rounded = np.where(np.arange(200) % 2, 0.3, 0.1 + 0.2)
    assert np.isinf(confidence_sequence(rounded).lower).all()


def test_autocorrelation_only_widens():
    """Allowed for, it leaves the interval or widens it, for positively autocorrelated values by much."""
    noise = np.random.default_rng(2).standard_normal(1000)
    slow = np.convolve(noise, np.ones(5), "valid")
    for sequence in (confidence_sequence, lower_sequence):
        for values in (noise, slow, np.diff(noise)):
            plain, robust = sequence(values, correlated=False), sequence(values)
            assert (robust.lower <= plain.lower + 1e-12).all()
        assert sequence(slow).lower[-1] < sequence(slow, correlated=False).lower[-1] - 0.1


def test_the_long_run_variance_is_that_of_an_autoregression():
    """The width is that of the deviation times sqrt((1 + r) / (1 - r)), r the first autocorrelation, by hand."""
    values = np.convolve(np.random.default_rng(3).standard_normal(300), np.ones(4), "valid")
    found, plain = confidence_sequence(values), confidence_sequence(values, correlated=False)
    for t in (60, 150, len(values)):
        centred = values[:t] - values[:t].mean()
        r = centred[1:] @ centred[:-1] / (centred @ centred)
        assert r > 0.5
        shift = abs(plain.upper[t - 1] + plain.lower[t - 1] - 2 * plain.mean[t - 1])
        narrow, wide = (one.upper[t - 1] - one.lower[t - 1] - shift for one in (plain, found))
        assert wide == pytest.approx(narrow * math.sqrt((1 + r) / (1 - r)))


def test_a_skew_moves_only_the_bound_that_it_flatters():
    """For many small gains and few large losses the lower bound moves down by Johnson's formula; the upper stays."""
    values = 1 - np.random.default_rng(6).exponential(size=400)
    found, t, rho = confidence_sequence(values, 0.05, correlated=False), 400, mixture_scale(500, 0.05)
    reach = float(boundary(t, 0.05, rho))
    skew = np.mean((values - values.mean()) ** 3) / values.var()
    assert skew < 0
    expected = values.mean() + skew * (1 / (6 * t) + reach**2 / 3) - values.std() * reach
    assert found.lower[-1] == pytest.approx(expected)
    assert found.upper[-1] == pytest.approx(values.mean() + values.std() * reach)
    turned = confidence_sequence(-values, 0.05, correlated=False)
    np.testing.assert_allclose(turned.upper, -found.lower)


@pytest.mark.parametrize("sequence", [confidence_sequence, lower_sequence])
def test_the_p_value_agrees_with_the_bounds_of_a_skewed_series(sequence):
    """The bound of an alpha leaves zero on just the days on which the p-value is at most that alpha, within a hair."""
    values = 0.35 - 0.3 * np.random.default_rng(7).exponential(size=1200)
    found = sequence(values, 0.05)
    excluded = (found.lower > 0) | (found.upper < 0)
    assert (excluded == (found.p_value <= 0.05)).mean() > 0.99


@pytest.mark.parametrize("sequence", [confidence_sequence, lower_sequence])
def test_daily_looks_for_five_years_miss_the_mean_in_few_worlds(sequence):
    """Of 1,000 worlds of fat-tailed noise looked at each day for five years, at most 5 % ever miss the true mean.

    The true rate is near 2 %, with a binomial error of 0.44 %: 5 % is nearly seven of them away, so that only a wrong
    boundary gets there. The seed is fixed.
    """
    values = np.random.default_rng(4).standard_t(5, size=(1000, 1260)) + 0.3
    found = sequence(values, 0.05)
    missed = ((found.lower > 0.3) | (found.upper < 0.3)).any(axis=1).sum()
    assert 1 <= missed <= 50


def test_a_proof_takes_as_long_as_it_is_said_to_take():
    """Of 400 forecasters with a true R² of 5 % half to four fifths are called better within the days promised."""
    rng = np.random.default_rng(8)
    days = days_until_proven(0.05, 0.04)
    signal = np.sqrt(0.05) * rng.standard_normal((400, days))
    actual = signal + np.sqrt(0.95) * rng.standard_normal((400, days))
    found = lower_sequence(actual**2 - (actual - signal) ** 2, 0.04, correlated=False)
    assert 0.5 < (found.lower > 0).any(axis=1).mean() < 0.8
    assert days_until_proven(0.01, 0.04) > 4 * days > days_until_proven(0.02, 0.04)


def test_a_true_difference_is_found():
    """A mean of a quarter of a standard deviation is found within three years in all of 200 worlds."""
    values = np.random.default_rng(5).standard_normal((200, 756)) + 0.25
    assert (lower_sequence(values).lower[:, -1] > 0).all()


@pytest.mark.parametrize("alpha", [0, 1, -0.1, 2, math.nan])
def test_a_level_outside_zero_and_one_is_refused(alpha):
    """The message names the alpha and the range."""
    with pytest.raises(InputError, match=r"alpha .*between 0 and 1"):
        confidence_sequence(np.ones(100), alpha)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], 3.0])
def test_missing_values_are_refused(values):
    """No value, a single number or a missing one gives one clear line."""
    with pytest.raises(InputError, match="at least one value"):
        confidence_sequence(values)


def test_a_target_below_a_day_is_refused():
    """The sequence cannot be tuned for no days."""
    with pytest.raises(InputError, match="target_days 0"):
        mixture_scale(0, 0.05)
