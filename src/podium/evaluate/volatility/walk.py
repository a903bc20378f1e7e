"""Every volatility model over a whole series, each day's forecast from that day and earlier ones only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from podium.errors import InputError
from podium.evaluate.volatility.constant import Constant, mean_square
from podium.evaluate.volatility.contract import MAX_FIT, MIN_FIT, MIN_HISTORY, Numbers, VolatilityModel
from podium.evaluate.volatility.ewma import Ewma
from podium.evaluate.volatility.garch import Garch
from podium.evaluate.volatility.gjr import Gjr
from podium.evaluate.volatility.har import Har
from podium.evaluate.volatility.rolling import Rolling
from podium.records import Dates, Floats

MODELS: Final[dict[str, VolatilityModel]] = {
    model.name: model for model in (Constant(), Rolling(), Ewma(), Garch(), Gjr(), Har())
}
BENCHMARK: Final = Rolling.name
WARM_UP_STEP: Final = 252  # days between two refits before the scored days, which are walked only to calibrate
FLOOR: Final = 0.05  # of the constant deviation: a currency that stands still for a month is not riskless


@dataclass(frozen=True, slots=True)
class VolatilityWalk:
    """One-day-ahead volatility at every origin of a series; made once a championship.

    Row j of the arrays of shape (n_models, n_walk) is the forecast made at the close of day `start + j`; the
    last one, made at the last day of the series, is for the day that is still to come.

    Attributes:
        dates: shape (n_days,), `datetime64[D]`, the day of each return.
        returns: shape (n_days,), log return of each day over the one before.
        start: position in `returns` of the first origin with a forecast.
        refits: positions in `returns` of the origins at whose close models are fitted.
        models: those that take part, by name, in the order of `MODELS`.
        variance: shape (n_models, n_walk), forecast variance of the next day's return.
        persistence: shape (n_models, n_walk), share of a shock to the variance that is left a day later; 1 is for ever.
        long_run: shape (n_models, n_walk), variance to which the forecast reverts; 0 where it does not.
        fits: parameters of the last fit of each model.
    """

    dates: Dates
    returns: Floats
    start: int
    refits: tuple[int, ...]
    models: tuple[str, ...]
    variance: Floats
    persistence: Floats
    long_run: Floats
    fits: tuple[Numbers, ...]


Column = tuple[Floats, Numbers]
"""One model's rows `variance`, `persistence` and `long_run` of a walk, shape (3, n_walk), and its last fit."""


def volatility_walk(
    returns: Floats,
    dates: Dates,
    first_scored: np.datetime64,
    refit_every: int,
    before: VolatilityWalk | None = None,
) -> VolatilityWalk:
    """Forecast the next day's volatility at the close of every day, each time from that day and earlier ones only.

    The walk begins years before the scored days, refitting once a year there, so that intervals are calibrated on
    forecasts that were themselves out of sample.

    Args:
        returns: shape (n_days,), log returns.
        dates: shape (n_days,), the day of each return, strictly increasing.
        first_scored: first scored origin, the day at whose close the first scored forecast is made.
        refit_every: scored days between two fits, as for the contestants; 0 fits once.
        before: the walk of some earlier end of the series; fits up to its last one are not made again where they would
            be the same.

    Raises:
        InputError: the arrays do not fit together, `first_scored` is not among the days, fewer than 60 returns come
            before it, or all of them are zero.
    """
    returns = np.asarray(returns, dtype=np.float64)
    first = _first_position(returns, dates, first_scored, refit_every)
    refits = _refit_positions(first, len(returns), refit_every)
    start = refits[0]
    if not returns[: start + 1].any():
        raise InputError(
            f"the {start + 1} returns up to {dates[start]} are all zero: a constant series has no volatility; "
            "leave this pair out"
        )
    known = _columns(before) if before and _begins(before, returns, refits) else {}
    found = {name: _column(model, returns, refits, first + 1, known.get(name)) for name, model in MODELS.items()}
    columns = {name: column for name, column in found.items() if column is not None}
    variance, persistence, long_run = np.stack([rows for rows, _ in columns.values()], axis=1)
    return VolatilityWalk(
        dates=dates,
        returns=returns,
        start=start,
        refits=tuple(refits),
        models=tuple(columns),
        variance=variance,
        persistence=persistence,
        long_run=long_run,
        fits=tuple(numbers for _, numbers in columns.values()),
    )


