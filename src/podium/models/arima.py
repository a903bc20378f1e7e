"""ARIMA on log returns, forecasting from the lags by its finite-history predictor.

An ARIMA(p, 0, q) with mean on log returns is an ARIMA(p, 1, q) with drift on the log price. Its best linear forecast
from the last W returns is affine in them,

    forecast = mean + sum_i weight_i * (lag_i - mean),    Gamma_W weight = (gamma_1, ..., gamma_W),

where gamma are the autocovariances of the fitted process and Gamma_W their W x W Toeplitz matrix (Brockwell and Davis,
Time Series: Theory and Methods, 1991, section 5.1). The weights are computed once a fit, and a stock scikit-learn
estimator holds them.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

import numpy as np
from pydantic import Field

from podium.models.base import Contestant, ParamValue
from podium.models.estimator import AffineModel, affine
from podium.records import Floats

if TYPE_CHECKING:
    import pandas as pd

# Mean squared difference between the forecasts from the lags and from the whole past, in variances of the returns:
# a root mean square of 0.3 % of their standard deviation.
MAX_TRUNCATION = 1e-5
Order = Annotated[int, Field(ge=0, le=10)]  # a search up to (10, 10) takes minutes; daily returns need none of it


@dataclass(frozen=True, slots=True)
class ArmaFit:
    """Parameters of an ARMA process with mean.

    Attributes:
        order: (p, q).
        mean: mean of the process.
        ar: shape (p,), coefficients of past values.
        ma: shape (q,), coefficients of past innovations.
        aic: Akaike's information criterion; lower is better.
    """

    order: tuple[int, int]
    mean: float
    ar: Floats
    ma: Floats
    aic: float

    def predictor(self, n_lags: int, horizon: int = 1) -> Floats:
        """Weights of the last values, newest first, in the best linear forecast of the sum of the next ones.

        Args:
            n_lags: demeaned values that are known.
            horizon: values that are summed.

        Returns:
            shape (n_lags,).
        """
        from scipy.linalg import solve_toeplitz

        if self.order == (0, 0):
            return np.zeros(n_lags)
        autocovariance = self._autocovariance(n_lags + horizon)
        ahead = np.lib.stride_tricks.sliding_window_view(autocovariance[1:], n_lags).sum(axis=0)  # (n_lags,)
        return np.asarray(solve_toeplitz(autocovariance[:n_lags], ahead))

    def truncation(self, n_lags: int) -> float:
        """Mean squared difference between the forecasts from the lags and from the whole past, in variances.

        Both are orthogonal projections, so it is the growth of the forecast's error variance over the innovations'.
        """
        if self.order == (0, 0):
            return 0.0
        autocovariance = self._autocovariance(n_lags + 1)
        error_variance = autocovariance[0] - self.predictor(n_lags) @ autocovariance[1:]
        return float((error_variance - 1.0) / autocovariance[0])

    def _autocovariance(self, n_values: int) -> Floats:
        """At lags 0 to `n_values - 1`, in variances of the innovations."""
        from statsmodels.tsa.arima_process import arma_acovf

        return np.asarray(arma_acovf(np.r_[1.0, -self.ar], np.r_[1.0, self.ma], nobs=n_values, sigma2=1.0))


def fit_arma(returns: Floats, order: tuple[int, int]) -> ArmaFit | None:
    """Maximum likelihood by the innovations algorithm (Brockwell and Davis 1991, section 8.7).

    Args:
        returns: shape (n,), in order of time.
        order: (p, q).

    Returns:
        The fit; None where the likelihood has no maximum inside the stationary and invertible region.
    """
    if order == (0, 0):
        return white_noise(returns)
    mean = float(returns.mean())
    fitted = _maximise_likelihood(returns - mean, order)
    if fitted is None:
        return None
    ar, ma, log_likelihood = fitted
    return ArmaFit(order, mean, ar, ma, aic=_aic(log_likelihood, order))


def white_noise(returns: Floats) -> ArmaFit:
    """ARMA(0, 0) with mean, which has a closed form; returns of shape (n,)."""
    log_likelihood = -0.5 * len(returns) * (np.log(2 * np.pi * returns.var()) + 1)
    return ArmaFit((0, 0), float(returns.mean()), np.empty(0), np.empty(0), aic=_aic(float(log_likelihood), (0, 0)))


def _aic(log_likelihood: float, order: tuple[int, int]) -> float:
    return 2 * (sum(order) + 2) - 2 * log_likelihood  # and the mean and the variance


def _maximise_likelihood(demeaned: Floats, order: tuple[int, int]) -> tuple[Floats, Floats, float] | None:
    from statsmodels.tsa.arima.estimators.innovations import innovations_mle

    scale = demeaned.std()  # the optimiser works on numbers near one
    try:
        params, details = innovations_mle(demeaned / scale, order=(order[0], 0, order[1]), demean=False)
    except (np.linalg.LinAlgError, ValueError):
        return None
    log_likelihood = -float(details.minimize_results.fun) - len(demeaned) * float(np.log(scale))
    if not (np.isfinite(log_likelihood) and params.is_stationary and params.is_invertible):
        return None
    return np.asarray(params.ar_params), np.asarray(params.ma_params), log_likelihood


@dataclass(frozen=True)
class ArimaContestant(Contestant):
    """ARIMA with mean on log returns; the order is chosen once by AIC on the first training part."""

    max_p: Annotated[Order, Field(description="largest autoregressive order tried")] = 2
    max_q: Annotated[Order, Field(description="largest moving-average order tried")] = 2
    order: Annotated[
        tuple[Order, Order] | None, Field(description="autoregressive and moving-average order, if not to be chosen")
    ] = None

    family: ClassVar[str] = "ARIMA"
    quick: ClassVar[bool] = True
    libraries: ClassVar[tuple[str, ...]] = (
        "sklearn.compose",
        "sklearn.linear_model",
        "sklearn.pipeline",
        "statsmodels.tsa.arima.estimators.innovations",
        "statsmodels.tsa.arima_process",
    )
    description: ClassVar[str] = "ARIMA with mean on log returns, order by AIC, forecasting from the lags."

    @property
    def params(self) -> Mapping[str, ParamValue]:
        """The order and how it was chosen."""
        order = "" if self.order is None else f"({self.order[0]},0,{self.order[1]})"
        return {"order": order, "criterion": "aic", "max_p": self.max_p, "max_q": self.max_q}

    def tuned(self, X: pd.DataFrame, y: Floats) -> Self:
        """Fit every order up to (max_p, max_q) and keep the one with the lowest AIC whose lags suffice.

        Orders with nearly cancelling roots by the unit circle win likelihood by chance and remember more days than the
        lags hold; they are left out.
        """
        if self.order is not None:
            return self
        returns = self._history(X, y)
        orders = itertools.product(range(self.max_p + 1), range(self.max_q + 1))
        fits = [fit for order in orders if (fit := fit_arma(returns, order)) is not None]
        admitted = [fit for fit in fits if fit.truncation(self.n_lags) < MAX_TRUNCATION]
        return replace(self, order=min(admitted, key=lambda fit: fit.aic).order)

    def fit(self, X: pd.DataFrame, y: Floats) -> AffineModel:
        """Estimate the parameters and turn them into weights of the lags."""
        contestant = self.tuned(X, y)
        returns = self._history(X, y)
        fitted = fit_arma(returns, contestant.order or (0, 0)) or white_noise(returns)
        weights = fitted.predictor(self.n_lags, self.horizon)
        intercept = fitted.mean * (self.horizon - weights.sum())
        return AffineModel(affine(self.lag_names, weights, intercept), params=_describe(fitted))

    def _history(self, X: pd.DataFrame, y: Floats) -> Floats:
        # y beyond one day overlaps; the daily returns are in X, all but the last
        return history(X, y) if self.horizon == 1 else history(X[:-1], X["lag_0"].to_numpy()[1:])


def history(X: pd.DataFrame, y: Floats) -> Floats:
    """The returns behind X and y in order of time, shape (n_origins + n_lags,): the first lags, then the targets."""
    lags = [name for name in X.columns if name.startswith("lag_")]
    first_window: Floats = X[lags].iloc[0].to_numpy()[::-1]
    return np.concatenate([first_window, y])


def _describe(fitted: ArmaFit) -> dict[str, ParamValue]:
    coefficients: dict[str, ParamValue] = {f"ar_{i + 1}": float(value) for i, value in enumerate(fitted.ar)}
    coefficients |= {f"ma_{i + 1}": float(value) for i, value in enumerate(fitted.ma)}
    return {"mean": fitted.mean, "aic": fitted.aic, **coefficients}
