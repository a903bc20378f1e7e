"""Intervals that keep their promise on calm and on violent days: adaptive conformal inference, a side at a time.

The interval of coverage 1 - a around a forecast f reaches from f - m_l q s to f + m_u q s, where s is the volatility
believed that day, q the quantile of its Student's t, and m_l, m_u multipliers that learn each from its own misses:

    ln m = g + c(k),  g and c(k) each move by rate / 2 (miss - a / 2) once the outcome of an origin in state k is known

k says whether the volatility believed at an origin is calm, middle or violent by its own last ten years. This is the
adaptive conformal inference of Gibbs and Candès (2021), stepped on the size of the interval rather than on its
coverage (the quantile tracker of Angelopoulos, Candès and Tibshirani 2023), on a log scale: the interval is never empty
nor infinite, and one rate serves every coverage and currency. Summing the updates shows what it promises without any
assumption on the returns: over any T days of state k the share of misses of a side is a / 2 + 2 (c_end - c_begin) /
(rate T), and likewise by g over all days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.data.calendar import next_business_day
from podium.data.store import data_version
from podium.errors import InputError
from podium.evaluate.conformal import (
    RATE,
    Learnt,
    conformal_multiplier,
    cut_points,
    learn,
    multiplier,
    state_of,
    volatility_states,
)
from podium.evaluate.density import TAIL_BURN_IN, TAILS, probability_below, t_quantile, tail_likelihood
from podium.evaluate.horizons import COMBINATION, VolatilityPath, log_mean
from podium.evaluate.interval_scores import IntervalScores, interval_scores
from podium.evaluate.volatility.aftershock import shaken
from podium.evaluate.volatility.walk import BENCHMARK, variance_now
from podium.features import log_returns
from podium.records import Floats, Forecasts, Interval, IntervalState, NextDay, Series
from podium.settings import Calendar


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of an interval.

    Attributes:
        sign: -1 for the lower end, 1 for the upper one.
        coverage: of the interval.
        inner: name of the end on the same side that must not reach farther; empty without one.
    """

    sign: float
    coverage: float
    inner: str

    @property
    def allowed(self) -> float:
        """Share of outcomes that may lie beyond it."""
        return (1.0 - self.coverage) / 2

    def half_width(self, sigma: float, df: float) -> float:
        """How far the density alone would have it reach, in log return."""
        return sigma * float(t_quantile(self.coverage, np.array(df)))


BOUNDS: Final = {
    f"{side}_{outer}": Bound(sign, float(outer) / 100, inner and f"{side}_{inner}")
    for inner, outer in (("", "80"), ("80", "95"))
    for side, sign in (("lower", -1.0), ("upper", 1.0))
}


@dataclass(frozen=True, slots=True)
class IntervalForecast:
    """Intervals and densities of one contestant over the scored days.

    Attributes:
        columns: by name, each of shape (n_scored,). `lower_80`, `upper_80`, `lower_95` and `upper_95`, in log return.
            `sigma`, `df`, `rolling_sigma` and `rolling_df`: with the forecast and the outcome they give every score
            here again. `pit`: probability integral transform of the outcomes; NaN where one is to come.
        scores: the means and tests.
        interval: the one still open, from the last day of the series.
    """

    columns: Mapping[str, Floats]
    scores: IntervalScores
    interval: Interval


def reaches(path: VolatilityPath, point: Floats, rate: float = RATE) -> tuple[dict[str, Floats], dict[str, Learnt]]:
    """How far the interval reaches from the point forecast at every origin of the path, and what that has learnt.

    The step shrinks with the square root of the horizon: h late and overlapping misses push the same way, and at the
    full step the interval would swing. A wider coverage never lies inside a narrower one.

    Args:
        path: the volatility believed, for one horizon.
        point: shape (n_walk,), point forecasts; zero before the first scored day.
        rate: of a one-day horizon, see `podium.evaluate.conformal`.

    Returns:
        by `lower_80` and so on: shape (n_walk,), in log return; and the state of each learner after the last origin.
    """
    states = volatility_states(path.sigma, path.refits)
    step = float(rate / np.sqrt(path.horizon))
    found: dict[str, Floats] = {}
    learnt: dict[str, Learnt] = {}
    for name, bound in BOUNDS.items():
        own = path.sigma * t_quantile(bound.coverage, path.df)
        excess = bound.sign * (path.outcome - point) / own
        times, learnt[name] = conformal_multiplier(excess, states, bound.allowed, path.horizon, step)
        found[name] = np.maximum(times * own, found.get(bound.inner, 0.0))
    return found, learnt


