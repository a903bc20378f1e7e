"""Forecasts as ONNX graphs, written with ONNX's own operators: input `X` in float64, output `forecast` in float64.

A graph written here is a dozen nodes, needs no converter at training time, and is compared with the model it mirrors.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from podium.environment import keep_private
from podium.records import Floats

OPSET = 17
IR_VERSION = 9


def affine_graph(weights: Floats, intercept: float) -> bytes:
    """`forecast = X @ weights + intercept`.

    Args:
        weights: shape (n_features,).
        intercept: a log return.
    """
    from onnx import helper, numpy_helper

    nodes = [
        helper.make_node("MatMul", ["X", "weights"], ["weighted"]),
        helper.make_node("Add", ["weighted", "intercept"], ["forecast"]),
    ]
    constants = [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(np.array(intercept), "intercept")]
    return _serialize("affine", nodes, constants, n_features=len(weights))


def lstm_graph(
    names: Sequence[str], lag_names: Sequence[str], weights: Sequence[NDArray[np.float32]], scale: float
) -> bytes:
    """`forecast = scale * dense(lstm(lags / scale))` with the lags oldest first.

    Args:
        names: columns of X in order.
        lag_names: the lags' columns, newest first.
        weights: Keras's, kernel (1, 4 units), recurrent kernel (units, 4 units), bias (4 units,), output kernel
            (units, 1) and output bias (1,), gates in the order input, forget, cell, output.
        scale: standard deviation of the training returns.
    """
    from onnx import TensorProto, helper, numpy_helper

    kernel, recurrent, bias, output_kernel, output_bias = weights
    units = len(recurrent)
    columns = np.array([list(names).index(name) for name in reversed(lag_names)])
    constants = {
        "columns": columns,
        "scale": np.array(scale),
        "feature_axis": np.array([2]),
        "direction_axis": np.array([0]),
        "W": _onnx_gates(kernel)[np.newaxis],  # (1, 4 units, 1)
        "R": _onnx_gates(recurrent)[np.newaxis],  # (1, 4 units, units)
        "B": np.concatenate([_onnx_gates(bias[np.newaxis])[:, 0], np.zeros(4 * units, np.float32)])[np.newaxis],
        "output_kernel": output_kernel[:, 0],
        "output_bias": output_bias[0],
    }
    nodes = [
        helper.make_node("Gather", ["X", "columns"], ["lags"], axis=1),  # (n, n_lags)
        helper.make_node("Div", ["lags", "scale"], ["scaled"]),
        helper.make_node("Cast", ["scaled"], ["scaled32"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["scaled32"], ["by_age"], perm=[1, 0]),  # (n_lags, n)
        helper.make_node("Unsqueeze", ["by_age", "feature_axis"], ["sequence"]),  # (n_lags, n, 1)
        helper.make_node("LSTM", ["sequence", "W", "R", "B"], ["", "state"], hidden_size=units),  # (1, n, units)
        helper.make_node("Squeeze", ["state", "direction_axis"], ["flat"]),  # (n, units)
        helper.make_node("MatMul", ["flat", "output_kernel"], ["weighted"]),
        helper.make_node("Add", ["weighted", "output_bias"], ["answer32"]),
        helper.make_node("Cast", ["answer32"], ["answer"], to=TensorProto.DOUBLE),
        helper.make_node("Mul", ["answer", "scale"], ["forecast"]),
    ]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    return _serialize("lstm", nodes, tensors, n_features=len(names))


def mixture_graph(graphs: Mapping[str, bytes], weights: Floats) -> bytes:
    """`forecast = sum of weight * forecast` over members, whose graphs stand in it whole, each under its own name.

    Args:
        graphs: by member, each of the same `X`.
        weights: shape (len(graphs),).
    """
    import onnx
    from onnx import compose, helper, numpy_helper

    members = {name: _of_today(onnx.load_model_from_string(graph)) for name, graph in graphs.items()}
    nodes: list[Any] = []
    constants: list[Any] = []
    for (name, model), weight in zip(members.items(), weights, strict=True):
        graph = compose.add_prefix(model, f"{name}/", rename_inputs=False).graph
        nodes += [*graph.node, helper.make_node("Mul", [f"{name}/forecast", f"weight of {name}"], [f"weighted {name}"])]
        constants += [*graph.initializer, numpy_helper.from_array(np.array(weight), f"weight of {name}")]
    nodes.append(helper.make_node("Sum", [f"weighted {name}" for name in members], ["forecast"]))
    domains = {item.domain: item for model in members.values() for item in model.opset_import}
    n_features = next(iter(members.values())).graph.input[0].type.tensor_type.shape.dim[1].dim_value
    return _serialize("mixture", nodes, constants, n_features, list(domains.values()))


def _of_today(model: Any) -> Any:
    """The model in the operators that all graphs here are written in."""
    from onnx import version_converter

    written = next(item.version for item in model.opset_import if not item.domain)
    return model if written == OPSET else version_converter.convert_version(model, OPSET)


def _onnx_gates(by_gate: NDArray[np.float32]) -> NDArray[np.float32]:
    """Keras's (rows, 4 units) in order i, f, c, o as ONNX's (4 units, rows) in order i, o, f, c."""
    i, f, c, o = np.split(by_gate, 4, axis=1)
    return np.ascontiguousarray(np.concatenate([i, o, f, c], axis=1).T)


def _serialize(
    name: str, nodes: list[Any], constants: list[Any], n_features: int, opsets: list[Any] | None = None
) -> bytes:
    import onnx
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        nodes,
        name,
        inputs=[helper.make_tensor_value_info("X", TensorProto.DOUBLE, ["n_origins", n_features])],
        outputs=[helper.make_tensor_value_info("forecast", TensorProto.DOUBLE, ["n_origins"])],
        initializer=constants,
    )
    opsets = opsets or [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="podium")
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def open_graph(graph: bytes, threads: int = 0) -> Any:
    """ONNX Runtime's session of a serialized graph, which reads no file and reports nothing to anybody.

    Whoever wrote a graph may have it read its numbers from files, by default below the working directory; the folder
    that is named here is none.

    Args:
        graph: as written here, or by anybody.
        threads: how many compute; 0 for as many as there are cores.
    """
    keep_private()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def run_graph(graph: bytes, values: Floats) -> Floats:
    """Forecasts of a serialized graph.

    Args:
        graph: as written here.
        values: X of shape (n_origins, n_features), columns in the graph's order.

    Returns:
        shape (n_origins,).
    """
    return np.asarray(open_graph(graph).run(["forecast"], {"X": np.asarray(values, dtype=np.float64)})[0])
