"""How far tomorrow may move: one-day-ahead volatility, forecast for every day from what was known the day before.

Three forecasters, walked once over a series and shared by all contestants of a championship:

    constant   root mean square of all returns so far
    ewma       RiskMetrics (J.P. Morgan 1996): v(t+1) = 0.94 v(t) + 0.06 r(t)²
    garch      GARCH(1,1) with Student's t (Bollerslev 1987), refitted like the contestants, filtered in between

All three forecast a Student's t, so what separates them is the volatility alone and never the shape of the tails.
The mean is taken as zero: over a day it is a hundredth of the deviation, and estimating it costs more than it brings.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.errors import InputError
from podium.records import Dates, Floats

MODELS: Final = ("constant", "ewma", "garch")
EWMA_DECAY: Final = 0.94
MIN_HISTORY: Final = 60  # returns before the first volatility forecast
MIN_GARCH_HISTORY: Final = 250  # returns before the first GARCH fit: about a year
WARM_UP_STEP: Final = 252  # days between two refits before the scored window, which is walked only to calibrate
EWMA_FLOOR: Final = 0.05  # of the constant volatility: a currency that stands still for a month is not riskless
TAIL_BURN_IN: Final = 20  # outcomes before their likelihood is heard
TAILS: Final = np.array([3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0, 20.0, 30.0, 50.0, 200.0])


@dataclass(frozen=True, slots=True)
class VolatilityWalk:
    """One-day-ahead volatility at every origin of a series; made once a championship.

    Row j of the arrays of shape (n_models, n_walk) is the forecast made at the close of day `start + j`; the
    last one, made at the last day of the series, is for the day that is still to come.

    Attributes:
        dates: shape (n_days,), `datetime64[D]`, the day of each return.
        returns: shape (n_days,), log return of each day over the one before.
        start: position in `returns` of the first origin with a forecast.
        models: those that take part, a subset of `MODELS`, `constant` first.
        variance: shape (n_models, n_walk), forecast variance of the next day's return.
        persistence: shape (n_models, n_walk), share of a shock to the variance that is left a day later; 1 is for ever.
        long_run: shape (n_models, n_walk), variance to which the forecast reverts; 0 where it does not.
        fitted_df: shape (n_walk,), degrees of freedom that the GARCH fits found; NaN without GARCH.
    """

    dates: Dates
    returns: Floats
    start: int
    models: tuple[str, ...]
    variance: Floats
    persistence: Floats
    long_run: Floats
    fitted_df: Floats


@dataclass(frozen=True, slots=True)
class _Garch:
    omega: float
    alpha: float
    beta: float
    df: float
    variance: float  # of the last day that the fit saw

    @property
    def persistence(self) -> float:
        return self.alpha + self.beta

    @property
    def long_run(self) -> float:
        left = 1.0 - self.persistence
        return self.omega / left if left > 1e-6 else 0.0  # an integrated GARCH reverts nowhere


def volatility_walk(returns: Floats, dates: Dates, first_scored: np.datetime64, refit_every: int) -> VolatilityWalk:
    """Forecast the next day's volatility at the close of every day, each time from that day and earlier ones only.

    The walk begins years before the scored window, refitting once a year there, so that intervals are calibrated and
    the volatility model is chosen on forecasts that were themselves out of sample.

    Args:
        returns: shape (n_days,), log returns.
        dates: shape (n_days,), the day of each return, strictly increasing.
        first_scored: first scored origin, the day at whose close the first scored forecast is made.
        refit_every: scored days between two GARCH fits, as for the contestants; 0 fits once.

    Raises:
        InputError: the arrays do not fit together, `first_scored` is not among the days, fewer than 60 returns come
            before it, or all of them are zero.
    """
    returns = np.asarray(returns, dtype=np.float64)
    first = _first_position(returns, dates, first_scored, refit_every)
    refits = _refit_positions(first, len(returns), refit_every)
    garch = _garch_columns(returns, refits)
    start = refits[0] if garch is not None else MIN_HISTORY - 1
    if not returns[: start + 1].any():
        raise InputError(
            f"the {start + 1} returns up to {dates[start]} are all zero: a constant series has no volatility; "
            "leave this pair out"
        )
    constant = constant_variance(returns)
    simple = np.array([constant, ewma_variance(returns, constant)])[:, start:]  # (2, n_walk)
    columns = np.array([simple, np.ones_like(simple), np.zeros_like(simple)])  # (3, 2, n_walk)
    fitted_df = np.full(simple.shape[1], np.nan)
    if garch is not None:
        columns, fitted_df = np.concatenate([columns, garch[:3, None]], axis=1), garch[3]
    variance, persistence, long_run = columns
    models = MODELS[: len(variance)]
    return VolatilityWalk(dates, returns, start, models, variance, persistence, long_run, fitted_df)


def constant_variance(returns: Floats) -> Floats:
    """Mean square of all returns so far, shape (n_days,): the forecast of somebody who believes volatility is fixed."""
    days = np.arange(1, len(returns) + 1)
    return np.asarray(np.cumsum(returns * returns) / days)


def ewma_variance(returns: Floats, constant: Floats, decay: float = EWMA_DECAY) -> Floats:
    """Exponentially weighted mean of squared returns, v(t+1) = decay v(t) + (1 - decay) r(t)².

    Args:
        returns: shape (n_days,).
        constant: shape (n_days,), from `constant_variance`; the deviation never falls below a twentieth of its root.
        decay: weight of the past; 0.94 for daily data in RiskMetrics, an average age of 16 days.

    Returns:
        shape (n_days,), element t is the forecast for day t + 1.
    """
    forecasts = np.empty_like(returns)
    level = float(returns[0] ** 2)
    for day, value in enumerate(returns):
        level = decay * level + (1.0 - decay) * float(value) ** 2
        forecasts[day] = level
    return np.maximum(forecasts, EWMA_FLOOR**2 * constant)


def tail_df(standardised: Floats, delay: int = 1) -> Floats:
    """Degrees of freedom of Student's t that made the outcomes known so far most likely, for each origin.

    Args:
        standardised: shape (n_origins,), outcome of each origin over its forecast deviation; NaN where unknown.
        delay: days from an origin to its outcome: the value at origin t rests on origins t - delay and before.

    Returns:
        shape (n_origins,), one of `TAILS`; the middle of the grid, 8, until 20 outcomes are known.
    """
    from scipy.special import gammaln

    squares = np.square(np.nan_to_num(standardised))[:, None]  # (n_origins, 1)
    df = TAILS[None, :]  # (1, n_tails)
    log_density = (
        gammaln((df + 1) / 2)
        - gammaln(df / 2)
        - 0.5 * np.log(np.pi * (df - 2))
        - (df + 1) / 2 * np.log1p(squares / (df - 2))
    )
    log_density[~np.isfinite(standardised)] = 0.0
    best = TAILS[np.argmax(np.cumsum(log_density, axis=0), axis=1)]
    known = np.full(len(best), TAILS[len(TAILS) // 2])
    known[delay + TAIL_BURN_IN :] = best[TAIL_BURN_IN:-delay]
    return known


def _first_position(returns: Floats, dates: Dates, first_scored: np.datetime64, refit_every: int) -> int:
    if returns.shape != dates.shape or returns.ndim != 1:
        raise InputError(f"{len(returns)} returns and {len(dates)} dates: one date a return is needed")
    if not np.isfinite(returns).all():
        raise InputError("returns must be finite; check the series for missing or non-positive closes")
    if refit_every < 0:
        raise InputError(f"refit_every = {refit_every}: a number of days is needed, or 0 to fit once")
    first = int(np.searchsorted(dates, first_scored))
    if first >= len(dates) or dates[first] != first_scored:
        raise InputError(f"the first scored origin {first_scored} is not a day of the series")
    if first + 1 < MIN_HISTORY:
        raise InputError(
            f"{first + 1} returns up to the first scored origin {first_scored}: at least {MIN_HISTORY} are needed "
            "for a volatility; score a later window"
        )
    return first


def _refit_positions(first: int, n_days: int, refit_every: int) -> list[int]:
    """Origins at whose close GARCH is fitted: yearly up to the scored window, then as the contestants are."""
    before = range(first, MIN_GARCH_HISTORY - 2, -WARM_UP_STEP)
    after = range(first, n_days, refit_every) if refit_every else ()
    return sorted({first, *before, *after})


def _garch_columns(returns: Floats, refits: list[int]) -> Floats | None:
    """Variance, persistence, long-run variance and degrees of freedom from the first refit on, shape (4, n_walk).

    None where the history is too short, or the first fit does not converge.
    """
    if refits[0] + 1 < MIN_GARCH_HISTORY:
        return None
    columns = np.empty((4, len(returns) - refits[0]))
    model: _Garch | None = None
    for begin, end in pairwise([*refits, len(returns)]):
        fresh = _fit_garch(returns[: begin + 1])
        if fresh is not None:
            model, variance = fresh, fresh.variance
        elif model is None:
            return None
        else:  # the last good parameters go on from where they stand
            variance = float(columns[0, begin - refits[0] - 1])
        _filter(returns[begin:end], model, variance, columns[:, begin - refits[0] : end - refits[0]])
    return columns


def _filter(returns: Floats, model: _Garch, variance: float, out: NDArray[np.float64]) -> None:
    """Run v(t+1) = omega + alpha r(t)² + beta v(t) with fixed parameters; `variance` is the first day's own."""
    for day, value in enumerate(returns):
        variance = model.omega + model.alpha * float(value) ** 2 + model.beta * variance
        out[0, day] = variance
    out[1], out[2], out[3] = model.persistence, model.long_run, model.df


def _fit_garch(returns: Floats) -> _Garch | None:
    """Maximum likelihood on returns scaled to unit variance, as the optimiser likes them; None if it fails."""
    from arch.univariate import GARCH, StudentsT, ZeroMean

    scale = float(np.sqrt(np.mean(returns * returns)))
    if scale == 0.0:
        return None
    recipe = ZeroMean(returns / scale, volatility=GARCH(p=1, q=1), distribution=StudentsT(), rescale=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # trial steps of the optimiser overflow; the outcome is checked below
        result = recipe.fit(disp="off", show_warning=False)
    numbers = np.asarray(result.params, dtype=np.float64)
    last = float(np.asarray(result.conditional_volatility)[-1])
    if result.convergence_flag != 0 or not np.isfinite([*numbers, last]).all():
        return None
    omega, alpha, beta, df = (float(number) for number in numbers)
    return _Garch(omega * scale**2, alpha, beta, df, (last * scale) ** 2)
