"""Metrics by their formulas, worked by hand and against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from podium.evaluate.metrics import directional_accuracy, mae, rmse, score

ACTUAL = np.array([0.01, -0.02, 0.0, 0.03])
FORECAST = np.array([0.02, 0.01, 0.01, 0.01])


def test_a_few_days_by_hand():
    """Errors of -1, -3, -1 and 2 hundredths; two of three signs, as a day without a move does not count."""
    assert rmse(ACTUAL, FORECAST) == pytest.approx(math.sqrt(15 / 4) / 100)
    assert mae(ACTUAL, FORECAST) == pytest.approx(0.07 / 4)
    assert directional_accuracy(ACTUAL, FORECAST) == pytest.approx(2 / 3)


def test_they_agree_with_scikit_learn():
    """On random days the errors are those of the reference library."""
    actual, forecast = np.random.default_rng(0).normal(size=(2, 500))
    assert rmse(actual, forecast) == pytest.approx(root_mean_squared_error(actual, forecast))
    assert mae(actual, forecast) == pytest.approx(mean_absolute_error(actual, forecast))


def test_no_forecast_has_no_direction():
    """The random walk names no direction: not a number, and left out of the scores, never zero."""
    assert math.isnan(directional_accuracy(ACTUAL, np.zeros(4)))
    assert set(score(ACTUAL, np.zeros(4))) == {"rmse", "mae"}


def test_the_names_are_the_guides():
    """Every run records the three metrics under the guide's names."""
    assert list(score(ACTUAL, FORECAST)) == ["rmse", "mae", "directional_accuracy"]
