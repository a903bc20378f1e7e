"""Was a forecast ahead for a time? The fluctuation test of Giacomini and Rossi (2010), against the random walk.

One mean over all scored days says nothing of a model that was good once. Here it is taken over a window that moves
through the days; under no difference at any time its largest value leaves the band in 5 % of worlds.

    F_t = sum of y² - (y - f)² over the m days up to t, over its standard deviation times sqrt(m)

The standard deviation is that of all days, without autocovariances, as in all tests here (`significance`).

References:
    Giacomini and Rossi (2010), "Forecast comparisons in unstable environments", Journal of Applied Econometrics 25.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from podium.records import Floats

SHARE = 0.3  # of the scored days in a window
BAND = 3.012  # two-sided 5 % at that share, their table 1
FEWEST = 30  # days in a window


@dataclass(frozen=True, slots=True)
class Fluctuation:
    """What the windows say, in standard errors; above zero is ahead of the random walk.

    Attributes:
        n_days: days in a window.
        highest: of all windows.
        lowest: of all windows.
        last: the window that ends on the last scored day.
        band: how far from zero is beyond chance, at any time.
    """

    n_days: int
    highest: float
    lowest: float
    last: float
    band: float = BAND

    @property
    def told(self) -> str:
        """One clause for people."""
        return (
            f"over {self.n_days:,} days at a time it {self._word()}: {self.lowest:.2f} to {self.highest:.2f} standard "
            f"errors, {self.last:.2f} now, {self.band:.2f} is beyond chance"
        )

    def _word(self) -> str:
        if abs(self.last) > self.band:
            return f"is {'ahead' if self.last > 0 else 'behind'} beyond chance"
        once = [word for word, size in (("ahead", self.highest), ("behind", -self.lowest)) if size > self.band]
        return f"was {' and '.join(once)} beyond chance once, and is not now" if once else "never stood out from chance"


def fluctuation(actual: Floats, forecast: Floats) -> Fluctuation | None:
    """The summary of `moving_lead`; None where there is none."""
    lead = moving_lead(actual, forecast)
    if lead is None:
        return None
    n_days = len(actual) - len(lead) + 1
    return Fluctuation(n_days, float(lead.max()), float(lead.min()), float(lead[-1]))


def moving_lead(actual: Floats, forecast: Floats) -> Floats | None:
    """The statistic of each window by its last day; None for too few days, or two forecasts that never differ.

    Args:
        actual: shape (n_scored,), realised log returns.
        forecast: shape (n_scored,).

    Returns:
        shape (n_scored - m + 1,), m three tenths of the days.
    """
    n_days = int(SHARE * len(actual))
    gain = forecast * (2 * actual - forecast)  # y² - (y - f)², without its rounding
    spread = float(np.std(gain))
    if n_days < FEWEST or spread == 0:
        return None
    total = np.concatenate([[0.0], np.cumsum(gain / spread)])
    return np.asarray((total[n_days:] - total[:-n_days]) / math.sqrt(n_days))
