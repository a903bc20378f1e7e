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

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from podium.data.calendar import next_business_day
from podium.data.store import data_version
from podium.errors import InputError
from podium.evaluate.conformal import (
    RATE,
    STATES,
    Learnt,
    conformal_multiplier,
    cut_points,
    learn,
    multiplier,
    state_of,
    volatility_states,
)
from podium.evaluate.density import (
    TAIL_BURN_IN,
    TAILS,
    Flags,
    conditional_coverage,
    crps,
    dynamic_quantile,
    independence,
    kupiec,
    probability_below,
    score_skill,
    t_quantile,
    tail_likelihood,
    winkler,
)
from podium.evaluate.horizons import VolatilityPath, log_mean
from podium.evaluate.significance import TestResult
from podium.evaluate.volatility.walk import BENCHMARK, MODELS, floored
from podium.features import log_returns
from podium.records import Floats, Forecasts, Interval, IntervalState, NextDay, Series

COVERAGES: Final = (0.80, 0.95)
COMBINATION: Final = "log_mean"
COVERED: Final = "coverage_"  # before the name of a metric of `by_volatility`
LEAGUE: Final = "crps_skill_"  # before that of one of `league`


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
        quantile_loss_80: mean loss of its two bounds as quantiles, in log return; lower is better.
        dq_p_80: can a miss be foretold from the misses before it or from the width (Engle and Manganelli)?
        crps_skill: 1 - crps / crps of the same point forecasts with the benchmark's deviation and fitted tails.
        crps_skill_t: t statistic of that difference, HAC.
        volatility_model: the one believed for the next day.
        notes: why a number is missing, by its name.
        benchmark: whose deviation `crps_skill` is measured against.
        by_volatility: share of outcomes inside, by `calm_80` and so on: the thirds of the scored days by the
            volatility that was forecast for them.
        league: `crps_skill` of every volatility model by itself, by its name.
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
    benchmark: str = "constant"  # that of the first release, which recorded none
    quantile_loss_80: float | None = None
    quantile_loss_95: float | None = None
    dq_p_80: float | None = None
    dq_p_95: float | None = None
    by_volatility: Mapping[str, float] = field(default_factory=dict)
    league: Mapping[str, float] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, float]:
        """Every number that could be computed, by the name under which a run records it."""
        own = {f.name: value for f in fields(self) if isinstance(value := getattr(self, f.name), float)}
        return (
            own
            | {f"{COVERED}{name}": share for name, share in self.by_volatility.items()}
            | {f"{LEAGUE}{name}": skill for name, skill in self.league.items()}
        )

    @classmethod
    def recorded(
        cls, metrics: Mapping[str, float], volatility_model: str, notes: Mapping[str, str]
    ) -> IntervalScores | None:
        """What a run's metrics say; None where it recorded no intervals."""
        if "coverage_80" not in metrics:
            return None
        own: dict[str, Any] = {f.name: metrics.get(f.name) for f in fields(cls)}
        league = {model: metrics[f"{LEAGUE}{model}"] for model in MODELS if f"{LEAGUE}{model}" in metrics}
        covered = {
            name: metrics[f"{COVERED}{name}"]
            for state in STATES
            for coverage in COVERAGES
            if f"{COVERED}{(name := f'{state}_{_percent(coverage)}')}" in metrics
        }
        benchmark = BENCHMARK if league else "constant"  # of the first release
        found = {"volatility_model": volatility_model, "notes": notes, "benchmark": benchmark}
        return cls(**{**own, **found, "by_volatility": covered, "league": league})


