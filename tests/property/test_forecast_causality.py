"""Nothing that `podium forecast` says of tomorrow, and no interval that a championship recorded, has seen it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.evaluate.horizons import believed_volatility
from podium.evaluate.intervals import interval_forecast
from podium.evaluate.volatility.walk import volatility_walk
from podium.evaluate.walkforward import ScoredRows, at_horizon, walk_forward
from podium.features import build_features, log_returns
from podium.models.arima import ArimaContestant
from podium.models.linear import LinearRegressionContestant
from podium.records import Series

N_DAYS, N_SCORED, N_LAGS, REFIT = 520, 120, 8, 50


def series_of(seed: int) -> Series:
    """A seeded random walk with calm and violent spells."""
    rng = np.random.default_rng(seed)
    sigma = 0.004 * np.exp(0.5 * np.sin(np.arange(N_DAYS) / 40))
    closes = 1.1 * np.exp(np.cumsum(sigma * rng.standard_t(5, N_DAYS)))
    return Series("EURUSD", np.arange("2024-01-01", N_DAYS, dtype="datetime64[D]"), closes, "test")


def ranged(series: Series, family, horizon: int, first: int):
    """Everything that training and `podium forecast` make of a series: the scored intervals and the open forecast."""
    table = (
        at_horizon(build_features(series, N_LAGS, "-"), horizon) if horizon > 1 else build_features(series, N_LAGS, "-")
    )
    days = ScoredRows(first_scored=first, n_known=len(table) - horizon)
    walked = walk_forward(family(n_lags=N_LAGS, horizon=horizon), table, days, REFIT)
    walk = volatility_walk(log_returns(series.closes), series.dates[1:], table.origins[first], REFIT)
    return walked.forecasts, interval_forecast(believed_volatility(walk, horizon), walked.forecasts)


@pytest.mark.parametrize("horizon", [1, 5])
@pytest.mark.parametrize("family", [LinearRegressionContestant, lambda **own: ArimaContestant(max_p=1, max_q=0, **own)])
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 50), shock=st.floats(0.8, 1.25), cut=st.integers(N_DAYS - 100, N_DAYS - 2))
def test_a_shock_tomorrow_changes_no_interval_of_today_or_before(family, horizon, seed, shock, cut):
    """Whatever comes after a day: every forecast and bound made at its close or earlier stays, bit for bit."""
    series = series_of(seed)
    first = N_DAYS - N_LAGS - 1 - N_SCORED
    closes = series.closes.copy()
    closes[cut + 1 :] *= shock
    other = Series(series.pair, series.dates, closes, series.source)
    (made, bounds), (again, changed) = (ranged(one, family, horizon, first) for one in (series, other))
    before = made.origins <= series.dates[cut]
    assert before.any()
    np.testing.assert_array_equal(again.forecast[before], made.forecast[before])
    said = bounds.columns.keys() - {"pit"}  # which tells what came of it
    assert len(said) == 8
    for name in said:
        np.testing.assert_array_equal(changed.columns[name][before], bounds.columns[name][before], err_msg=name)


@pytest.mark.parametrize("horizon", [1, 5])
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 50), n_days=st.integers(N_DAYS - 60, N_DAYS - 6))
def test_the_open_forecast_is_the_one_that_a_longer_series_records_for_that_day(horizon, seed, n_days):
    """The range said tonight is the range that is scored later for the same origin: nothing is said with hindsight.

    The point forecast may differ, since tonight's model is fitted on all days and the scored one up to its last refit;
    with the same point the ranges are the same number.
    """
    series, first = series_of(seed), N_DAYS - N_LAGS - 1 - N_SCORED

    def walk_of(one: Series):
        walk = volatility_walk(log_returns(one.closes), one.dates[1:], series.dates[N_LAGS + first], REFIT)
        return believed_volatility(walk, horizon)

    tonight, later = walk_of(series.until(n_days)), walk_of(series)
    row = len(tonight.origins) - 1
    assert later.origins[row] == tonight.origins[row] == series.dates[n_days - 1]
    for name in ("sigma", "df"):
        np.testing.assert_array_equal(getattr(later, name)[: row + 1], getattr(tonight, name), err_msg=name)
