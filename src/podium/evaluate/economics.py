"""What trading the sign of a forecast would have earned, net of costs.

The position taken at the origin's close is +1 where the forecast is above zero, -1 below, 0 at zero, held to the next
close. Changing it costs `cost_bps` for each unit of it: half the spread plus slippage, so a turn from long to short
pays twice. The interest that a position earns or pays overnight is not in a series of rates and is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from podium.errors import InputError
from podium.evaluate.significance import MIN_DAYS, standard_error
from podium.records import Floats

DAYS_A_YEAR: Final = 252
COST_BPS: Final = 1.0  # of a liquid pair between banks; a retail account pays several times that
BASIS_POINT: Final = 1e-4
COVERAGE: Final = 0.95  # of the interval of a Sharpe ratio


@dataclass(frozen=True, slots=True)
class Sharpe:
    """Annualised mean over deviation, with the interval that this many days allow.

    Attributes:
        ratio: √252 times the daily ratio; None, like its interval, where `reason` says why.
        lower: lower end of the confidence interval.
        upper: upper end.
        reason: empty where the ratio can be computed.
    """

    ratio: float | None
    lower: float | None
    upper: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Track:
    """One way of holding the currency over the scored days.

    Attributes:
        net: shape (n_days,), simple return of each day after costs.
        wealth: shape (n_days,), 1 invested at the start, compounded.
        annual_return: mean of `net` times 252.
        sharpe: annualised, net of costs.
        max_drawdown: largest fall of wealth from its peak, 0 to 1.
        turnover: units of position changed a year; 504 is a full turn every day.
    """

    net: Floats
    wealth: Floats
    annual_return: float
    sharpe: Sharpe
    max_drawdown: float
    turnover: float


@dataclass(frozen=True, slots=True)
class Economics:
    """Trading the sign, beside holding the base currency throughout and beside doing nothing.

    Attributes:
        sign: trading the sign of the forecast.
        hold: long from the first day to the last.
        flat: no position, no return.
        break_even_bps: cost at which `sign` earns nothing, gross profit over turnover; negative when it loses before
            any cost, None when it never trades.
        days_long: share of the days with a long position.
    """

    sign: Track
    hold: Track
    flat: Track
    break_even_bps: float | None
    days_long: float


def trade_the_sign(actual: Floats, forecast: Floats, cost_bps: float = COST_BPS) -> Economics:
    """Economics of a contestant's forecasts of the next day over consecutive scored days.

    Args:
        actual: shape (n_days,), realised log returns.
        forecast: shape (n_days,), forecast log returns, each made at the close before.
        cost_bps: basis points for each unit of position changed, opening included.

    Raises:
        InputError: the arrays do not match or are empty or not finite, or the cost is negative.
    """
    if actual.shape != forecast.shape or actual.ndim != 1 or len(actual) == 0:
        raise InputError(
            f"{len(actual)} outcomes and {len(forecast)} forecasts: as many of each are needed, at least 1"
        )
    if not (np.isfinite(actual).all() and np.isfinite(forecast).all()):
        raise InputError("outcomes and forecasts must be finite to be traded")
    if not (np.isfinite(cost_bps) and cost_bps >= 0):
        raise InputError(f"cost of {cost_bps} basis points: zero or more is needed")
    simple = np.expm1(actual)
    position = np.sign(forecast)
    gross, traded = float((position * simple).sum()), float(_changes(position).sum())
    return Economics(
        sign=_track(simple, position, cost_bps),
        hold=_track(simple, np.ones_like(simple), cost_bps),
        flat=_track(simple, np.zeros_like(simple), cost_bps),
        break_even_bps=gross / traded / BASIS_POINT if traded else None,
        days_long=float((position > 0).mean()),
    )


def sharpe_ratio(net: Floats) -> Sharpe:
    """Annualised Sharpe ratio with the confidence interval of Lo (2002), section on non-iid returns.

    The ratio is a smooth function of the first two moments; the delta method with their HAC long-run covariance allows
    for fat tails, skew and clustered volatility, in closed form. With S = mean / deviation, its influence on day t is
    z - S z² / 2 + S / 2, where z is that day's standardised return; for normal independent returns the variance becomes
    his (1 + S² / 2) / n.

    Args:
        net: shape (n_days,), daily returns.
    """
    from scipy.special import ndtri

    deviation = float(net.std())
    if len(net) < MIN_DAYS:
        return Sharpe(None, None, None, f"{len(net)} scored days, {MIN_DAYS} are needed")
    if not deviation > 1e-12:
        return Sharpe(None, None, None, "the returns do not vary")
    standardised = (net - net.mean()) / deviation
    daily = float(net.mean()) / deviation
    influence = standardised - daily / 2.0 * (np.square(standardised) - 1.0)
    error = standard_error(influence, math.ceil(len(net) ** (1 / 3)))
    reach = float(ndtri((1.0 + COVERAGE) / 2.0)) * error
    year = np.sqrt(DAYS_A_YEAR)
    return Sharpe(float(year * daily), float(year * (daily - reach)), float(year * (daily + reach)))


def max_drawdown(wealth: Floats) -> float:
    """Largest fall from a peak as a share of it; the starting capital of 1 counts as a peak."""
    path = np.concatenate([[1.0], wealth])
    return float((1.0 - path / np.maximum.accumulate(path)).max())


def _changes(position: Floats) -> Floats:
    """Units of position changed at each origin; the first opens from flat."""
    return np.abs(np.diff(position, prepend=0.0))


def _track(simple: Floats, position: Floats, cost_bps: float) -> Track:
    traded = _changes(position)
    net = position * simple - cost_bps * BASIS_POINT * traded
    wealth: Floats = np.cumprod(1.0 + net, dtype=np.float64)
    return Track(
        net=net,
        wealth=wealth,
        annual_return=float(net.mean()) * DAYS_A_YEAR,
        sharpe=sharpe_ratio(net),
        max_drawdown=max_drawdown(wealth),
        turnover=float(traded.mean()) * DAYS_A_YEAR,
    )
