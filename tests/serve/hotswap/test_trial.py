"""Graphs that a writer of the registry planted: what they do to the process that tries them, and to no other."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from podium.models.onnx_graph import affine_graph
from podium.serve.hotswap import trial
from podium.serve.hotswap.fetched import GRAPH, digest
from podium.serve.hotswap.manifest import ModelCard
from podium.serve.hotswap.scorer import ScoringError
from podium.serve.hotswap.trial import Trials

DOUBLE = TensorProto.DOUBLE


def value(name: str, shape: list[str | int] | None, kind: int = DOUBLE) -> object:
    """What goes into a graph or comes out."""
    return helper.make_tensor_value_info(name, kind, shape)


def planted(nodes: list[NodeProto], **constants: np.ndarray) -> bytes:
    """A graph with the signature of a model's."""
    given = [numpy_helper.from_array(content, name) for name, content in constants.items()]
    graph = helper.make_graph(nodes, "planted", [value("X", ["n", 1])], [value("forecast", ["n"])], given)
    made = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)])
    return bytes(made.SerializeToString())


def hanging() -> bytes:
    """It adds for ever."""
    nodes = [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["a", "a"], ["sum"])]
    inner: GraphProto = helper.make_graph(
        nodes,
        "body",
        [value("i", [], TensorProto.INT64), value("go", [], TensorProto.BOOL), value("a", None)],
        [value("on", [], TensorProto.BOOL), value("sum", None)],
    )
    outer = [
        helper.make_node("ReduceSum", ["X", "axis"], ["row"], keepdims=0),
        helper.make_node("Loop", ["times", "yes", "row"], ["forecast"], body=inner),
    ]
    return planted(outer, axis=np.array([1]), times=np.array(2**62), yes=np.array(True))


def swelling() -> bytes:
    """It wants four terabytes."""
    nodes = [
        helper.make_node("Shape", ["X"], ["shape"]),
        helper.make_node("Mul", ["shape", "many"], ["large"]),
        helper.make_node("ConstantOfShape", ["large"], ["room"]),
        helper.make_node("ReduceSum", ["room", "axis"], ["sum"], keepdims=0),
        helper.make_node("Cast", ["sum"], ["forecast"], to=DOUBLE),
    ]
    return planted(nodes, many=np.array([1, 2**40]), axis=np.array([1]))


def card(folder: Path, graph: bytes) -> ModelCard:
    """Of a model with this graph."""
    (folder / "m").mkdir(exist_ok=True)
    (folder / "m" / GRAPH).write_bytes(graph)
    return ModelCard("EURUSD_Mine", 1, "r", "m", digest(graph), ("lag_0",), False, [], [], {})


@pytest.fixture
def trials(tmp_path: Path) -> Iterator[Trials]:
    """Trials of models in an empty folder."""
    found = Trials(tmp_path)
    yield found
    found.close()


def test_a_planted_graph_ends_its_trial_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trials: Trials) -> None:
    """One that never ends, one without measure and one that is none are refused with what they did; the next passes."""
    monkeypatch.setattr(trial, "COMMAND", f"from podium.serve.hotswap import trial; trial.SECONDS = 2; {trial.COMMAND}")
    monkeypatch.setattr(trial, "SECONDS", 2)
    refused: list[tuple[Callable[[], bytes], str]] = [
        (hanging, "computed for more than 2 s"),
        (swelling, "does not forecast"),
        (lambda: b"no graph", "cannot be loaded"),
    ]
    for graph, said in refused:
        with pytest.raises(ScoringError, match=said):
            trials.try_out(card(tmp_path, graph()))
    trials.try_out(card(tmp_path, affine_graph(np.ones(1), 0.0)))


def test_a_process_that_crashes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trials: Trials) -> None:
    """A graph that brings ONNX Runtime itself down brings down nobody else."""
    crash = "import os; trial.load_model = lambda *_: os.kill(os.getpid(), 11)"
    monkeypatch.setattr(trial, "COMMAND", f"from podium.serve.hotswap import trial; {crash}; {trial.COMMAND}")
    with pytest.raises(ScoringError, match="ended by SIGSEGV"):
        trials.try_out(card(tmp_path, b""))


def test_a_process_that_was_killed_between_trials_refuses_once(tmp_path: Path, trials: Trials) -> None:
    """What could not be handed over is a model not tried, and closing what is broken raises nothing."""
    good = card(tmp_path, affine_graph(np.ones(1), 0.0))
    trials.try_out(good)
    assert trials._process is not None
    trials._process.kill()
    trials._process.wait()
    with pytest.raises(ScoringError, match="the process in which it was tried ended"):
        trials.try_out(good)
    trials.try_out(good)


def test_a_process_that_cannot_begin_trials_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trials: Trials
) -> None:
    """A model that could not be tried is not served, and the next trial begins anew."""
    with monkeypatch.context() as broken:
        broken.setattr(trial, "COMMAND", "raise SystemExit(1)")
        with pytest.raises(ScoringError, match="the process in which it was tried ended"):
            trials.try_out(card(tmp_path, b""))
    trials.try_out(card(tmp_path, affine_graph(np.ones(1), 0.0)))
