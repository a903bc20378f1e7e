import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from podium.evaluate.conformal import RATE, conformal_multiplier
from podium.evaluate.horizons import believed_volatility
from podium.evaluate.intervals import IntervalForecast, advance, interval_forecast
from podium.evaluate.volatility.walk import volatility_walk
from podium.records import Forecasts

N_DAYS, FIRST = 420, 300
DATES = np.arange("2000-01-03", "2003-01-03", dtype="datetime64[D]")[:N_DAYS]
NAMES = tuple(f"{side}_{coverage}" for side in ("lower", "upper") for coverage in (80, 95))


def ranges(returns: np.ndarray, point: np.ndarray, horizon: int) -> IntervalForecast:
    """Ranges around `point`, shape (n_days - FIRST,), the last of which is for the day to come."""
    path = believed_volatility(volatility_walk(returns, DATES[: len(returns)], DATES[FIRST], 40), horizon)
    rows = slice(-len(point), -1)
    forecasts = Forecasts(path.origins[rows], path.origins[rows] + horizon, path.outcome[rows], point[:-1])
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
    for name in before.columns.keys() - {"pit"}:  # which is of the outcome
        assert np.array_equal(before.columns[name][:made_by_then], after.columns[name][:made_by_then])
    assert before.interval.reach != after.interval.reach


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
        assert said[name] == pytest.approx(scored.columns[name][day - FIRST], rel=1e-9)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), n_new=st.integers(1, 30), last=st.sampled_from([None, 0.03]))
def test_going_on_day_by_day_is_walking_again(seed: int, n_new: int, last: float | None) -> None:
    """An interval advanced by each new day's return is that of a walk over the longer series, if nothing is refit."""
    rng = np.random.default_rng(seed)
    returns = 0.005 * rng.standard_t(5, 361)  # fitted on day 329, and not again before day 369
    returns[-1] = last or returns[-1]  # a shock
    point = 0.0005 * rng.standard_normal(361 - FIRST)
    interval = ranges(returns[:-n_new], point[:-n_new], 1).interval
    for day in range(361 - n_new, 361):
        interval = advance(interval, point[day - 1 - FIRST], returns[: day + 1], DATES[day].item())
    expected = ranges(returns, point, 1).interval
    assert interval.origin == expected.origin
    assert (interval.df, interval.state.cuts) == (expected.df, expected.state.cuts)
    assert interval.reach == pytest.approx(expected.reach, rel=1e-9)
    assert interval.state.variances == pytest.approx(expected.state.variances, rel=1e-9)
    assert interval.state.tails == pytest.approx(expected.state.tails, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    excess=arrays(np.float64, 300, elements=st.floats(-50.0, 50.0)),
    states=arrays(np.intp, 300, elements=st.integers(0, 2)),
    allowed=st.sampled_from([0.1, 0.025]),
    delay=st.sampled_from([1, 5, 20]),
)
def test_misses_never_exceed_what_the_multiplier_paid_for(
    excess: np.ndarray, states: np.ndarray, allowed: float, delay: int
) -> None:
    """On any outcomes and in each state, settled misses are at most their share plus twice the rise over the rate."""
    multiplier, learnt = conformal_multiplier(excess, states, allowed, delay)
    settled = len(excess) - delay
    missed, known = (excess > multiplier)[:settled], states[:settled]
    assert missed.sum() <= allowed * settled + 2 * learnt[0] / RATE + 1e-9
    for state in range(3):
        assert missed[known == state].sum() <= allowed * (known == state).sum() + 2 * learnt[1 + state] / RATE + 1e-9
    assert (multiplier > 0).all()
    assert np.isfinite(multiplier).all()
