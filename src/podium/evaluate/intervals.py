"""Intervals that keep their promise: adaptive conformal inference on volatility-scaled residuals.

The interval at coverage 1 - a around a forecast f is f ± m q s, where s is the volatility believed that day, q the
quantile of its Student's t, and m a multiplier that learns from its own misses:

    ln m(t+1) = ln m(t) + rate (miss(t) - a),   miss(t) = 1 if |r - f| > m q s, else 0

This is the adaptive conformal inference of Gibbs and Candès (2021), stepped on the size of the interval rather than
on its coverage (the quantile tracker of Angelopoulos, Candès and Tibshirani 2023), on a log scale: the interval is
never empty nor infinite, and one rate serves every coverage and currency. Summing the update shows what it promises
without any assumption on the returns: over any T days the share of misses is a + ln(m_end / m_begin) / (rate T), so
each year's coverage is held by the little that m can move in a year.
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
from podium.evaluate.confidence_sequence import check_probability
from podium.evaluate.density import (
    Flags,
    conditional_coverage,
    crps,
    independence,
    kupiec,
    probability_below,
    score_skill,
    t_quantile,
    winkler,
)
from podium.evaluate.horizons import VolatilityPath
from podium.evaluate.significance import TestResult
from podium.records import Floats, Forecasts, Interval, NextDay, Series

COVERAGES: Final = (0.80, 0.95)
DENSITIES: Final = ("sigma", "df", "constant_sigma", "constant_df")
RATE: Final = 0.05  # step of ln m for the next day; decision 0040 shows what other rates buy and cost
NARROWEST: Final = 0.1  # floor of m: a peg that breaks is caught up with in weeks, not years


@dataclass(frozen=True, slots=True)
class IntervalScores:
    """What a contestant's intervals were worth on the scored days. `None` where `notes` says why it cannot be computed.

    Attributes:
        coverage_80: share of outcomes inside the 80 % interval; likewise 95.
        kupiec_p_80: is that share compatible with 80 %?
        independence_p_80: do the misses come independently of each other (Christoffersen)?
        christoffersen_p_80: both at once, conditional coverage.
        width_80: mean width, in log return.
        winkler_80: mean interval score, in log return; lower is better.
        crps: mean continuous ranked probability score, in log return; lower is better.
        crps_skill: 1 - crps / crps of the same point forecasts with constant volatility and fitted tails.
        crps_skill_t: t statistic of that difference, HAC.
        volatility_model: the one believed for the next day.
        notes: why a number is missing, by its name.
    """

    coverage_80: float
    coverage_95: float
    kupiec_p_80: float | None
    kupiec_p_95: float | None
    independence_p_80: float | None
    independence_p_95: float | None
    christoffersen_p_80: float | None
    christoffersen_p_95: float | None
    width_80: float
    width_95: float
    winkler_80: float
    winkler_95: float
    crps: float
    crps_skill: float
    crps_skill_t: float | None
    volatility_model: str
    notes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class IntervalForecast:
    """Intervals and densities of one contestant over the scored days.

    Attributes:
        bounds: `lower_80`, `upper_80`, `lower_95`, `upper_95`, each of shape (n_scored,), in log return.
        densities: `sigma`, `df`, `constant_sigma`, `constant_df`, each of shape (n_scored,): with the forecast and
            the outcome they give every score here again.
        pit: shape (n_scored,), probability integral transform of the outcomes; NaN where one is to come.
        scores: the means and tests.
        interval: the one still open, from the last day of the series.
    """

    bounds: Mapping[str, Floats]
    densities: Mapping[str, Floats]
    pit: Floats
    scores: IntervalScores
    interval: Interval


def conformal_multiplier(excess: Floats, coverage: float, delay: int = 1, rate: float = RATE) -> Floats:
    """The multiplier m of the module docstring for every origin, each from outcomes known at its close.

    Args:
        excess: shape (n_origins,), |outcome - forecast| over the model's own half width; NaN where unknown.
        coverage: of the interval, 0.95.
        delay: days from an origin to its outcome; the miss of origin t first moves the multiplier of t + delay.
        rate: step of ln m; 0 keeps the model's own interval.

    Returns:
        shape (n_origins,), 1 until the first outcome is known.

    Raises:
        InputError: a coverage outside (0, 1), a delay below one day or a negative rate.
    """
    allowed = 1.0 - check_probability(coverage)
    if delay < 1 or rate < 0:
        raise InputError(f"delay {delay} and rate {rate}: at least one day and a rate of zero or more are needed")
    floor, log_m = float(np.log(NARROWEST)), 0.0
    multipliers = np.empty(len(excess))
    for origin in range(len(excess)):
        settled = origin - delay  # the newest origin whose outcome is known at this close
        if settled >= 0:
            miss = float(excess[settled] > multipliers[settled])
            log_m = max(log_m + rate * (miss - allowed), floor)
        multipliers[origin] = np.exp(log_m)
    return multipliers


def half_widths(path: VolatilityPath, point: Floats, rate: float = RATE) -> dict[float, Floats]:
    """Half width of the interval at every origin of the path, by coverage, wider coverages never inside narrower ones.

    The step shrinks with the square root of the horizon: h late and overlapping misses push the same way, and at the
    full step the interval would swing.

    Args:
        path: the volatility believed, for one horizon.
        point: shape (n_walk,), point forecasts; zero before the first scored day.
        rate: of a one-day horizon, see `conformal_multiplier`.
    """
    step = rate / np.sqrt(path.horizon)
    widths: dict[float, Floats] = {}
    inner = np.zeros(len(path.sigma))
    for coverage in COVERAGES:
        own = path.sigma * t_quantile(coverage, path.df)
        multiplier = conformal_multiplier(np.abs(path.outcome - point) / own, coverage, path.horizon, step)
        inner = np.maximum(multiplier * own, inner)
        widths[coverage] = inner
    return widths


def interval_forecast(path: VolatilityPath, forecasts: Forecasts) -> IntervalForecast:
    """Intervals, densities and their scores for one contestant, and the interval of the day to come.

    Every bound of an origin uses nothing after its close. The calibration begins at the start of the walk, years
    before the first scored day, around a forecast of zero there.

    Args:
        path: from `choose_volatility`, shared by all contestants of a championship.
        forecasts: the contestant's out-of-sample forecasts for the path's horizon.

    Raises:
        InputError: the forecasts are not of this series, not finite, or have no outcome yet.
    """
    rows = _rows(path, forecasts)
    point = np.zeros(len(path.sigma))
    point[rows] = forecasts.forecast
    widths = half_widths(path, point)
    bounds = {
        f"{side}_{_percent(coverage)}": point + sign * widths[coverage]
        for coverage in COVERAGES
        for side, sign in (("lower", -1.0), ("upper", 1.0))
    }
    scored = MappingProxyType({name: column[rows] for name, column in bounds.items()})
    outcome = path.outcome[rows]
    return IntervalForecast(
        bounds=scored,
        densities=MappingProxyType({name: getattr(path, name)[rows] for name in DENSITIES}),
        pit=probability_below(outcome, point[rows], path.sigma[rows], path.df[rows]),
        scores=_scores(path, rows[np.isfinite(outcome)], point, bounds),
        interval=_open_interval(path, widths),
    )


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


def _scores(
    path: VolatilityPath, rows: NDArray[np.intp], point: Floats, bounds: Mapping[str, Floats]
) -> IntervalScores:
    outcome, mean = path.outcome[rows], point[rows]
    numbers: dict[str, float | None] = {}
    notes: dict[str, str] = {}
    for coverage in COVERAGES:
        name = _percent(coverage)
        lower, upper = bounds[f"lower_{name}"][rows], bounds[f"upper_{name}"][rows]
        misses = (outcome < lower) | (outcome > upper)
        numbers[f"coverage_{name}"] = 1.0 - float(misses.mean())
        numbers[f"width_{name}"] = float((upper - lower).mean())
        numbers[f"winkler_{name}"] = float(winkler(outcome, lower, upper, coverage).mean())
        for test, result in _coverage_tests(misses, coverage, path.horizon).items():
            numbers[test] = result.p_value
            notes[test] = result.reason
    score = crps(outcome, mean, path.sigma[rows], path.df[rows])
    benchmark = crps(outcome, mean, path.constant_sigma[rows], path.constant_df[rows])
    numbers["crps"] = float(score.mean())
    skill = score_skill(score, benchmark, path.horizon)
    numbers["crps_skill"], numbers["crps_skill_t"], notes["crps_skill_t"] = skill.skill, skill.t, skill.reason
    return IntervalScores(
        **numbers,  # type: ignore[arg-type]  # the names are those of the fields; a test holds them to it
        volatility_model=path.models[path.model[-1]],
        notes=MappingProxyType({name: reason for name, reason in notes.items() if reason}),
    )


def _coverage_tests(misses: Flags, coverage: float, horizon: int) -> dict[str, TestResult]:
    """The three tests, by the name of their p value."""
    tests = {"kupiec_p": kupiec, "independence_p": independence, "christoffersen_p": conditional_coverage}
    overlap = f"outcomes over {horizon} days overlap, so their misses are not independent even when all is right"
    return {
        f"{name}_{_percent(coverage)}": test(misses, coverage) if horizon == 1 else TestResult(None, None, overlap)
        for name, test in tests.items()
    }


def _percent(coverage: float) -> str:
    return f"{100 * coverage:.0f}"


def _open_interval(path: VolatilityPath, widths: Mapping[float, Floats]) -> Interval:
    return Interval(
        origin=path.origins[-1].item(),
        horizon=path.horizon,
        half_widths={_percent(coverage): float(width[-1]) for coverage, width in widths.items()},
        sigma=float(path.sigma[-1]),
        df=float(path.df[-1]),
        volatility_model=path.models[path.model[-1]],
    )


def next_day(
    series: Series, forecast: float, interval: Interval, model_name: str, model_version: int | None = None
) -> NextDay:
    """The forecast that is still open, made at the last day of a series.

    Args:
        series: whose last day is the interval's origin.
        forecast: log return.
        interval: of the same series, from `interval_forecast`.
        model_name: registered model that forecasts.
        model_version: its version; None before it is registered.
    """
    fall = probability_below(np.zeros(1), np.array([forecast]), np.array([interval.sigma]), np.array([interval.df]))
    return NextDay(
        pair=series.pair,
        origin=interval.origin,
        target_date=date.fromisoformat(str(next_business_day(series.dates[-1], interval.horizon))),
        horizon=interval.horizon,
        close=float(series.closes[-1]),
        forecast=forecast,
        interval=interval,
        model_name=model_name,
        model_version=model_version,
        data_version=data_version(series),
        probability_of_rise=1.0 - float(fall[0]),
    )
