import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from podium.models.onnx_graph import affine_graph, run_graph
from podium.serve.hotswap import scorer as scorer_module
from podium.serve.hotswap.fetched import GRAPH
from podium.serve.hotswap.manifest import load
from podium.serve.hotswap.scorer import CHUNK, OnnxScorer, PyfuncScorer, ScoringError
from podium.serve.hotswap.signals import MANIFEST


def test_any_number_of_rows_gives_the_same_forecasts() -> None:
    """A row's forecast does not depend on how many rows come with it."""
    rng = np.random.default_rng(3)
    X, weights = rng.normal(size=(2 * CHUNK + 7, 4)), rng.normal(size=4)
    scorer = OnnxScorer(affine_graph(weights, 0.5), 4)
    assert np.allclose(scorer.score(X), X @ weights + 0.5, atol=1e-12)
    alone = np.concatenate([scorer.score(row[np.newaxis]) for row in X])
    assert np.allclose(scorer.score(X), alone, atol=1e-12)


@pytest.mark.parametrize("graph", [b"", b"no graph at all", b"\x08\x09\x12"])
def test_what_is_no_graph_is_refused(graph: bytes) -> None:
    """Bytes that are no graph are a scoring error, not a crash."""
    with pytest.raises(ScoringError):
        OnnxScorer(graph, 4)


def test_a_graph_reads_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted graph whose weights lie in a file of the server's folder would forecast that file's bytes."""
    from onnx import TensorProto, helper

    monkeypatch.chdir(tmp_path)
    Path("podium.toml").write_text("secret")
    secret = TensorProto(name="secret", data_type=TensorProto.UINT8, dims=[6], data_location=TensorProto.EXTERNAL)
    secret.external_data.add(key="location", value="podium.toml")
    nodes = [helper.make_node("Cast", ["secret"], ["forecast"], to=TensorProto.DOUBLE)]
    kind = TensorProto.DOUBLE
    X, forecast = (helper.make_tensor_value_info(*of) for of in (("X", kind, ["n", 1]), ("forecast", kind, ["n"])))
    opset = [helper.make_opsetid("", 17)]
    graph = helper.make_model(
        helper.make_graph(nodes, "g", [X], [forecast], [secret]), ir_version=9, opset_imports=opset
    )
    with pytest.raises(ScoringError, match="cannot be loaded"):
        OnnxScorer(graph.SerializeToString(), 1).score(np.zeros((1, 1)))
    with pytest.raises(Exception, match="External data"):
        run_graph(graph.SerializeToString(), np.zeros((1, 1)))


def test_a_graph_of_another_width_is_refused() -> None:
    """The graph's signature must be the model's: so many columns, float64, one forecast a row."""
    with pytest.raises(ScoringError, match="takes"):
        OnnxScorer(affine_graph(np.ones(3), 0.0), 4)


def test_a_model_without_graph_forecasts_in_its_own_process(world: Any, rows: Any) -> None:
    """MLflow's pyfunc in a child process gives the graph's forecasts, and refusing rows does not end it."""
    found = load(world.cache / MANIFEST)
    assert found is not None
    card = found.pairs["EURUSD"].arms["champion"]
    folder = world.cache / card.folder
    graph = OnnxScorer((folder / GRAPH).read_bytes(), len(card.features))
    scorer = PyfuncScorer(folder, card.features)
    try:
        assert np.abs(scorer.score(rows) - graph.score(rows)).max() < 1e-9
        with pytest.raises(ScoringError):
            scorer.score(np.full((1, len(card.features)), np.nan))
        assert len(scorer.score(rows)) == len(rows)
    finally:
        scorer.close()
    with pytest.raises(ScoringError):
        scorer.score(rows)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
def test_a_child_that_is_gone_is_replaced(
    world: Any, rows: Any, how: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child process that was killed, or that hangs, costs one request; the next is answered by another child."""
    found = load(world.cache / MANIFEST)
    assert found is not None
    card = found.pairs["EURUSD"].arms["champion"]
    scorer = PyfuncScorer(world.cache / card.folder, card.features)
    try:
        wanted = scorer.score(rows)
        monkeypatch.setattr(scorer_module, "SCORE_TIMEOUT", 0.3)
        os.kill(scorer._process.pid, how)
        with pytest.raises(ScoringError, match="another is started"):
            scorer.score(rows)
        monkeypatch.setattr(scorer_module, "SCORE_TIMEOUT", 30.0)
        assert np.array_equal(scorer.score(rows), wanted)
    finally:
        scorer.close()


def test_a_model_that_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    """A folder without a model ends the child process, and is a scoring error here."""
    with pytest.raises(ScoringError, match="cannot load"):
        PyfuncScorer(tmp_path, ("lag_0",))


def test_a_slow_graph_is_scored_beside_the_loop(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph that takes its time when it is tried is not quick, and one that does not is."""
    from podium.serve.hotswap import lineup

    found = load(world.cache / MANIFEST)
    assert found is not None
    card = found.pairs["EURUSD"].arms["champion"]
    assert lineup.load_model(card, world.cache).scorer.quick
    monkeypatch.setattr(lineup, "SLOW", 0.0)
    assert not lineup.load_model(card, world.cache).scorer.quick
