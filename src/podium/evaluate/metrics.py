"""Point forecast metrics, under the names by which every contestant's run records them."""

from __future__ import annotations

import numpy as np

from podium.records import Floats


def rmse(actual: Floats, forecast: Floats) -> float:
    """Root mean squared error, in log returns."""
    return float(np.sqrt(np.mean((actual - forecast) ** 2)))


def mae(actual: Floats, forecast: Floats) -> float:
    """Mean absolute error, in log returns."""
    return float(np.mean(np.abs(actual - forecast)))


def directional_accuracy(actual: Floats, forecast: Floats) -> float:
    """Share of days whose sign was forecast; days without a move, and forecasts of none, do not count.

    NaN where no day counts, as for the random walk, which names no direction.
    """
    counts = (actual != 0) & (forecast != 0)
    if not counts.any():
        return float("nan")
    return float(np.mean(np.sign(actual[counts]) == np.sign(forecast[counts])))


def score(actual: Floats, forecast: Floats) -> dict[str, float]:
    """Every metric by name; one that cannot be computed is left out.

    Args:
        actual: shape (n_scored,), realised log returns.
        forecast: shape (n_scored,), forecast log returns.
    """
    values = {compute.__name__: compute(actual, forecast) for compute in (rmse, mae, directional_accuracy)}
    return {name: value for name, value in values.items() if np.isfinite(value)}
