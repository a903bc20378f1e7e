"""Further ahead than tomorrow: the return over h days, its volatility, and which volatility model to believe.

The outcome of an origin is the sum of the next h log returns, known h days later. Everything that learns from outcomes
(the choice of a volatility model, the tails, the intervals) therefore learns them h days late, and never earlier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.errors import InputError
from podium.evaluate.density import crps
from podium.evaluate.volatility import VolatilityWalk, tail_df
from podium.records import Dates, Floats

HORIZONS: Final = (1, 5, 20)  # a day, a week, a month of trading days
MAX_HORIZON: Final = 60


@dataclass(frozen=True, slots=True)
class VolatilityPath:
    """The volatility believed at every origin of a walk, for one horizon; shared by all contestants.

    Row j belongs to the origin `start + j` of the walk; the last row is the forecast that is still open.

    Attributes:
        horizon: trading days from origin to outcome.
        origins: shape (n_walk,), `datetime64[D]`.
        outcome: shape (n_walk,), log return over the horizon; NaN while it is to come.
        model: shape (n_walk,), position in `models` of the one believed at each origin.
        models: names of the volatility models.
        sigma: shape (n_walk,), its forecast standard deviation of the outcome.
        df: shape (n_walk,), degrees of freedom of its Student's t.
        constant_sigma: shape (n_walk,), the same of constant volatility, the benchmark.
        constant_df: shape (n_walk,).
    """

    horizon: int
    origins: Dates
    outcome: Floats
    model: NDArray[np.intp]
    models: tuple[str, ...]
    sigma: Floats
    df: Floats
    constant_sigma: Floats
    constant_df: Floats


def direct_target(returns: Floats, horizon: int) -> Floats:
    """What a direct h-day forecast is made of: the sum of the `horizon` returns after each day.

    A model trained at the close of day t for this target may use only origins up to day t - horizon.

    Args:
        returns: shape (n_days,), log returns.
        horizon: trading days ahead, 1 to 60.

    Returns:
        shape (n_days,), NaN in the last `horizon` places, which are still to come.
    """
    if not 1 <= horizon <= MAX_HORIZON:
        raise InputError(f"horizon {horizon}: it must be between 1 and {MAX_HORIZON} trading days")
    target = np.full(len(returns), np.nan)
    if horizon < len(returns):
        windows = np.lib.stride_tricks.sliding_window_view(returns[1:], horizon)  # (n_days - horizon, horizon)
        target[:-horizon] = windows.sum(axis=1)
    return target


def sigma_at(walk: VolatilityWalk, horizon: int) -> Floats:
    """Standard deviation of the h-day return, shape (n_models, n_walk).

    The sum of the daily variances expected on the way, long_run + persistence^k (variance - long_run) for the day
    after next k: the term structure of GARCH(1,1), and the square root of time where nothing reverts.
    """
    total = np.zeros_like(walk.variance)
    for step in range(horizon):
        total += walk.long_run + walk.persistence**step * (walk.variance - walk.long_run)
    return np.sqrt(total)


def choose_volatility(walk: VolatilityWalk, horizon: int = 1) -> VolatilityPath:
    """At every origin believe the volatility model with the lowest CRPS so far.

    The sum runs over all origins of the walk whose outcome was known at that close: those at least `horizon` days
    old. Before the first outcome the constant model stands. Point forecasts take no part (they are zero here), so
    the choice is the same for all contestants.

    Args:
        walk: from `volatility_walk`.
        horizon: trading days from origin to outcome.

    Raises:
        InputError: the horizon is not between 1 and 60 days, or no outcome is known.
    """
    outcome = direct_target(walk.returns, horizon)[walk.start :]  # (n_walk,)
    known = np.isfinite(outcome)
    if not known.any():
        raise InputError(f"horizon {horizon}: the series ends before a single outcome is known")
    sigma = sigma_at(walk, horizon)  # (n_models, n_walk)
    df = np.array([tail_df(outcome / row, horizon) for row in sigma])
    if horizon == 1 and "garch" in walk.models:  # which brings its own tails for the next day
        df[walk.models.index("garch")] = walk.fitted_df
    scores = np.zeros_like(sigma)
    scores[:, known] = crps(outcome[known], np.zeros(1), sigma[:, known], df[:, known])
    believed = np.zeros(len(outcome), dtype=np.intp)
    believed[horizon:] = np.argmin(np.cumsum(scores, axis=1), axis=0)[:-horizon]
    rows = np.arange(len(outcome))
    return VolatilityPath(
        horizon=horizon,
        origins=walk.dates[walk.start :],
        outcome=outcome,
        model=believed,
        models=walk.models,
        sigma=sigma[believed, rows],
        df=df[believed, rows],
        constant_sigma=sigma[0],
        constant_df=df[0],
    )
