"""Changing any value after a day changes no feature and no forecast at or before it.

Each property changes the closes (and further columns) after a random day, by a little or beyond recognition, and goes
the whole way again: features, fits, forecasts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.evaluate.walkforward import ScoredRows, at_horizon, walk_forward
from podium.features import build_features
from podium.models.arima import ArimaContestant
from podium.models.base import Contestant
from podium.models.linear import LinearRegressionContestant
from podium.models.lstm import LstmContestant
from podium.records import Series

N_LAGS, N_DAYS, FIRST = 6, 260, 120

days = st.integers(N_LAGS + 1, N_DAYS - 2)
late_days = st.integers(FIRST + N_LAGS, N_DAYS - 8)
shocks = st.sampled_from([1e-4, 0.3, 5.0])
seeds = st.integers(0, 10_000)


def made_of(seed: int) -> Series:
    """A random walk with a high, as a source with further columns brings it."""
    rng = np.random.default_rng(seed)
    closes = np.exp(np.cumsum(rng.normal(0, 0.005, N_DAYS)))
    high = closes * np.exp(np.abs(rng.normal(0, 0.003, N_DAYS)))
    dates = np.datetime64("2020-01-01") + np.arange(N_DAYS)
    return Series("EURUSD", dates, closes, "test", MappingProxyType({"high": high}))


def changed_after(series: Series, day: int, shock: float) -> Series:
    """The same series up to and with this day, and another one after it."""
    moved = np.where(np.arange(N_DAYS) > day, np.exp(shock * (1 + np.sin(np.arange(N_DAYS)))), 1.0)
    extras = MappingProxyType({"high": series.extras["high"] * moved**2})
    return Series(series.pair, series.dates, series.closes * moved, series.source, extras)


@settings(max_examples=60, deadline=None)
@given(seed=seeds, day=days, shock=shocks)
def test_features_know_no_later_day(seed: int, day: int, shock: float) -> None:
    """Features at or before the day stay to the last bit, and so does every target that was known by then."""
    series = made_of(seed)
    before, after = (build_features(item, N_LAGS, "v") for item in (series, changed_after(series, day, shock)))
    known = before.origins <= series.dates[day]
    assert known.sum() == day - N_LAGS + 1
    assert np.array_equal(before.values[known], after.values[known])
    outcome_known = before.target_dates <= series.dates[day]
    assert np.array_equal(before.target[outcome_known], after.target[outcome_known])
    assert not np.array_equal(before.values[~known], after.values[~known])


@settings(max_examples=60, deadline=None)
@given(seed=seeds, day=days)
def test_a_row_is_the_same_the_day_it_is_made_and_years_later(seed: int, day: int) -> None:
    """Serving computes a row from the series up to today; scoring computed it from the whole: the same to the bit."""
    series = made_of(seed)
    then = build_features(series.until(day + 1), N_LAGS, "v")
    later = build_features(series, N_LAGS, "v")
    assert np.array_equal(then.values, later.values[: len(then)])
    assert np.isnan(then.target[-1])


@dataclass(frozen=True)
class Tried:
    """A contestant, how many examples its cost allows, and over how many days it forecasts."""

    contestant: Contestant
    examples: int
    horizons: tuple[int, ...]


CONTESTANTS = {
    "LinearRegression": Tried(LinearRegressionContestant(n_lags=N_LAGS), 25, (1, 5)),
    "ARIMA": Tried(ArimaContestant(n_lags=N_LAGS, max_p=1, max_q=1), 12, (1, 5)),
    "LSTM": Tried(LstmContestant(n_lags=N_LAGS, units=3, epochs=2, batch_size=64), 3, (1,)),
}


def forecasts_of(contestant: Contestant, series: Series, horizon: int) -> np.ndarray:
    """Walk-forward forecasts, a refit every 25 days."""
    table = at_horizon(build_features(series, N_LAGS, "v"), horizon)
    scored = ScoredRows(first_scored=FIRST, n_known=len(table) - horizon)
    return walk_forward(contestant, table, scored, refit_every=25).forecasts.forecast


@pytest.mark.parametrize("family", ["LinearRegression", "ARIMA", pytest.param("LSTM", marks=pytest.mark.tensorflow)])
def test_forecasts_know_no_later_day(family: str) -> None:
    """Walk-forward forecasts made at or before the day stay to the last bit, and later ones do not."""
    tried = CONTESTANTS[family]

    @settings(max_examples=tried.examples, deadline=None)
    @given(
        seed=seeds, day=st.integers(FIRST + N_LAGS, N_DAYS - 8), shock=shocks, horizon=st.sampled_from(tried.horizons)
    )
    def holds(seed: int, day: int, shock: float, horizon: int) -> None:
        contestant = tried.contestant if horizon == 1 else replace(tried.contestant, horizon=horizon)
        series = made_of(seed)
        before = forecasts_of(contestant, series, horizon)
        after = forecasts_of(contestant, changed_after(series, day, shock), horizon)
        made_by_then = day - N_LAGS - FIRST + 1
        assert np.array_equal(before[:made_by_then], after[:made_by_then])
        if family != "ARIMA":  # which may forecast its mean alone, and that only at the next refit
            assert not np.array_equal(before[made_by_then:], after[made_by_then:])

    holds()