def walk_on(walk: VolatilityWalk, returns: Floats, dates: Dates) -> VolatilityWalk:
    """The walk over the same days and those that came since: every model goes on as it was last fitted.

    Args:
        walk: of the first days.
        returns: shape (n_days,), log returns, at first those of the walk.
        dates: shape (n_days,), the day of each.
    """
    n_new = len(returns) - len(walk.returns)
    fits = dict(zip(walk.models, walk.fits, strict=True))
    variance = [*walk.variance.T]
    for n_known in range(len(walk.returns) + 1, len(returns) + 1):
        variance.append(variance_now(fits, variance[-1], returns[:n_known]))
    as_fitted = ((0, 0), (0, n_new))
    return replace(
        walk,
        dates=dates,
        returns=returns,
        variance=np.column_stack(variance),
        persistence=np.pad(walk.persistence, as_fitted, mode="edge"),
        long_run=np.pad(walk.long_run, as_fitted, mode="edge"),
    )


def variance_now(fits: Mapping[str, Numbers], before: Sequence[float] | Floats, returns: Floats) -> Floats:
    """What every model forecasts at the last day, shape (n_models,).

    Args:
        fits: parameters of each model, by name.
        before: what each forecast at the day before.
        returns: shape (n_days,), all log returns so far.
    """
    now = len(returns) - 1
    found = [
        MODELS[name].run(returns, now, fit, float(last)) for (name, fit), last in zip(fits.items(), before, strict=True)
    ]
    return floored(np.array(found), returns)[:, 0]


def floored(variance: Floats, returns: Floats) -> Floats:
    """The variances, shape (n_models, n), of the last n days of `returns`, none of which is called riskless."""
    return np.maximum(variance, FLOOR**2 * mean_square(returns)[-variance.shape[1] :])


def _columns(walk: VolatilityWalk) -> dict[str, Column]:
    """Each model's column up to the last refit, with the parameters that were in force then."""
    kept = np.stack([walk.variance, walk.persistence, walk.long_run], axis=1)[..., : walk.refits[-1] - walk.start]
    return dict(zip(walk.models, zip(kept, walk.fits, strict=True), strict=True))


def _begins(before: VolatilityWalk, returns: Floats, refits: list[int]) -> bool:
    """Whether a walk is the first part of that over these returns with these refits."""
    n_known, n_fits = len(before.returns), len(before.refits)
    return np.array_equal(before.returns, returns[:n_known]) and before.refits == tuple(refits[:n_fits])


def _column(
    model: VolatilityModel, returns: Floats, refits: list[int], n_before: int, known: Column | None
) -> Column | None:
    """One model from the first refit to the last day; None where it has too few days or cannot be fitted."""
    start = refits[0]
    if n_before < model.min_history:
        return None
    rows = np.empty((3, len(returns) - start))
    numbers: Numbers | None = None
    before, n_kept = float("nan"), 0
    if known is not None and (n_kept := known[0].shape[1]):
        rows[:, :n_kept], numbers = known
        before = float(rows[0, n_kept - 1])
    for begin, end in pairwise([*(day for day in refits if day >= start + n_kept), len(returns)]):
        fresh = model.fit(returns[: begin + 1][-MAX_FIT:])
        if fresh is not None:
            numbers, before = fresh.numbers, before if fresh.variance is None else fresh.variance
        elif numbers is None:
            return None
        block = slice(begin - start, end - start)  # after a failed fit the last good parameters go on
        rows[0, block] = floored(model.run(returns[:end], begin, numbers, before)[None], returns[:end])
        rows[1:, block] = np.transpose([model.reversion(numbers)])
        before = float(rows[0, end - start - 1])
    return rows, numbers or {}


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
            "for a volatility; score later days"
        )
    return first


def _refit_positions(first: int, n_days: int, refit_every: int) -> list[int]:
    """Origins at whose close models are fitted: as the contestants are, and yearly before them.

    They are counted from the beginning of the series, so that they stay where they are while it grows. The first of
    them begins the walk; where a fit has too few days, it begins as soon as anything can be said.
    """
    anchored = range(MIN_FIT - 1, n_days, refit_every) if refit_every else range(0)
    scored = max((day for day in anchored if day <= first), default=first)
    before = range(scored, MIN_FIT - 2, -WARM_UP_STEP)
    early = () if before else (MIN_HISTORY - 1,)
    return sorted({scored, *early, *before, *(day for day in anchored if day > scored)})
