"""What the days since the title say about the champion and each of its rivals.

Evidence is a record that only grows: the forecasts made at each origin as they were made, never made again. A
confidence sequence over it may be looked at after every championship.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from podium.evaluate.confidence_sequence import MIN_DAYS, confidence_sequence
from podium.records import Floats, Forecasts


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the days since the title say about one rival of the champion.

    Attributes:
        rival: a challenger, or `random_walk`.
        champion: who held the title before this championship.
        n_days: days since the title on which both made a forecast.
        mean_difference: mean of (champion's error)² - (rival's error)²; above 0 the rival is better. None without days.
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
    return select(rows, np.zeros(len(rows), dtype=bool) if title is None else rows.origins >= title)


def select(rows: Forecasts, kept: NDArray[np.bool_]) -> Forecasts:
    """The forecasts of some days; `kept` of shape (n_scored,)."""
    return Forecasts(rows.origins[kept], rows.target_dates[kept], rows.actual[kept], rows.forecast[kept])


def compare(champion: str, rival: str, held: Forecasts, against: Forecasts | None, alpha: float) -> Comparison:
    """The confidence sequence of the squared-error difference, as it stands on the last day.

    Args:
        champion: name of the holder of the title.
        rival: name of the other.
        held: the holder's forecasts since the title.
        against: the rival's; None for the random walk.
        alpha: one-sided error probability of this comparison over all days.
    """
    own, other = _difference_terms(held, against)
    n_days = len(own)
    mean = float(np.mean(own**2 - other**2)) if n_days else None
    if n_days < MIN_DAYS:
        reason = f"{n_days} days of evidence since the title; at least {MIN_DAYS} are needed"
        return Comparison(rival, champion, n_days, mean, None, None, alpha, reason)
    sequence = confidence_sequence(own**2 - other**2, alpha, side="lower")
    if not np.isfinite(sequence.lower[-1]):
        reason = "their losses differ by the same amount every day" if mean else "they make the same error every day"
        return Comparison(rival, champion, n_days, mean, None, None, alpha, reason)
    return Comparison(rival, champion, n_days, mean, float(sequence.lower[-1]), float(sequence.p_value[-1]), alpha)


def _difference_terms(held: Forecasts, against: Forecasts | None) -> tuple[Floats, Floats]:
    # One realised return for both, so that a revised rate cannot make a difference between equal forecasts.
    if against is None:
        return held.actual - held.forecast, held.actual
    if np.array_equal(held.origins, against.origins):
        return held.actual - held.forecast, held.actual - against.forecast
    _, own, other = np.intersect1d(held.origins, against.origins, assume_unique=True, return_indices=True)
    actual = held.actual[own]
    return actual - held.forecast[own], actual - against.forecast[other]
