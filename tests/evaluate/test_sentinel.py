import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.evaluate.sentinel import (
    direction_estimate,
    find_leak,
    r2_estimate,
    series_break,
    suspect_columns,
)


def market(n_days, seed=0):
    """Returns of a floating rate, two lags, and a column that holds most of the next day."""
    rng = np.random.default_rng(seed)
    returns = 0.005 * rng.standard_t(5, n_days + 2)
    target = returns[2:]
    tomorrow = 0.5 * target + 0.002 * rng.standard_normal(n_days)
    return target, ("lag_0", "lag_1", "high_low"), np.column_stack([returns[1:-1], returns[:-2], tomorrow])


@pytest.mark.parametrize("n_days", [60, 250, 1425])
def test_a_planted_leak_is_found_and_its_column_named(n_days):
    """A contestant fed with the day that follows is suspected within three months, and the column is named first."""
    target, names, features = market(n_days)
    found = find_leak("Leaky", target, 1.2 * features[:, 2], names=names, features=features)
    assert found.columns[0][0] == "high_low"
    assert "Leaky is too good to be true" in found.message
    assert "high_low (correlation +0." in found.message
    assert "lag it by a day" in found.message
    assert "\n" not in found.message


def test_the_forecast_of_the_day_itself_is_found():
    """A perfect forecast, whose figures have next to no spread, is suspected."""
    target, names, features = market(60)
    assert find_leak("Oracle", target, target.copy(), names=names, features=features)


def test_honest_contestants_are_left_alone_however_short_the_window():
    """Of 600 honest forecasts with a true R² of 1.6 %, on 30 to 250 days, at most 2 % are accused, and 16 % amber.

    A short window alone would accuse a third of them: 58 % is one standard error and a bit away on 60 days. The seed
    is fixed.
    """
    accused = amber = naive = 0
    for seed in range(600):
        n_days = (30, 60, 250)[seed % 3]
        target, names, features = market(n_days, seed)
        forecast = 0.01 * target + 0.0005 * np.random.default_rng(seed + 9999).standard_normal(n_days)
        found = find_leak("Honest", target, forecast, names=names, features=features)
        accused += found is not None and not found.amber
        amber += found is not None and found.amber
        naive += direction_estimate(target, forecast).value > 0.58
    assert accused <= 12
    assert amber <= 96
    assert naive > 60


def test_one_lucky_violent_day_is_no_leak():
    """A forecast that is right about nothing but a crash has a large R², which goes with that day."""
    rng = np.random.default_rng(1)
    target, forecast = 0.003 * rng.standard_normal((2, 500))
    forecast *= 0.1
    target[250], forecast[250] = -0.18, -0.05
    estimate = r2_estimate(target, forecast)
    assert estimate.value > 0.15
    assert find_leak("Lucky", target, forecast, names=("lag_0",), features=rng.standard_normal((500, 1))) is None


def test_a_leak_of_some_months_is_found_among_years():
    """Of 20 markets of 1,425 days, the next day's return known for 190 of them at an R² of 64 %, all are accused."""
    for seed in range(20):
        target, names, features = market(1425, seed)
        forecast = 0.0002 * np.random.default_rng(seed).standard_normal(1425)
        start = 60 * seed
        forecast[start : start + 190] = 1.3 * features[start : start + 190, 2]
        found = find_leak("Sometimes", target, forecast, names=names, features=features)
        assert found is not None
        assert "within 126 days" in found.message
        honest = 0.0004 * np.random.default_rng(seed).standard_normal(1425)
        assert find_leak("Honest", target, honest, names=names, features=features) is None


def test_a_rate_that_mostly_falls_makes_nobody_a_prophet():
    """Who says so on three days of four, or on all, is right on 63 or 75 % of the days and is not accused."""
    rng = np.random.default_rng(7)
    target = np.where(rng.random(1400) < 0.75, -1.0, 1.0) * np.abs(0.004 * rng.standard_normal(1400))
    often = np.where(rng.random(1400) < 0.75, -1e-5, 1e-5)
    for forecast in (often, np.full(1400, -1e-5)):
        assert direction_estimate(target, forecast).value == pytest.approx(0.5, abs=0.03)
        assert find_leak("X", target, forecast, names=("lag_0",), features=rng.standard_normal((1400, 1))) is None


def test_a_managed_currency_is_told_from_a_leak():
    """A rate pulled back to its peg is suspected, and the message says that it lives on its own past and is quiet."""
    rng = np.random.default_rng(2)
    level = 0.0001 * rng.standard_normal(1002)
    returns = np.diff(level)
    target, lag = returns[1:], returns[:-1]
    found = find_leak("Ridge", target, -0.5 * lag, names=("lag_0",), features=lag[:, np.newaxis])
    assert "moves 0.2 % a year, lag-1 autocorrelation -0.5" in found.message
    assert "pegged, managed or stale" in found.message
    assert "--accept-leak" in found.message


