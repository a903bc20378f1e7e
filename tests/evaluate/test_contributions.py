"""Why a forecast is what it is: parts that add up to it, found from the graphs that are registered."""

from __future__ import annotations

from functools import cache, partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from podium.evaluate.contributions import EXACT, Model, change, contributions
from podium.features import build_features, frame
from podium.models.arima import ArimaContestant
from podium.models.linear import LinearRegressionContestant
from podium.models.onnx_graph import lstm_graph, mixture_graph, run_graph
from podium.records import Floats, Series

N_LAGS, N_DAYS = 8, 300
NAMES = (*(f"lag_{lag}" for lag in range(N_LAGS)), "ma_5")

rows = arrays(np.float64, (2, N_LAGS + 1), elements=st.floats(-0.2, 0.2))
families = st.sampled_from(["LinearRegression", "ARIMA", "both"])


@cache
def graph_of(family: str, seed: int = 1) -> bytes:
    """The graph that the registry would hold of a contestant fitted on a seeded walk."""
    if family == "both":
        members = {name: graph_of(name, seed) for name in ("LinearRegression", "ARIMA")}
        return mixture_graph(members, np.array([0.7, 0.2]))
    closes = np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.005, N_DAYS)))
    days = np.datetime64("2025-01-01") + np.arange(N_DAYS)
    table = build_features(Series("EURUSD", days, closes, "test"), N_LAGS, "v")
    contestant = {"LinearRegression": LinearRegressionContestant, "ARIMA": ArimaContestant}[family](n_lags=N_LAGS)
    fitted = contestant.fit(frame(table)[:-1], table.target[:-1])
    assert table.names == NAMES
    return fitted.onnx(table.names)


def model(family: str, seed: int = 1) -> Model:
    """The graph as a function of X."""
    return partial(run_graph, graph_of(family, seed))


@cache
def network() -> bytes:
    """A small network of random weights."""
    rng = np.random.default_rng(5)
    shapes = ((1, 8), (2, 8), (8,), (2, 1), (1,))
    weights = [rng.normal(0, 1, shape).astype(np.float32) for shape in shapes]
    return lstm_graph(NAMES, NAMES[:N_LAGS], weights, 0.005)


@settings(max_examples=60, deadline=None)
@given(X=rows, family=families)
def test_the_parts_of_an_affine_forecast_add_up_to_it(X: Floats, family: str) -> None:
    """Constant and columns sum to what the graph says, within 1e-12, and each column's part is its weight's alone."""
    says = model(family)
    found = contributions(says, NAMES, X[0])
    assert found is not None
    assert abs(found.total - says(X[:1])[0]) <= EXACT
    assert tuple(found.columns) == NAMES
    assert found.constant == says(np.zeros((1, N_LAGS + 1)))[0]
    only = np.zeros((1, N_LAGS + 1))
    only[0, 3] = X[0, 3]
    assert abs(found.constant + found.columns["lag_3"] - says(only)[0]) <= EXACT


@settings(max_examples=40, deadline=None)
@given(X=rows, earlier=families, later=families, seed=st.integers(1, 3))
def test_rates_and_model_together_are_the_change(X: Floats, earlier: str, later: str, seed: int) -> None:
    """Whoever forecast before: what rates moved and what the model moved is the difference, and a same model none."""
    before, after = (earlier, model(earlier)), (f"{later} {seed}", model(later, seed))
    found = change(before, after, X)
    assert found.before == before[1](X[:1])[0]
    assert found.now == after[1](X[1:])[0]
    assert abs(found.data + found.model - (found.now - found.before)) <= EXACT
    same = change(before, before, X)
    assert (same.model, same.earlier) == (0.0, same.later)
    assert change(before, after, X[[1, 1]]).data == 0.0


@pytest.mark.parametrize("row", [np.full(N_LAGS + 1, 0.01), np.linspace(-0.02, 0.02, N_LAGS + 1)])
def test_a_network_says_that_it_has_no_parts(row: Floats) -> None:
    """What is not affine is told apart by the sum, also where it is odd; its change is told all the same."""
    says = partial(run_graph, network())
    assert contributions(says, NAMES, row) is None
    assert contributions(lambda X: np.sinh(X @ row * 50), NAMES, row) is None
    assert contributions(lambda X: np.abs(X[:, 0]), NAMES, row) is None
    moved = change(("LSTM 1", says), ("LSTM 1", says), np.stack([row, 2 * row]))
    assert moved.data != 0.0
