"""The day after a shock: who is called shaken, and how much wider the day after is believed to be."""

import numpy as np
import pytest

from podium.evaluate.volatility.aftershock import DOUBT, SHOCK, lifts, shaken


def test_a_shock_is_measured_by_what_was_forecast_for_the_day():
    """Beyond two and a half deviations in either direction, and not at them."""
    assert shaken(np.array([2.6, -2.6, 2.5, 5.1]), np.array([1.0, 1.0, 1.0, 2.0])).tolist() == [True, True, False, True]


def test_the_lift_is_the_mean_size_after_shocks_over_that_of_all_days():
    """Written out: ten ordinary days stand beside the days after shocks, and every refit counts again."""
    size, after = np.ones(300), np.zeros(300, dtype=bool)
    after[10:300:10], size[10:300:10] = True, 2.0
    found = lifts(size, after, (0, 100, 200), 1)
    mean = size[:200].mean()
    assert (found[:100] == 1).all()
    assert found[100] < found[200] < 2
    assert found[200:] == pytest.approx((after[:200].sum() * 2.0 / mean + DOUBT) / (after[:200].sum() + DOUBT))


@pytest.mark.parametrize("delay", [1, 5])
def test_the_lift_knows_no_outcome_that_is_to_come(delay):
    """Whatever is changed in outcomes that are not known at a refit leaves its lift; the last one known moves it."""
    size, after = np.abs(np.random.default_rng(1).standard_normal(300)), np.arange(300) % 7 == 0
    before = lifts(size, after, (0, 200), delay)
    unknown = size.copy()
    unknown[200 - delay + 1 :] = 50.0
    assert np.array_equal(lifts(unknown, after, (0, 200), delay), before)
    unknown[200 - delay] += 1.0
    assert lifts(unknown, after, (0, 200), delay)[200] != before[200]


def test_a_series_that_stands_still_has_no_lift():
    """Without a move, or without an outcome, the models are believed as they are."""
    assert (lifts(np.zeros(100), np.zeros(100, dtype=bool), (0, 50), 1) == 1).all()
    assert (lifts(np.array([np.nan]), np.array([False]), (0,), 1) == 1).all()


def test_wider_days_after_shocks_are_covered():
    """Where the day after a shock is half as wide again as the models say, the lift comes within a tenth of that."""
    rng = np.random.default_rng(2)
    size = np.abs(rng.standard_normal(6000))
    after = np.append(False, size[:-1] > SHOCK)
    size[after] *= 1.5
    assert lifts(size, after, (0, 5999), 1)[-1] == pytest.approx(1.5, rel=0.12)