def interval_forecast(path: VolatilityPath, forecasts: Forecasts) -> IntervalForecast:
    """Intervals, densities and their scores for one contestant, and the interval of the day to come.

    Every bound of an origin uses nothing after its close. The calibration begins at the start of the walk, years
    before the first scored day, around a forecast of zero there.

    Args:
        path: from `believed_volatility`, shared by all contestants of a championship.
        forecasts: the contestant's out-of-sample forecasts for the path's horizon.

    Raises:
        InputError: the forecasts are not of this series, not finite, or have no outcome yet.
    """
    rows = _rows(path, forecasts)
    point = np.zeros(len(path.sigma))
    point[rows] = forecasts.forecast
    reach, learnt = reaches(path, point)
    bounds = {name: point + BOUNDS[name].sign * distance for name, distance in reach.items()}
    outcome, benchmark = path.outcome[rows], path.league[BENCHMARK]
    columns = {
        **{name: column[rows] for name, column in bounds.items()},
        "sigma": path.sigma[rows],
        "df": path.df[rows],
        f"{BENCHMARK}_sigma": benchmark.sigma[rows],
        f"{BENCHMARK}_df": benchmark.df[rows],
        "pit": probability_below(outcome, point[rows], path.sigma[rows], path.df[rows]),
    }
    return IntervalForecast(
        columns=MappingProxyType(columns),
        scores=interval_scores(path, rows[np.isfinite(outcome)], point, bounds),
        interval=Interval(
            origin=path.origins[-1].item(),
            horizon=path.horizon,
            reach={name: float(distance[-1]) for name, distance in reach.items()},
            sigma=float(path.sigma[-1]),
            df=float(path.df[-1]),
            volatility_model=COMBINATION,
            state=_state(path, learnt) if path.horizon == 1 else None,
        ),
    )


def _state(path: VolatilityPath, learnt: Mapping[str, Learnt]) -> IntervalState:
    walk = path.walk
    settled = path.outcome[:-1] / path.sigma[:-1]
    return IntervalState(
        variances=dict(zip(walk.models, walk.variance[:, -1].tolist(), strict=True)),
        fits=dict(zip(walk.models, walk.fits, strict=True)),
        lift=path.lift,
        tails=tuple(tail_likelihood(settled).sum(axis=0).tolist()),
        n_outcomes=len(settled),
        cuts=cut_points(path.sigma[: path.refits[-1] + 1]),
        learnt={name: tuple(numbers) for name, numbers in learnt.items()},
    )


