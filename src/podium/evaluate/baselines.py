"""What any forecast must be held against, on the same days.

`persistence` (tomorrow's return is today's) is the guide's naive baseline. For returns without memory its RMSE is
sqrt(2) times the random walk's, so that beating it means nothing; `random_walk` (no change) is the benchmark that
matters: Meese and Rogoff 1983, Rossi 2013.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from podium.evaluate.metrics import score
from podium.records import Floats

PERSISTENCE = "persistence"
RANDOM_WALK = "random_walk"


def baseline_forecasts(last_returns: Floats) -> Mapping[str, Floats]:
    """Forecasts of each baseline by name.

    Args:
        last_returns: shape (n_scored,), the log return of each scored origin, `lag_0`.
    """
    return {PERSISTENCE: last_returns, RANDOM_WALK: np.zeros_like(last_returns)}


def baseline_scores(actual: Floats, last_returns: Floats) -> dict[str, dict[str, float]]:
    """Metrics of each baseline by name, on the scored days; both arguments of shape (n_scored,)."""
    return {name: score(actual, forecast) for name, forecast in baseline_forecasts(last_returns).items()}
