import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from podium.evaluate.horizons import choose_volatility
from podium.evaluate.intervals import COVERAGES, RATE, IntervalForecast, conformal_multiplier, interval_forecast
from podium.evaluate.volatility import volatility_walk
from podium.records import Forecasts

N_DAYS, FIRST = 420, 300
DATES = np.arange("2000-01-03", "2003-01-03", dtype="datetime64[D]")[:N_DAYS]
NAMES = tuple(f"{side}_{coverage}" for side in ("lower", "upper") for coverage in (80, 95))


def ranges(returns: np.ndarray, point: np.ndarray, horizon: int) -> IntervalForecast:
    """Ranges around `point`, shape (n_days - FIRST,), the last of which is for the day to come."""
    path = choose_volatility(volatility_walk(returns, DATES[: len(returns)], DATES[FIRST], 40), horizon)
    rows = slice(-len(point), -1)
    forecasts = Forecasts(path.origins[rows], path.target_dates[rows], path.outcome[rows], point[:-1])
    return interval_forecast(path, forecasts)


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    day=st.integers(FIRST + 25, N_DAYS - 2),
    shock=st.floats(-0.2, 0.2),
    horizon=st.sampled_from([1, 5, 20]),
)
def test_the_future_changes_no_bound(seed: int, day: int, shock: float, horizon: int) -> None:
    """Whatever comes after day t, no bound or density made at or before its close is another: not in one bit."""
    rng = np.random.default_rng(seed)
    returns = 0.005 * rng.standard_t(5, N_DAYS)
    point = 0.0005 * rng.standard_normal(N_DAYS - FIRST)
    changed, moved = returns.copy(), point.copy()
    changed[day + 1 :] = shock + 0.01 * rng.standard_t(3, N_DAYS - day - 1)
    moved[day + 1 - FIRST :] = shock
    before, after = ranges(returns, point, horizon), ranges(changed, moved, horizon)
    made_by_then = day - FIRST + 1
    for name in NAMES:
        assert np.array_equal(before.bounds[name][:made_by_then], after.bounds[name][:made_by_then])
    for name, column in before.densities.items():
        assert np.array_equal(column[:made_by_then], after.densities[name][:made_by_then])
    assert before.interval.half_widths != after.interval.half_widths


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), day=st.integers(FIRST + 25, N_DAYS - 2), horizon=st.sampled_from([1, 5]))
def test_what_is_said_of_tomorrow_is_what_is_scored_later(seed: int, day: int, horizon: int) -> None:
    """The open interval made on a series that ends at day t is the scored one of day t on the whole series."""
    rng = np.random.default_rng(seed)
    returns = 0.005 * rng.standard_t(5, N_DAYS)
    point = 0.0005 * rng.standard_normal(N_DAYS - FIRST)
    said = ranges(returns[: day + 1], point[: day + 1 - FIRST], horizon).interval.around(point[day - FIRST])
    scored = ranges(returns, point, horizon)
    for name in NAMES:
        assert said[name] == pytest.approx(scored.bounds[name][day - FIRST], rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    excess=arrays(np.float64, 300, elements=st.floats(0.0, 50.0)),
    coverage=st.sampled_from(COVERAGES),
    delay=st.sampled_from([1, 5, 20]),
)
def test_misses_never_exceed_what_the_multiplier_paid_for(excess: np.ndarray, coverage: float, delay: int) -> None:
    """On any outcomes, settled misses are at most (1 - coverage) T plus the rise of ln m over the rate."""
    multiplier = conformal_multiplier(excess, coverage, delay)
    settled = len(excess) - delay
    misses = int((excess > multiplier)[:settled].sum())
    assert misses <= (1 - coverage) * settled + np.log(multiplier[-1]) / RATE + 1e-9
    assert (multiplier > 0).all()
    assert np.isfinite(multiplier).all()