def advance(interval: Interval, forecast: float, returns: Floats, origin: date) -> Interval:
    """The interval a day later: what that day's return has moved, with every model as it was last fitted.

    `podium forecast`, the dashboard and serving all go on from the interval that training recorded by this one
    function, so that they agree on any day. It is what the walk over the longer series finds, until models are fitted
    again.

    Args:
        interval: of the day before, for the next day.
        forecast: log return that was forecast at its origin.
        returns: shape (n_days,), all log returns of the series, the last of them that of the new day.
        origin: the new day.

    Raises:
        InputError: the interval is of a horizon beyond a day or of a release that recorded no state.
    """
    state = interval.state
    if state is None:
        raise InputError("the recorded interval carries no state to go on from; run `podium train`")
    outcome = float(returns[-1])
    past = np.array([state.variances[name] for name in state.fits])
    variance = variance_now(state.fits, past, returns)
    tails = np.array(state.tails) + tail_likelihood(np.array([outcome / interval.sigma]))[0]
    known = state.n_outcomes + 1
    believed = log_mean(tuple(state.fits), np.sqrt(np.column_stack([past, variance])))
    sigma = float(believed[1]) * (state.lift if shaken(returns[-1:], believed[:1])[0] else 1.0)
    df = float(TAILS[np.argmax(tails) if known > TAIL_BURN_IN else len(TAILS) // 2])
    before, after = (int(state_of(np.array(value), state.cuts)) for value in (interval.sigma, sigma))
    learnt: dict[str, Learnt] = {}
    reach: dict[str, float] = {}
    for name, bound in BOUNDS.items():
        promised = multiplier(state.learnt[name], before) * bound.half_width(interval.sigma, interval.df)
        miss = bound.sign * (outcome - forecast) > promised
        learnt[name] = learn(state.learnt[name], before, miss=miss, allowed=bound.allowed)
        own = multiplier(learnt[name], after) * bound.half_width(sigma, df)
        reach[name] = max(own, reach.get(bound.inner, 0.0))
    return Interval(
        origin=origin,
        reach=reach,
        sigma=sigma,
        df=df,
        volatility_model=interval.volatility_model,
        state=IntervalState(
            variances=dict(zip(state.fits, variance.tolist(), strict=True)),
            fits=state.fits,
            lift=state.lift,
            tails=tuple(tails.tolist()),
            n_outcomes=known,
            cuts=state.cuts,
            learnt={name: tuple(numbers) for name, numbers in learnt.items()},
        ),
    )


def interval_now(interval: Interval, forecasts: Floats, series: Series) -> Interval:
    """The interval at the last day of a series, from one that was recorded on an earlier day of it; see `advance`.

    Args:
        interval: as recorded.
        forecasts: shape (n_new,), log returns forecast at its origin and at each later day but the last.
        series: of which `n_new` days are later than the origin.

    Raises:
        InputError: the origin is not a day of the series, or there is not one forecast a day, or no state.
    """
    returns, days = log_returns(series.closes), series.dates[1:]
    first = int(np.searchsorted(days, np.datetime64(interval.origin))) + 1
    if first > len(days) or days[first - 1] != np.datetime64(interval.origin) or len(forecasts) != len(days) - first:
        raise InputError(
            f"{len(forecasts)} forecasts do not lead from the interval of {interval.origin} to {days[-1]}; "
            "one for each day but the last is needed"
        )
    for day, forecast in zip(range(first, len(days)), forecasts.tolist(), strict=True):
        interval = advance(interval, forecast, returns[: day + 1], days[day].item())
    return interval


def _rows(path: VolatilityPath, forecasts: Forecasts) -> NDArray[np.intp]:
    """Rows of the path that the forecasts were made at."""
    rows = np.searchsorted(path.origins, forecasts.origins)
    inside = rows < len(path.origins)
    if not inside.all() or (path.origins[rows] != forecasts.origins).any():
        raise InputError(
            "some forecasts were made on days that are not in the volatility walk; use one series for both"
        )
    if not np.isfinite(forecasts.forecast).all():
        raise InputError("a point forecast is not finite: no interval can be put around it")
    outcome = path.outcome[rows]
    if not np.isfinite(outcome).any():
        raise InputError("none of the forecasts has an outcome yet: nothing can be scored")
    known = np.isfinite(outcome) & np.isfinite(forecasts.actual)
    if not np.allclose(outcome[known], forecasts.actual[known], rtol=0.0, atol=1e-9):
        raise InputError(
            f"the outcomes beside the forecasts are not the {path.horizon}-day returns of the series; "
            "forecast, series and horizon must belong together"
        )
    return np.asarray(rows)


def next_day(  # noqa: PLR0917  one argument a part of the forecast
    series: Series,
    forecast: float,
    interval: Interval,
    model_name: str,
    model_version: int | None = None,
    calendar: Calendar = "target",
) -> NextDay:
    """The forecast that is still open, made at the last day of a series.

    Args:
        series: whose last day is the interval's origin.
        forecast: log return.
        interval: of the same series, from `interval_forecast`.
        model_name: registered model that forecasts.
        model_version: its version; None before it is registered.
        calendar: of the days that have a rate.
    """
    fall = probability_below(np.zeros(1), np.array([forecast]), np.array([interval.sigma]), np.array([interval.df]))
    return NextDay(
        pair=series.pair,
        origin=interval.origin,
        target_date=date.fromisoformat(str(next_business_day(series.dates[-1], interval.horizon, calendar))),
        horizon=interval.horizon,
        close=float(series.closes[-1]),
        forecast=forecast,
        interval=interval,
        model_name=model_name,
        model_version=model_version,
        data_version=data_version(series),
        probability_of_rise=1.0 - float(fall[0]),
    )