@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1e3))
@settings(max_examples=25, deadline=None)
def test_the_unit_of_the_returns_does_not_matter(seed, unit):
    """R² and its standard error are the same in every unit."""
    y, f = np.random.default_rng(seed).standard_normal((2, 100))
    plain, scaled = r2_estimate(y, f), r2_estimate(unit * y, unit * f)
    assert scaled.value == pytest.approx(plain.value, rel=1e-9)
    assert scaled.standard_error == pytest.approx(plain.standard_error, rel=1e-6)


def test_the_standard_errors_are_those_of_repeated_samples():
    """Over 600 samples of 200 days the spread of R² and of the hit rate is what the formulas say, within a tenth."""
    rng = np.random.default_rng(3)
    forecast = math.sqrt(0.5) * rng.standard_normal((600, 200))
    actual = forecast + math.sqrt(0.5) * rng.standard_normal((600, 200))
    for estimate in (r2_estimate, direction_estimate):
        found = [estimate(y, f) for y, f in zip(actual, forecast, strict=True)]
        spread = np.std([item.value for item in found])
        assert np.mean([item.standard_error for item in found]) == pytest.approx(spread, rel=0.1)


def test_columns_are_named_only_when_they_stand_out():
    """Noise columns and constant ones are not named, and at most three are."""
    rng = np.random.default_rng(4)
    target = rng.standard_normal(1000)
    features = np.column_stack([rng.standard_normal((1000, 5)), np.ones(1000), *[target * k for k in (1, -1, 2, 3)]])
    found = suspect_columns(target, tuple("abcdefghij"), features)
    assert [name for name, _ in found] == ["g", "h", "i"]
    assert suspect_columns(target, ("a", "f"), features[:, [0, 5]]) == ()


def test_what_cannot_be_judged_is_not():
    """Too few days, a series that never moves, a forecast without a direction: nobody is accused."""
    target, names, features = market(200)
    short = slice(0, 29)
    assert find_leak("X", target[short], target[short], names=names, features=features[short]) is None
    still = np.zeros(200)
    assert find_leak("X", still, still, names=names, features=features) is None
    assert find_leak("X", target, still, names=names, features=features) is None


def test_the_limits_are_the_reader_s():
    """A stricter limit accuses what the default lets pass."""
    rng = np.random.default_rng(5)
    forecast = 0.2 * rng.standard_normal(2000)
    actual = forecast + rng.standard_normal(2000)
    column = forecast[:, np.newaxis]
    assert find_leak("X", actual, forecast, names=("x",), features=column).amber
    assert not find_leak("X", actual, forecast, names=("x",), features=column, limit_r2=0.01).amber
    assert not find_leak("X", actual, forecast, names=("x",), features=column, limit_direction=0.51).amber


def test_no_live_currency_of_the_ecb_is_accused():
    """Least squares on six lags, fitted on the first four fifths, is suspected on none of the 29 euro pairs."""
    from podium.data.sources.ecb import bundled_table

    table = bundled_table()
    assert len(table.live()) == 29
    for currency in table.live():
        rates = table.rates(currency)
        returns = np.diff(np.log(rates[~np.isnan(rates)]))
        lags = np.lib.stride_tricks.sliding_window_view(returns, 6)[:-1, ::-1]
        target, first = returns[6:], int(0.8 * (len(returns) - 6))
        beta = np.linalg.lstsq(lags[:first], target[:first], rcond=None)[0]
        names = tuple(f"lag_{age}" for age in range(6))
        scored, actual = lags[first:], target[first:]
        assert find_leak(f"EUR{currency}", actual, scored @ beta, names=names, features=scored) is None


def test_another_market_on_the_scored_days_is_told():
    """A lag-1 autocorrelation of -0.17 after one of -0.03 is told with both figures; of 200 that stay, few are."""
    rng = np.random.default_rng(6)

    def moves(phi, n_days):
        shocks = 0.005 * rng.standard_t(5, n_days)
        return np.array([shock + phi * before for shock, before in zip(shocks[1:], shocks[:-1], strict=True)])

    told = series_break(moves(-0.03, 5000), moves(-0.25, 1400))
    assert "lag-1 autocorrelation -0.2" in told
    assert "on the scored days, -0.0" in told
    assert sum(bool(series_break(moves(0.0, 4000), moves(0.0, 1000))) for _ in range(200)) <= 10
    assert series_break(np.zeros(500), np.zeros(500)) == series_break(moves(0.5, 50), moves(-0.5, 50)) == ""
