"""LinearRegression is ordinary least squares on its seven features, by name, inside one pipeline."""

from __future__ import annotations

import numpy as np
import pytest

from podium.features import frame
from podium.models.linear import LinearRegressionContestant
from podium.models.onnx_graph import run_graph


def test_it_is_least_squares_on_lags(recent):
    """Its fit is the least-squares solution on six lags: the five-day mean is one of their sums and adds nothing."""
    X, y = frame(recent)[:-1], recent.target[:-1]
    model = LinearRegressionContestant().fit(X, y)
    lags = np.column_stack([np.ones(len(X)), X[[f"lag_{age}" for age in range(6)]].to_numpy()])
    expected = lags @ np.linalg.lstsq(lags, y)[0]
    assert model.predict(X) == pytest.approx(expected, abs=1e-12)


def test_only_its_features_have_weight(recent):
    """Forecasts are affine in the features that it names and in nothing else."""
    contestant = LinearRegressionContestant(lags_used=3)
    assert contestant.features == ["lag_0", "lag_1", "lag_2", "ma_5"]
    weights, _ = contestant.fit(frame(recent)[:-1], recent.target[:-1]).coefficients(recent.names)
    used = np.isin(recent.names, contestant.features)
    assert np.abs(weights[~used]).max() < 1e-15
    assert np.abs(weights[used]).min() > 1e-6


def test_the_graph_is_the_forecast(recent):
    """The ONNX graph, in double precision, equals `predict` to rounding on real windows."""
    X = frame(recent)
    model = LinearRegressionContestant().fit(X[:-1], recent.target[:-1])
    graph = model.onnx(recent.names)
    assert run_graph(graph, recent.values) == pytest.approx(model.predict(X), abs=1e-15)
    assert run_graph(graph, recent.values[:1]) == pytest.approx(model.predict(X[:1]), abs=1e-15)


def test_params_name_the_features():
    """A run records which columns were used."""
    params = LinearRegressionContestant().params
    assert params == {"features": "lag_0,lag_1,lag_2,lag_3,lag_4,lag_5,ma_5", "lags_used": 6}
