"""ExponentialSmoothing forecasts what the recursion of level and trend forecasts, from the lags alone."""

from __future__ import annotations

import numpy as np
import pytest

from podium.features import frame
from podium.models.smoothing import ExponentialSmoothingContestant, lag_weights


@pytest.mark.parametrize("horizon", [1, 5])
@pytest.mark.parametrize(("alpha", "beta", "phi"), [(0.7, 0.3, 0.9), (1.0, 0.0, 0.9), (0.2, 1.0, 0.0)])
def test_the_weights_are_the_recursion(alpha, beta, phi, horizon):
    """Weighed lags add up to what level and trend, renewed day by day from the first price, say of the last one."""
    returns = np.random.default_rng(0).normal(0, 0.01, 32)
    prices = np.r_[0.0, np.cumsum(returns)]
    level, trend = prices[0], 0.0
    for price in prices[1:]:
        before = level + phi * trend
        level, trend = before + alpha * (price - before), phi * trend + alpha * beta * (price - before)
    for _ in range(horizon):
        trend *= phi
        level += trend
    assert lag_weights(alpha, beta, phi, 32, horizon) @ returns[::-1] == pytest.approx(level - prices[-1], abs=1e-15)


def test_without_anything_to_smooth_it_is_the_random_walk():
    """The price itself as level, and no trend, forecast no change."""
    assert np.abs(lag_weights(1.0, 0.0, 0.9, 32)).max() == 0


def test_it_finds_the_smoothing_that_made_the_rates(recent):
    """On noise around a slow level it finds how slow: what is seen of a day is taken back by the next."""
    rng = np.random.default_rng(1)
    prices = np.cumsum(rng.normal(0, 0.004, 4000)) + rng.normal(0, 0.004, 4000)
    returns = np.diff(prices)
    windows = np.lib.stride_tricks.sliding_window_view(returns, 33)
    X = frame(recent)[:0].reindex(range(len(windows)))
    X[[f"lag_{age}" for age in range(32)]] = windows[:, -2::-1]
    model = ExponentialSmoothingContestant().fit(X, windows[:, -1])
    assert model.params["alpha"] == pytest.approx(0.618, abs=0.05)  # of equal noise and step: the golden section
    assert model.params["beta"] == pytest.approx(0.0, abs=0.05)
