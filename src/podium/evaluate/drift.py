"""Has something changed? Asked every day for years, with one bound on false alarms for all days together.

Each question has a betting score: a likelihood ratio L_t, or what is at most one on average while nothing has changed.
Its e-detector is M_t = max(M_{t-1}, 1) · L_t, the best bet on a change that has begun on some day up to t. It is below
the Shiryaev-Roberts sum, whose mean after n days is n, so that Doob's inequality bounds it for all days together:
P(M_t >= n / alpha for some t <= n) <= alpha. A fixed threshold on a ratio of the last weeks has no such bound.

References: Shin, Ramdas and Rinaldo (2023), "E-detectors: a nonparametric framework for sequential change detection",
New England Journal of Statistics in Data Science (arXiv 2203.03532); Vovk et al. (2021), "Retrain or not retrain:
conformal test martingales for change-point detection", PMLR 152 (arXiv 2102.10439); de la Peña (1999), "A general class
of exponential inequalities for martingales and ratios", Annals of Probability 27.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from podium.errors import InputError
from podium.records import Floats

ALPHA = 0.05
"""Probability of a false alarm within `DAYS`, of all questions together."""

DAYS = 1260
"""Business days of five years. What is older than that is only what later days are compared with."""

THRESHOLD = math.log(DAYS / ALPHA)
"""Of the logarithm of the e-detector, where Doob's inequality is all that is known."""

WIDTH_THRESHOLD = 7.2
"""Where the detector's distribution is known: of conformal p-values 4 % of all paths of 1,260 days go higher."""

REFERENCE = 250
"""Days that must have been before the first one is asked about."""

TIMES = 1.5
"""By how much wider outcomes may have become; half as much is found, too, and later."""

TAILS = 6
"""Degrees of freedom of the bets on large outcomes; a wrong number costs days, never a false alarm."""

BIASES = (-0.4, -0.2, 0.2, 0.4)
"""Mean errors that are bet on, in units of sigma."""

TIMES_MISSED = (0.5, 2.0)
"""Miss rates that are bet on, by what is promised."""

MEMORY = 1.5
"""Evidence beyond this multiple of the threshold is not kept, so that an alarm ends soon after its cause."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What the days say on one question.

    Attributes:
        evidence: shape (n_days,), logarithm of the e-detector after each day that was asked about.
        threshold: from which on it is an alarm.
        since: over how many of the last days the evidence has grown: the change began about then.
    """

    evidence: Floats
    threshold: float
    since: int

    @property
    def alarm(self) -> bool:
        """Whether something has changed as of the last day: raised at the threshold, and over at half of it."""
        high = np.flatnonzero(self.evidence >= self.threshold)
        return bool(high.size) and not (self.evidence[high[-1] :] <= self.threshold / 2).any()


def widened(standardised: ArrayLike) -> Drift:
    """Whether outcomes have become wider than the volatility that was forecast for them.

    The size of each day's standardised outcome takes its rank among all earlier ones: its conformal p-value, uniform
    while sizes are exchangeable, whatever their distribution and however wrong the scale of sigma always was. What
    sigma follows, it does not see: that is no fault of the forecasts.

    Args:
        standardised: shape (n_days,), (outcome - forecast) / sigma, oldest first, sigma forecast the day before.

    Raises:
        InputError: a value is not finite.
    """
    from scipy.special import stdtrit

    squared = stdtrit(TAILS, _ranks(np.abs(_finite(standardised))) / 2) ** 2 / TAILS
    bet = (TAILS + 1) / 2 * (np.log1p(squared) - np.log1p(squared / TIMES**2)) - math.log(TIMES)
    return _detect([bet], WIDTH_THRESHOLD)


def biased(standardised: ArrayLike) -> Drift:
    """Whether the mean error has left zero, to either side.

    exp(b z - b² z² / 2) is at most one on average for every z that is symmetric around zero, of any variance.

    Args:
        standardised: see `widened`.

    Raises:
        InputError: a value is not finite.
    """
    z = _finite(standardised)[REFERENCE:]
    return _detect([b * z - (b * z) ** 2 / 2 for b in BIASES], THRESHOLD)


def miscovered(hits: ArrayLike, coverage: float) -> Drift:
    """Whether intervals hold the outcome less or more often than promised.

    Args:
        hits: shape (n_days,), whether each day's outcome lay inside, oldest first.
        coverage: what was promised, above a half and below 1.

    Raises:
        InputError: the coverage is another.
    """
    if not 0.5 < coverage < 1:
        raise InputError(f"coverage {coverage}: it lies between 0.5 and 1, such as 0.8")
    missed, miss = ~np.asarray(hits, dtype=bool)[REFERENCE:], 1 - coverage
    rates = [miss * times for times in TIMES_MISSED]
    bets = [np.where(missed, math.log(rate / miss), math.log((1 - rate) / coverage)) for rate in rates]
    return _detect(bets, THRESHOLD)


def _finite(values: ArrayLike) -> Floats:
    found = np.asarray(values, dtype=np.float64)
    if not np.isfinite(found).all():
        raise InputError("a standardised outcome is not finite; leave out the days without one")
    return found


def _ranks(sizes: Floats) -> Floats:
    """Share of the days so far that were as large, the day itself among them; of those that are asked about."""
    past, found = sorted(sizes[:REFERENCE].tolist()), []
    for size in sizes[REFERENCE:].tolist():
        found.append((len(past) - bisect_left(past, size) + 1) / (len(past) + 1))
        insort(past, size)
    return np.array(found)


def _detect(bets: Sequence[Floats], threshold: float) -> Drift:
    """The mean of one e-detector a bet, which is one too."""
    wealth = np.array([_wealth(bet[-DAYS:].tolist(), MEMORY * threshold) for bet in bets])
    evidence = np.logaddexp.reduce(wealth, axis=0) - math.log(len(bets))
    leading = wealth[wealth[:, -1].argmax()] if evidence.size else evidence
    since = len(leading) - 1 - max(np.flatnonzero(leading <= 0), default=-1)
    return Drift(evidence, threshold, int(since))


def _wealth(scores: list[float], most: float) -> list[float]:
    """Logarithm of an e-detector after each day."""
    wealth, found = 0.0, []
    for score in scores:
        wealth = min(max(wealth, 0.0) + score, most)
        found.append(wealth)
    return found
