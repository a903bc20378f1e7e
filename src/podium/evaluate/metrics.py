"""Point forecast metrics, under the names by which every contestant's run records them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

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


METRICS: Final[Mapping[str, Callable[[Floats, Floats], float]]] = MappingProxyType(
    {"rmse": rmse, "mae": mae, "directional_accuracy": directional_accuracy}
)


def score(actual: Floats, forecast: Floats) -> dict[str, float]:
    """Every metric by name; one that cannot be computed is left out.

    Args:
        actual: shape (n_scored,), realised log returns.
        forecast: shape (n_scored,), forecast log returns.
    """
    values = {name: compute(actual, forecast) for name, compute in METRICS.items()}
    return {name: value for name, value in values.items() if np.isfinite(value)}
