"""ExponentialSmoothing: level and damped trend of the log price, forecasting from the lags.

With price p_t, level l_t and trend b_t,

    l_t = l_{t-1} + phi b_{t-1} + alpha e_t,    b_t = phi b_{t-1} + alpha beta e_t,    e_t = p_t - l_{t-1} - phi b_{t-1}

the return of the next day is forecast as l_t + phi b_t - p_t (Gardner and McKenzie 1985, Forecasting trends in time
series, Management Science 31). Begun at the oldest price that the lags know, that is linear in them. alpha = 1 and
beta = 0 is the random walk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from podium.models.base import Contestant, ParamValue
from podium.models.estimator import AffineModel, affine
from podium.records import Floats

if TYPE_CHECKING:
    import pandas as pd

STARTS = ((0.95, 0.05), (0.5, 0.05))  # alpha and beta from which the search begins; the better end is taken


def lag_weights(alpha: float, beta: float, phi: float, n_lags: int, horizon: int = 1) -> Floats:
    """Weights of the lagged returns, newest first, in the forecast of the return over the horizon; shape (n_lags,).

    What each return does to level, trend and price is the same path, begun where that return came.
    """
    level, trend = 0.0, 0.0
    ahead = sum(phi**step for step in range(1, horizon + 1))
    weights = np.empty(n_lags)
    for age in range(n_lags):  # the path after a return of one: the price is one from then on
        error = 1.0 - level - phi * trend
        level, trend = level + phi * trend + alpha * error, phi * trend + alpha * beta * error
        weights[age] = level + ahead * trend - 1.0
    return weights


@dataclass(frozen=True)
class ExponentialSmoothingContestant(Contestant):
    """Exponential smoothing with damped trend, its parameters by least squares on the forecasts from the lags."""

    damping: Annotated[float, Field(ge=0, lt=1, description="share of the trend that a day leaves over")] = 0.9

    family: ClassVar[str] = "ExponentialSmoothing"
    description: ClassVar[str] = "Level and damped trend of the log price by exponential smoothing."
    quick: ClassVar[bool] = True
    libraries: ClassVar[tuple[str, ...]] = ("scipy.optimize", "sklearn.compose", "sklearn.linear_model")

    def fit(self, X: pd.DataFrame, y: Floats) -> AffineModel:
        """Find the smoothing of level and trend with the smallest squared error."""
        from scipy.optimize import minimize

        lags = X[self.lag_names].to_numpy()
        gram, with_outcome = lags.T @ lags / (y @ y), lags.T @ y / (y @ y)

        def squared_error(parameters: Floats) -> float:
            weights = lag_weights(parameters[0], parameters[1], self.damping, self.n_lags, self.horizon)
            return float(1 - 2 * weights @ with_outcome + weights @ gram @ weights)

        found = [minimize(squared_error, start, method="L-BFGS-B", bounds=[(0, 1)] * 2) for start in STARTS]
        alpha, beta = min(found, key=lambda end: float(end.fun)).x
        weights = lag_weights(alpha, beta, self.damping, self.n_lags, self.horizon)
        params: Mapping[str, ParamValue] = {"alpha": float(alpha), "beta": float(beta)}
        return AffineModel(affine(self.lag_names, weights, 0.0), params=params)
