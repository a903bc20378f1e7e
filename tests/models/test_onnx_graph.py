"""Graphs written by hand compute what they say, in double precision at both ends."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from podium.models.onnx_graph import affine_graph, lstm_graph, run_graph


def test_an_affine_graph_is_exact():
    """`X @ weights + intercept` to the last bits, for one row and for many."""
    rng = np.random.default_rng(0)
    X, weights = rng.normal(size=(40, 7)), rng.normal(size=7)
    graph = affine_graph(weights, -0.25)
    assert run_graph(graph, X) == pytest.approx(X @ weights - 0.25, abs=1e-14)
    assert run_graph(graph, X[:1]).shape == (1,)


def reference_lstm(sequence, kernel, recurrent, bias):
    """Hochreiter and Schmidhuber with a forget gate, in float64; gates in Keras's order."""
    units = len(recurrent)
    state, cell = np.zeros(units), np.zeros(units)
    for value in sequence:
        gates = value * kernel[0] + state @ recurrent + bias
        i, f, c, o = np.split(gates, 4)
        cell = cell / (1 + np.exp(-f)) + np.tanh(c) / (1 + np.exp(-i))
        state = np.tanh(cell) / (1 + np.exp(-o))
    return state


def test_an_lstm_graph_is_the_textbooks():
    """Scaling, order of time, order of gates and both ends agree with the equations in plain numpy."""
    rng = np.random.default_rng(1)
    shapes = [(1, 12), (3, 12), (12,), (3, 1), (1,)]
    weights = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    names, lags, scale = ("other", "lag_1", "lag_0", "lag_2"), ("lag_0", "lag_1", "lag_2"), 0.005
    X = rng.normal(0, scale, size=(20, 4))
    states = [reference_lstm(row[[3, 1, 2]] / scale, *weights[:3]) for row in X]
    expected = scale * (np.array(states) @ weights[3][:, 0] + weights[4][0])
    assert run_graph(lstm_graph(names, lags, weights, scale), X) == pytest.approx(expected, abs=1e-8)


def test_both_ends_are_named_and_double():
    """Serving relies on one input `X` and one output `forecast`, both float64."""
    graph = onnx.load_from_string(affine_graph(np.ones(3), 0.0)).graph
    ends = [(end.name, end.type.tensor_type.elem_type) for end in (*graph.input, *graph.output)]
    assert ends == [("X", onnx.TensorProto.DOUBLE), ("forecast", onnx.TensorProto.DOUBLE)]
