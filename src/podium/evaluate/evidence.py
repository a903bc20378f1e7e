"""What the days since the title say about the champion and each of its rivals.

Evidence is a record that only grows: the forecasts made at each origin as they were made, never made again. A
confidence sequence over it (`lower_sequence`) may be looked at after every championship.

What is compared are squared errors in units of the day's variance, as far as that was known beforehand, of outcomes
capped at five of its deviations. Without the weights a violent year outvotes ten calm ones, and without the cap one
day a decade: the sequence would call the bolder model better while its blow-up has not come yet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from podium.evaluate.baselines import RANDOM_WALK
from podium.evaluate.confidence_sequence import MIN_DAYS, days_until_proven, lower_sequence
from podium.records import Floats, Forecasts

CAP = 5.0
"""An outcome beyond so many deviations counts as so many."""
DECAY = 0.97  # of the weights of past squares: a month or so
FLOOR = 0.2  # of the plain mean: a peg that stands still for weeks is not believed to stand still for ever
WARM_UP = 20  # days; before them the volatility is not known


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the days since the title say about one rival of the champion.

    Attributes:
        rival: a challenger, or `random_walk`.
        champion: who held the title before this championship.
        n_days: days since the title on which both made a forecast.
        mean_difference: mean of (champion's error)² - (rival's error)², from day `MIN_DAYS` on
            `weighed` and times the mean squared outcome; above 0 the rival is better. None without days.
        lower: the confidence sequence's lower bound of it; None where nothing can be said.
        p_value: anytime-valid; None where nothing can be said.
        alpha: what the p-value must not exceed.
        reason: why nothing can be said; empty where it can.
    """

    rival: str
    champion: str
    n_days: int
    mean_difference: float | None
    lower: float | None
    p_value: float | None
    alpha: float
    reason: str = ""

    @property
    def decisive(self) -> bool:
        """Whether the rival is better beyond doubt: the confidence sequence lies above zero."""
        return self.lower is not None and self.lower > 0


def accumulate(earlier: Forecasts, later: Forecasts) -> Forecasts:
    """The forecasts of two championships as one record, in order of origin.

    For an origin in both, the earlier forecast stays: it was the one made without knowing what came, and evidence that
    has been looked at must not change afterwards. The realised return is the later one, in case a rate was revised.

    Args:
        earlier: as recorded before.
        later: of the present championship.
    """
    fresh = ~np.isin(later.origins, earlier.origins)
    origins = np.concatenate([earlier.origins, later.origins[fresh]])
    order = np.argsort(origins, kind="stable")
    actual = np.concatenate([earlier.actual, later.actual[fresh]])[order]
    known, row_of, row_in = np.intersect1d(origins[order], later.origins, assume_unique=True, return_indices=True)
    actual[row_of[: len(known)]] = later.actual[row_in]
    return Forecasts(
        origins=origins[order],
        target_dates=np.concatenate([earlier.target_dates, later.target_dates[fresh]])[order],
        actual=actual,
        forecast=np.concatenate([earlier.forecast, later.forecast[fresh]])[order],
        bounds={
            name: np.concatenate([earlier.bounds[name], later.bounds[name][fresh]])[order]
            for name in earlier.bounds
            if name in later.bounds
        },
    )


def since(rows: Forecasts, title: np.datetime64 | None) -> Forecasts:
    """The forecasts made at the close of the day `title` or later; none where that day is not known."""
    return rows.part(slice(0) if title is None else rows.origins >= title)


def prove(name: str, rows: Forecasts, alpha: float) -> Comparison:
    """A contestant against the random walk, over its forecasts since its recipe was first seen.

    Args:
        name: of the contestant.
        rows: these forecasts.
        alpha: probability that one that is not better is ever called so, however often it is asked.
    """
    walk = replace(rows, forecast=np.zeros_like(rows.forecast))
    return compare(RANDOM_WALK, name, walk, rows, alpha, began="the recipe was first seen")


def patience(proof: Comparison) -> str:
    """From when on a proof counts, and how long it takes."""
    years = ", ".join(f"{days_until_proven(r2, proof.alpha) / 252:.1f}" for r2 in (0.01, 0.02, 0.05))
    return (
        f"Proof counts the days since a recipe was first seen, {proof.n_days:,} so far; at a true R2 of 1%, 2%, 5% "
        f"it takes {years} years or less in half of all cases (p {proof.alpha:.2g} needed, at any look)."
    )


