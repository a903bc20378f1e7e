"""What any forecast must be held against, on the same days.

`persistence` (tomorrow's return is today's) is the guide's naive baseline. For returns without memory its RMSE is
sqrt(2) times the random walk's, so that beating it means nothing; `random_walk` (no change) is the benchmark that
matters: Meese and Rogoff 1983, Rossi 2013.
"""

from __future__ import annotations

import numpy as np

from podium.evaluate.metrics import score
from podium.records import FeatureTable

PERSISTENCE = "persistence"
RANDOM_WALK = "random_walk"


def baseline_scores(table: FeatureTable, scored: slice) -> dict[str, dict[str, float]]:
    """Metrics of each baseline by name.

    Args:
        table: X and target.
        scored: its rows that are scored.
    """
    actual, last_returns = table.target[scored], table.values[scored, table.names.index("lag_0")]
    return {PERSISTENCE: score(actual, last_returns), RANDOM_WALK: score(actual, np.zeros_like(actual))}
