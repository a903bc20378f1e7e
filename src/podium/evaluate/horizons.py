"""Further ahead than tomorrow: the return over h days, and the volatility that is believed for it.

The outcome of an origin is the sum of the next h log returns, known h days later. Everything that learns from outcomes
(the tails, the intervals) therefore learns them h days late, and never earlier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from podium.errors import InputError
from podium.evaluate.density import tail_df
from podium.evaluate.volatility.aftershock import lifts, shaken
from podium.evaluate.volatility.constant import Constant
from podium.evaluate.volatility.walk import VolatilityWalk
from podium.records import Dates, Floats
from podium.settings.kinds import MAX_HORIZON

HORIZONS: Final = (1, 5, 20)  # a day, a week, a month of trading days
COMBINATION: Final = "log_mean"  # what all volatility models believe together, by the name of its rule


@dataclass(frozen=True, slots=True)
class Density:
    """A Student's t at every origin of a walk.

    Attributes:
        sigma: shape (n_walk,), forecast standard deviation of the outcome.
        df: shape (n_walk,), degrees of freedom, learnt from the outcomes known at that origin.
    """

    sigma: Floats
    df: Floats


@dataclass(frozen=True, slots=True)
class VolatilityPath:
    """The volatility believed at every origin of a walk, for one horizon; shared by all contestants.

    Row j belongs to the origin `start + j` of the walk; the last row is the forecast that is still open.

    Attributes:
        horizon: trading days from origin to outcome.
        origins: shape (n_walk,), `datetime64[D]`.
        outcome: shape (n_walk,), log return over the horizon; NaN while it is to come.
        walk: of which it was made.
        sigma: shape (n_walk,), the believed standard deviation of the outcome.
        lift: what the models' own belief is multiplied with from the last refit on, on the day after a shock.
        df: shape (n_walk,), degrees of freedom of its Student's t.
        league: the density of every model by itself, `BENCHMARK` among them.
    """

    horizon: int
    origins: Dates
    outcome: Floats
    walk: VolatilityWalk
    sigma: Floats
    lift: float
    df: Floats
    league: Mapping[str, Density]

    @property
    def refits(self) -> tuple[int, ...]:
        """Rows at whose close models were fitted, the first of them 0."""
        return tuple(position - self.walk.start for position in self.walk.refits)


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


def believed_volatility(walk: VolatilityWalk, horizon: int = 1) -> VolatilityPath:
    """The mean of the logarithms of all models' deviations, wider after a shock, with tails learnt from outcomes.

    Fixed volatility takes no part where others can. Tails and lift see only outcomes known at the origin: those at
    least `horizon` days old. Point forecasts take no part (they are zero here), so it is the same for all contestants.

    Args:
        walk: from `volatility_walk`.
        horizon: trading days from origin to outcome.

    Raises:
        InputError: the horizon is not between 1 and 60 days, or no outcome is known.
    """
    outcome = direct_target(walk.returns, horizon)[walk.start :]  # (n_walk,)
    if not np.isfinite(outcome).any():
        raise InputError(f"horizon {horizon}: the series ends before a single outcome is known")
    sigma = sigma_at(walk, horizon)  # (n_models, n_walk)
    plain, day_ahead = log_mean(walk.models, sigma), log_mean(walk.models, np.sqrt(walk.variance))
    after = np.append(False, shaken(walk.returns[walk.start + 1 :], day_ahead[:-1]))
    refits = [position - walk.start for position in walk.refits]
    lift = lifts(np.abs(outcome) / plain, after, refits, horizon)
    believed = np.where(after, lift, 1.0) * plain
    league = {name: Density(row, tail_df(outcome / row, horizon)) for name, row in zip(walk.models, sigma, strict=True)}
    return VolatilityPath(
        horizon=horizon,
        origins=walk.dates[walk.start :],
        outcome=outcome,
        walk=walk,
        sigma=believed,
        lift=float(lift[-1]),
        df=tail_df(outcome / believed, horizon),
        league=MappingProxyType(league),
    )


def log_mean(models: Sequence[str], sigma: Floats) -> Floats:
    """Geometric mean of the deviations of all models but the constant one; of shape (n_models, n) to (n,)."""
    members = [row for row, name in enumerate(models) if name != Constant.name]
    return np.asarray(np.exp(np.log(sigma[members]).mean(axis=0)))
