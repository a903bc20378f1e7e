"""Combination: the other contestants' forecasts mixed by Bernstein online aggregation, half on the random walk first.

Insurance rather than a prophet: where nobody knows anything it stays near the random walk, and where somebody does it
moves there within a year or so. With member k's forecast f_k, the mixture m and the outcome y, every day

    r_k = 2 (m - y) (m - f_k) / s²                   how much better k was than the mixture, to first order
    V_k += r_k²,  B_k = max(B_k, |r_k|)
    eta_k = min(1 / (2 B_k), sqrt(ln(1 / pi_k) / V_k))
    R_k += r_k - eta_k r_k²,  p_k ∝ pi_k eta_k exp(eta_k R_k)

where pi are the weights to begin with and p those of the next day (Wintenberger 2017, Optimal learning with Bernstein
online aggregation, Machine Learning 106). No rate has to be chosen, and the unit of the returns does not matter. s² is
the variance known before the day, past squares falling by 0.97 a day, and y is capped at five of its deviations: a day
of the Turkish lira that moves as far as a year does not decide whom the mixture believes for the next ten years.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from podium.models.combiner import Combiner
from podium.records import Floats

FADING, FLOOR, CAP, WARM_UP = 0.97, 0.3, 5.0, 20  # as titles are judged: decision 0038


class KnownVariance:
    """Of the outcomes so far: weights that fade, at least 0.3² of their plain mean; 0 for the first twenty."""

    def __init__(self) -> None:
        self._n, self._squares, self._faded, self._weight = 0, 0.0, 0.0, 0.0

    def before(self, outcome: float) -> float:
        """What was known before an outcome, which is known from now on."""
        known = 0.0
        if self._n >= WARM_UP:
            known = max(self._faded / self._weight, FLOOR**2 * self._squares / self._n)
        self._n, self._squares = self._n + 1, self._squares + outcome**2
        self._faded, self._weight = FADING * self._faded + outcome**2, FADING * self._weight + 1
        return known


class BernsteinAggregation:
    """The rule above over the random walk, in front, and the members.

    Args:
        first: shape (1 + n_members,), the weights to begin with.
    """

    def __init__(self, first: Floats) -> None:
        self._first, self._now = first, first
        self._regret, self._squares, self._largest = np.zeros((3, len(first)))
        self._variance = KnownVariance()

    @property
    def weights(self) -> Floats:
        """Of the members, shape (n_members,)."""
        return self._now[1:]

    def learn(self, forecasts: Floats, outcome: float) -> None:
        """Move weight to those who were better than the mixture."""
        each = np.concatenate([[0.0], forecasts])
        mixture, variance = self._now @ each, self._variance.before(outcome)
        if not variance:
            return
        capped = np.clip(outcome, -CAP * variance**0.5, CAP * variance**0.5)
        gain = 2 * (mixture - capped) * (mixture - each) / variance
        self._squares += gain**2
        self._largest = np.maximum(self._largest, np.abs(gain))
        seen = self._largest > 0  # a member that has always said what the mixture said is as good as the mixture
        if not seen.any():
            return
        rate = np.full(len(each), np.inf)
        rate[seen] = np.minimum(0.5 / self._largest[seen], np.sqrt(np.log(1 / self._first[seen]) / self._squares[seen]))
        rate[~seen] = rate[seen].max()
        self._regret += gain - rate * gain**2
        log_weight = np.log(self._first * rate) + rate * self._regret
        weight = np.exp(log_weight - log_weight.max())
        self._now = weight / weight.sum()


@dataclass(frozen=True)
class CombinationContestant(Combiner):
    """The others' forecasts, weighted anew every day by what they were worth until then."""

    random_walk: Annotated[
        float, Field(gt=0, lt=1, description="weight of the random walk on the first day; the others share the rest")
    ] = 0.5

    family: ClassVar[str] = "Combination"
    description: ClassVar[str] = "The others' forecasts and the random walk, mixed by weights that learn every day."

    def learner(self, n_members: int) -> BernsteinAggregation:
        """Begin with the random walk's weight, and the rest in equal parts."""
        rest = np.full(n_members, (1 - self.random_walk) / n_members)
        return BernsteinAggregation(np.concatenate([[self.random_walk], rest]))
