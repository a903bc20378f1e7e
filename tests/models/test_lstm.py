"""LSTM: a plain Keras network, trained by a loop of its own that repeats, stops early and keeps its best epoch."""

from __future__ import annotations

import random
import subprocess
import sys
import threading

import numpy as np
import pytest

from podium.environment import child_environment
from podium.features import frame
from podium.models.lstm import LstmContestant, _batches, _best_epoch
from podium.models.onnx_graph import run_graph

pytestmark = pytest.mark.tensorflow
N_LEARNED = 900


@pytest.fixture(scope="module")
def rows(recent):
    """X and y of 900 days."""
    return frame(recent)[:N_LEARNED], recent.target[:N_LEARNED]


@pytest.fixture(scope="module")
def contestant():
    """Small and quick; built once, as a network is."""
    return LstmContestant(units=6, epochs=5, patience=2, batch_size=128, seed=3)


@pytest.fixture(scope="module")
def model(contestant, rows):
    """Fitted once for the module."""
    return contestant.fit(*rows)


def test_a_second_fit_is_the_first(contestant, model, rows, recent):
    """The same network fitted again after another fit gives the same weights to the last bit."""
    contestant.fit(rows[0][:400], rows[1][:400])
    again = contestant.fit(*rows)
    assert all(map(np.array_equal, again.weights, model.weights))
    assert np.array_equal(again.predict(frame(recent)), model.predict(frame(recent)))
    assert np.array_equal(again.learning_curve["training"], model.learning_curve["training"])


def test_others_who_draw_random_numbers_change_nothing(model, rows):
    """First weights and shuffles have seeds of their own: a thread that draws all the time gives the same weights."""
    done = threading.Event()

    def draw():
        while not done.is_set():
            random.random()
            np.random.random()

    thread, patience = threading.Thread(target=draw), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread.start()
    try:
        again = LstmContestant(units=6, epochs=5, patience=2, batch_size=128, seed=3).fit(*rows)
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(patience)
    assert all(map(np.array_equal, again.weights, model.weights))


def test_nobodys_random_numbers_are_changed(contestant, rows):
    """A fit and its Keras model leave the shared generators of Python and NumPy where they were."""
    before = random.getstate(), np.random.get_state()[1].tolist()
    fitted = LstmContestant(units=6, epochs=1, patience=1, batch_size=128).fit(*rows)
    assert fitted.native is not None
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_another_seed_is_another_network(contestant, model, rows):
    """The seed reaches the first weights and the order of the rows."""
    other = LstmContestant(units=6, epochs=5, patience=2, batch_size=128, seed=4).fit(*rows)
    assert not np.allclose(other.weights[0], model.weights[0])


def test_a_model_keeps_its_weights_when_its_contestant_fits_again(contestant, model, rows, recent):
    """Two models of one network do not share what they learned."""
    before = model.predict(frame(recent))
    other = contestant.fit(rows[0][:400], rows[1][:400])
    assert not np.allclose(other.predict(frame(recent)), before)
    assert np.array_equal(model.predict(frame(recent)), before)


def test_the_curve_tells_what_was_kept(model, rows, contestant):
    """The kept weights give exactly the lowest held-out loss of the curve, in the epoch that the params name."""
    curve = model.learning_curve
    n_held_out = int(N_LEARNED * contestant.validation_fraction)
    X, y = rows[0][-n_held_out:], rows[1][-n_held_out:]
    loss = np.mean(((model.predict(X) - y) / model.scale) ** 2)
    assert loss == pytest.approx(curve["validation"].min(), rel=1e-5)
    assert model.params["best_epoch"] == int(np.argmin(curve["validation"])) + 1
    assert model.params["epochs"] == len(curve["training"]) == len(curve["validation"])


def test_training_lowers_the_loss_on_what_can_be_learned(recent):
    """Where the next return is half of today's, the network finds most of it."""
    rng = np.random.default_rng(0)
    X = frame(recent)[:N_LEARNED]
    y = 0.5 * X["lag_0"].to_numpy() + rng.normal(0, 1e-3, N_LEARNED)
    model = LstmContestant(units=6, epochs=40, patience=40, batch_size=64, learning_rate=2e-2).fit(X[:800], y[:800])
    error = y[800:] - model.predict(X[800:])
    assert error.var() < 0.5 * y[800:].var()