@dataclass(frozen=True, slots=True)
class IntervalForecast:
    """Intervals and densities of one contestant over the scored days.

    Attributes:
        bounds: `lower_80`, `upper_80`, `lower_95`, `upper_95`, each of shape (n_scored,), in log return.
        densities: `sigma`, `df`, `rolling_sigma`, `rolling_df`, each of shape (n_scored,): with the forecast and
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
    scored = MappingProxyType({name: column[rows] for name, column in bounds.items()})
    outcome, benchmark = path.outcome[rows], path.league[BENCHMARK]
    return IntervalForecast(
        bounds=scored,
        densities=MappingProxyType(
            {
                "sigma": path.sigma[rows],
                "df": path.df[rows],
                f"{BENCHMARK}_sigma": benchmark.sigma[rows],
                f"{BENCHMARK}_df": benchmark.df[rows],
            }
        ),
        pit=probability_below(outcome, point[rows], path.sigma[rows], path.df[rows]),
        scores=_scores(path, rows[np.isfinite(outcome)], point, bounds),
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
    outcome, now = float(returns[-1]), len(returns) - 1
    variance = floored(
        np.array([MODELS[name].run(returns, now, fit, state.variances[name]) for name, fit in state.fits.items()]),
        returns,
    )
    tails = np.array(state.tails) + tail_likelihood(np.array([outcome / interval.sigma]))[0]
    known = state.n_outcomes + 1
    sigma = float(log_mean(tuple(state.fits), np.sqrt(variance))[0])
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
            variances=dict(zip(state.fits, variance[:, 0].tolist(), strict=True)),
            fits=state.fits,
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


def _scores(
    path: VolatilityPath, rows: NDArray[np.intp], point: Floats, bounds: Mapping[str, Floats]
) -> IntervalScores:
    outcome, mean = path.outcome[rows], point[rows]
    numbers: dict[str, float | None] = {}
    notes: dict[str, str] = {}
    by_volatility: dict[str, float] = {}
    thirds = state_of(path.sigma[rows], np.quantile(path.sigma[rows], [1 / 3, 2 / 3]).tolist())
    for coverage in COVERAGES:
        name = _percent(coverage)
        lower, upper = bounds[f"lower_{name}"][rows], bounds[f"upper_{name}"][rows]
        misses = (outcome < lower) | (outcome > upper)
        numbers[f"coverage_{name}"] = 1.0 - float(misses.mean())
        numbers[f"width_{name}"] = float((upper - lower).mean())
        numbers[f"winkler_{name}"] = score = float(winkler(outcome, lower, upper, coverage).mean())
        numbers[f"quantile_loss_{name}"] = score * (1.0 - coverage) / 4  # the same sum, weighted as quantiles are
        for test, result in _coverage_tests(misses, upper - lower, coverage, path.horizon).items():
            numbers[test] = result.p_value
            notes[test] = result.reason
        by_volatility |= {
            f"{state}_{name}": 1.0 - float(misses[thirds == row].mean())
            for row, state in enumerate(STATES)
            if (thirds == row).any()
        }
    scores = {name: crps(outcome, mean, density.sigma[rows], density.df[rows]) for name, density in path.league.items()}
    own = crps(outcome, mean, path.sigma[rows], path.df[rows])
    numbers["crps"] = float(own.mean())
    skill = score_skill(own, scores[BENCHMARK], path.horizon)
    numbers["crps_skill"], numbers["crps_skill_t"], notes["crps_skill_t"] = skill.skill, skill.t, skill.reason
    return IntervalScores(
        **numbers,  # type: ignore[arg-type]  # the names are those of the fields; a test holds them to it
        volatility_model=COMBINATION,
        benchmark=BENCHMARK,
        notes=MappingProxyType({name: reason for name, reason in notes.items() if reason}),
        by_volatility=by_volatility,
        league={name: 1.0 - float(score.mean() / scores[BENCHMARK].mean()) for name, score in scores.items()},
    )


def _coverage_tests(misses: Flags, width: Floats, coverage: float, horizon: int) -> dict[str, TestResult]:
    """The four tests, by the name of their p value."""
    tests: dict[str, Callable[[], TestResult]] = {
        "kupiec_p": lambda: kupiec(misses, coverage),
        "independence_p": lambda: independence(misses, coverage),
        "christoffersen_p": lambda: conditional_coverage(misses, coverage),
        "dq_p": lambda: dynamic_quantile(misses, width, coverage),
    }
    overlap = f"outcomes over {horizon} days overlap, so their misses are not independent even when all is right"
    return {
        f"{name}_{_percent(coverage)}": test() if horizon == 1 else TestResult(None, None, overlap)
        for name, test in tests.items()
    }


def _percent(coverage: float) -> str:
    return f"{100 * coverage:.0f}"


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
