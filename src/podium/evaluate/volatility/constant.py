"""Volatility that is fixed: the mean square of all returns so far."""

from __future__ import annotations

import numpy as np

from podium.evaluate.volatility.contract import Numbers, VolatilityModel
from podium.records import Floats


def mean_square(returns: Floats) -> Floats:
    """Mean square of all returns so far, shape (n_days,)."""
    return np.asarray(np.cumsum(returns * returns) / np.arange(1, len(returns) + 1))


class Constant(VolatilityModel):
    """The forecast of somebody who believes that volatility is fixed."""

    name = "constant"

    def run(self, returns: Floats, begin: int, numbers: Numbers, before: float) -> Floats:
        """See `VolatilityModel.run`."""
        return mean_square(returns)[begin:]
