"""RiskMetrics (J.P. Morgan 1996): v(t+1) = 0.94 v(t) + 0.06 r(t)²."""

from __future__ import annotations

import numpy as np

from podium.evaluate.volatility.contract import Numbers, VolatilityModel
from podium.records import Floats

DECAY = 0.94  # weight of the past for daily data: an average age of 16 days


class Ewma(VolatilityModel):
    """Exponentially weighted mean of squared returns, from the first one on."""

    name = "ewma"

    def run(self, returns: Floats, begin: int, numbers: Numbers, before: float) -> Floats:
        """See `VolatilityModel.run`."""
        begun = begin if np.isfinite(before) else 0
        variance = before if np.isfinite(before) else float(returns[0] ** 2)
        forecasts = np.empty(len(returns) - begun)
        for day, value in enumerate(returns[begun:]):
            variance = DECAY * variance + (1.0 - DECAY) * float(value) ** 2
            forecasts[day] = variance
        return forecasts[begin - begun :]