@pytest.mark.parametrize(
    ("losses", "epochs", "best"),
    [([5.0, 4.0, 4.5, 4.6, 1.0], 4, 2), ([5.0, 4.0, 3.0, 2.0, 1.0], 5, 5), ([1.0, 1.0, 1.0, 0.5, 0.1], 3, 1)],
)
def test_it_stops_after_patience_epochs_without_a_better_one(contestant, rows, monkeypatch, *, losses, epochs, best):
    """Two epochs without a lower held-out loss end the fit, and the best epoch is the first of the lowest."""
    network = contestant._network
    held_out = iter(losses)

    class Scripted:
        def __init__(self, answers):
            self.answers = answers

        def numpy(self):
            return self.answers

    def answers(sequences):
        return Scripted(np.full((len(sequences), 1), np.sqrt(next(held_out)), np.float32))

    monkeypatch.setattr(network, "_answers", answers)
    sequences = network.sequences(rows[0][:200])
    options = {"n_validation": 20, "epochs": 5, "patience": 2, "batch_size": 64}
    _, curve = network.train(sequences, np.zeros(200, np.float32), **options)
    assert len(curve["validation"]) == epochs
    assert _best_epoch(list(curve["validation"])) == best


def test_every_row_is_met_and_none_twice():
    """An epoch's batches are a shuffle; a rest smaller than a batch is another one the next time."""
    order = np.random.default_rng(1)
    first, second = _batches(order, 103, 20), _batches(order, 103, 20)
    assert first.shape == (5, 20)
    assert len(np.unique(first)) == 100
    assert not np.array_equal(first, second)
    assert set(np.setdiff1d(np.arange(103), first)) != set(np.setdiff1d(np.arange(103), second))
    assert _batches(order, 7, 20).shape == (1, 7)


def test_the_native_model_takes_the_whole_x_unscaled(model, recent):
    """The Keras model finds the window by place and scales inside its graph: raw X in, log returns out."""
    X = frame(recent)[-50:]
    answers = np.asarray(model.native.predict_on_batch(X.to_numpy()))
    assert answers.dtype == np.float64
    assert answers.ravel() == pytest.approx(model.predict(X), abs=1e-9)
    other = X.copy()
    other["ma_5"] = 1e3
    assert np.array_equal(np.asarray(model.native.predict_on_batch(other.to_numpy())), answers)


def test_the_graph_is_the_forecast(model, recent):
    """The ONNX graph equals `predict` to a billionth on every real window of five years, one row or many."""
    X = frame(recent)
    graph = model.onnx(recent.names)
    assert run_graph(graph, recent.values) == pytest.approx(model.predict(X), abs=1e-9)
    assert run_graph(graph, recent.values[:1]) == pytest.approx(model.predict(X[:1]), abs=1e-9)


def test_the_graph_finds_moved_columns(model, recent):
    """The graph is written for the columns it is told of, in their order."""
    moved = recent.names[::-1]
    graph = model.onnx(moved)
    assert run_graph(graph, frame(recent)[list(moved)].to_numpy()) == pytest.approx(
        model.predict(frame(recent)), abs=1e-9
    )


def test_the_window_goes_in_oldest_first(contestant, recent):
    """The last step of a sequence is today's return."""
    sequences = contestant._network.sequences(frame(recent)[:3])
    assert sequences.shape == (3, 32, 1)
    assert sequences[:, -1, 0] == pytest.approx(recent.values[:3, 0])
    assert sequences[:, 0, 0] == pytest.approx(recent.values[:3, 31])


@pytest.mark.tensorflow
def test_a_shape_is_built_once_in_a_process():
    """Contestants of one shape share their network, so that a worker's memory stays flat; others have their own."""
    shared = LstmContestant(n_lags=7, units=3)._network
    assert LstmContestant(n_lags=7, units=3)._network is shared
    others = [LstmContestant(n_lags=6, units=3), LstmContestant(n_lags=7, units=3, seed=1)]
    assert [one._network is shared for one in others] == [False, False]


def test_a_fit_loads_no_library_that_it_does_not_use():
    """Keras' wrappers of scikit-learn, and scikit-learn with them, are loaded for whoever asks, and for no fit."""
    fit = """
import sys
import numpy as np, pandas as pd
from podium.models.lstm import LstmContestant, import_keras
lags = [f"lag_{lag}" for lag in range(3)]
X = pd.DataFrame(np.linspace(-1, 1, 120).reshape(40, 3), columns=lags)
LstmContestant(n_lags=3, units=1, epochs=1).fit(X, X["lag_0"].to_numpy())
print("sklearn" in sys.modules, hasattr(import_keras().wrappers, "SKLearnRegressor"), "sklearn" in sys.modules)
"""
    told = subprocess.run(
        [sys.executable, "-c", fit], capture_output=True, text=True, check=True, env=child_environment()
    )
    assert told.stdout.split() == ["False", "True", "True"]
