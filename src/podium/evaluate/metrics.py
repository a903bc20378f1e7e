"""Point forecast metrics. Each knows its name, its unit and which way is better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from podium.records import Floats


@dataclass(frozen=True, slots=True)
class Metric:
    """A score of forecasts against realised values.

    Attributes:
        name: under which every contestant's run records it.
        unit: of the score.
        lower_is_better: direction.
        compute: of (actual, forecast), both of shape (n_scored,).
    """

    name: str
    unit: str
    lower_is_better: bool
    compute: Callable[[Floats, Floats], float]


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


METRICS = (
    Metric("rmse", "log return", lower_is_better=True, compute=rmse),
    Metric("mae", "log return", lower_is_better=True, compute=mae),
    Metric("directional_accuracy", "share of days", lower_is_better=False, compute=directional_accuracy),
)


def score(actual: Floats, forecast: Floats) -> dict[str, float]:
    """Every metric by name; one that cannot be computed is left out.

    Args:
        actual: shape (n_scored,), realised log returns.
        forecast: shape (n_scored,), forecast log returns.
    """
    values = {metric.name: metric.compute(actual, forecast) for metric in METRICS}
    return {name: value for name, value in values.items() if np.isfinite(value)}
