"""The deviation of the last year: what a desk reads off a screen, and the benchmark of the others."""

from __future__ import annotations

import numpy as np

from podium.evaluate.volatility.contract import Numbers, VolatilityModel
from podium.records import Floats

N_DAYS = 250


def trailing_mean(values: Floats, n_days: int, begin: int) -> Floats:
    """Mean of the last `n_days` values, of fewer where there are fewer, at day `begin` and all days after it."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    last = np.arange(begin, len(values)) + 1
    first = np.maximum(last - n_days, 0)
    return np.asarray((total[last] - total[first]) / (last - first))


class Rolling(VolatilityModel):
    """Mean square of the last 250 returns."""

    name = "rolling"

    def run(self, returns: Floats, begin: int, numbers: Numbers, before: float) -> Floats:
        """See `VolatilityModel.run`."""
        return np.maximum(trailing_mean(returns * returns, N_DAYS, begin), 0.0)  # sums may leave -1e-20
