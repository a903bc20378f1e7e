"""The two baselines, and why beating the guide's means little."""

from __future__ import annotations

import numpy as np
import pytest

from podium.data.store import data_version
from podium.evaluate.baselines import PERSISTENCE, RANDOM_WALK, baseline_scores
from podium.features import build_features
from podium.records import Series


def test_persistence_repeats_today_and_is_worse_by_the_root_of_two():
    """On returns without memory persistence has 1.41 times the random walk's RMSE, on the rows that are asked for."""
    returns = np.random.default_rng(0).normal(0, 0.005, 20_001)
    dates = np.datetime64("1950-01-01") + np.arange(len(returns))
    series = Series("EURUSD", dates, np.exp(np.cumsum(returns)), "drawn")
    scores = baseline_scores(build_features(series, 1, data_version(series)), slice(0, -1))
    assert scores[PERSISTENCE]["rmse"] == pytest.approx(np.sqrt(np.mean((returns[2:] - returns[1:-1]) ** 2)))
    assert scores[RANDOM_WALK]["rmse"] == pytest.approx(np.sqrt(np.mean(returns[2:] ** 2)))
    assert scores[PERSISTENCE]["rmse"] / scores[RANDOM_WALK]["rmse"] == pytest.approx(np.sqrt(2), rel=0.01)
    assert "directional_accuracy" not in scores[RANDOM_WALK]
