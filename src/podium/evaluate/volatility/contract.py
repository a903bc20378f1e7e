"""The contract of a volatility model: what all of them take, and what they give."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from podium.records import Floats

MIN_HISTORY = 60  # returns before the first volatility forecast
MIN_FIT = 250  # returns before the first fit of anything that is fitted: about a year
MAX_FIT = 8_000  # days that anything learns from at most, the last: a fit costs no more for a longer past

Numbers = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Fit:
    """What a model learnt from the returns so far.

    Attributes:
        numbers: its parameters, by name; empty where nothing is fitted.
        variance: its own forecast for the last of those days, from which the recursion goes on; None without one.
    """

    numbers: Numbers
    variance: float | None = None


class VolatilityModel(ABC):
    """Forecasts the variance of the next day's return at the close of each day, from that day and earlier ones."""

    name: ClassVar[str]
    min_history: ClassVar[int] = MIN_HISTORY

    def fit(self, returns: Floats) -> Fit | None:
        """Learn from the returns so far, shape (n_days,); None if it fails. Nothing is learnt by default."""
        return Fit({})

    @abstractmethod
    def run(self, returns: Floats, begin: int, numbers: Numbers, before: float) -> Floats:
        """The forecasts made at the closes of day `begin` and of all days after it.

        Args:
            returns: shape (n_days,), log returns.
            begin: position of the first close.
            numbers: from `fit`.
            before: the forecast made a day earlier, for day `begin`; NaN where there is none.

        Returns:
            shape (n_days - begin,), variances; element j rests on returns up to `begin + j`.
        """

    def reversion(self, numbers: Numbers) -> tuple[float, float]:
        """Share of a shock to the variance that is left a day later, and the variance to which the rest reverts."""
        return 1.0, 0.0
