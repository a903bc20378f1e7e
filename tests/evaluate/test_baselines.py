"""The two baselines, and why beating the guide's means little."""

from __future__ import annotations

import numpy as np
import pytest

from podium.evaluate.baselines import PERSISTENCE, RANDOM_WALK, baseline_forecasts, baseline_scores


def test_persistence_repeats_and_the_random_walk_stays():
    """Tomorrow is today, or nothing moves."""
    found = baseline_forecasts(np.array([0.01, -0.02]))
    assert found[PERSISTENCE].tolist() == [0.01, -0.02]
    assert found[RANDOM_WALK].tolist() == [0.0, 0.0]


def test_persistence_is_worse_by_the_root_of_two():
    """On returns without memory persistence has 1.41 times the random walk's RMSE."""
    returns = np.random.default_rng(0).normal(0, 0.005, 20_001)
    scores = baseline_scores(returns[1:], returns[:-1])
    assert scores[PERSISTENCE]["rmse"] / scores[RANDOM_WALK]["rmse"] == pytest.approx(np.sqrt(2), rel=0.01)
    assert scores[RANDOM_WALK]["rmse"] == pytest.approx(np.sqrt(np.mean(returns[1:] ** 2)))
    assert "directional_accuracy" not in scores[RANDOM_WALK]