def compare(
    champion: str, rival: str, held: Forecasts, against: Forecasts | None, alpha: float, *, began: str = "the title"
) -> Comparison:
    """The confidence sequence of the weighed difference of squared errors, as it stands on the last day.

    Args:
        champion: name of the holder of the title.
        rival: name of the other.
        held: the holder's forecasts since the title.
        against: the rival's; None for the random walk.
        alpha: one-sided error probability of this comparison over all days.
        began: what the evidence is counted from.
    """
    actual, own, other = _same_days(held, against)
    n_days = len(actual)
    if not n_days:
        return Comparison(rival, champion, 0, None, None, None, alpha, _too_few(0, began))
    if n_days < MIN_DAYS:
        mean = float(np.mean((actual - own) ** 2 - (actual - other) ** 2))
        return Comparison(rival, champion, n_days, mean, None, None, alpha, _too_few(n_days, began))
    difference, unit = weighed(actual, own, other), float(np.mean(actual**2))
    mean = unit * float(np.mean(difference))
    if np.ptp(difference[WARM_UP:]) <= 1e-12 * np.max(np.abs(difference)):
        reason = "their losses differ by the same amount every day" if mean else "they make the same error every day"
        return Comparison(rival, champion, n_days, mean, None, None, alpha, reason)
    sequence = lower_sequence(difference, alpha)
    lower, p_value = unit * float(sequence.lower[-1]), float(sequence.p_value[-1])
    return Comparison(rival, champion, n_days, mean, lower, p_value, alpha)


def weighed(actual: Floats, own: Floats, other: Floats) -> Floats:
    """By how much the other's squared error is smaller, in units of the variance known beforehand, outcomes capped.

    Args:
        actual: shape (..., n_days), realised log returns, oldest first.
        own: forecasts of the same shape.
        other: forecasts of the same shape.

    Returns:
        shape (..., n_days); 0 while no volatility is known. Its mean is about the difference of the two R².
    """
    size = known_beforehand(actual)
    capped = np.clip(actual, -CAP * size, CAP * size)
    gain = (other - own) * (2 * capped - own - other)  # (capped - own)² - (capped - other)², without its rounding
    return np.divide(gain, size**2, out=np.zeros_like(gain), where=size > 0)


def known_beforehand(actual: Floats) -> Floats:
    """Root of the exponentially weighted mean square of the days before, at least `FLOOR` of the plain one.

    Args:
        actual: shape (..., n_days), oldest first.

    Returns:
        shape (..., n_days); 0 on the first `WARM_UP` days.
    """
    from scipy.signal import lfilter

    squares = np.zeros_like(actual)
    squares[..., 1:] = actual[..., :-1] ** 2  # what was known at each origin
    days = np.maximum(np.arange(actual.shape[-1]), 1)
    weighted = lfilter([1.0], [1.0, -DECAY], squares) * (1 - DECAY) / (1 - DECAY**days)
    plain = np.cumsum(squares, axis=-1) / days
    size = np.sqrt(np.maximum(weighted, FLOOR**2 * plain))
    size[..., :WARM_UP] = 0.0
    return np.asarray(size)


def e_value(proof: Comparison | None, alpha: float) -> float:
    """What a proof is worth beside those of other pairs: its share of the alpha over its p-value; 0 for nothing.

    One over the p-value is the wealth that the confidence sequence inverts, an e-process; and the shares of all recipes
    of a pair add up to less than one, so that whichever of them leads may be looked at.

    Args:
        proof: of `prove`; None where there is none.
        alpha: of which the proof's own is a share.
    """
    if proof is None or proof.p_value is None or proof.p_value >= 1:
        return 0.0
    return proof.alpha / alpha / max(proof.p_value, 1e-300)


def _too_few(n_days: int, began: str) -> str:
    return f"{n_days} days of evidence since {began}; at least {MIN_DAYS} are needed"


def _same_days(held: Forecasts, against: Forecasts | None) -> tuple[Floats, Floats, Floats]:
    # One realised return for both, so that a revised rate cannot make a difference between equal forecasts.
    if against is None:
        return held.actual, held.forecast, np.zeros_like(held.actual)
    _, own, other = np.intersect1d(held.origins, against.origins, assume_unique=True, return_indices=True)
    return held.actual[own], held.forecast[own], against.forecast[other]
