"""Forecasts of one model: an ONNX graph in this process, or MLflow's pyfunc in a process of its own."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from podium.errors import PodiumError
from podium.models.onnx_graph import open_graph
from podium.records import Floats
from podium.serve.hotswap.pyfunc_host import host

LOAD_TIMEOUT = 120.0  # seconds; MLflow and the model's library are imported
SCORE_TIMEOUT = 30.0  # seconds
CHUNK = 256  # rows a call: an LSTM's state for so many rows stays in the processor's cache


class ScoringError(PodiumError):
    """A model cannot be loaded, or does not forecast as it should."""


class Scorer(Protocol):
    """What forecasts.

    Attributes:
        quick: whether a few rows take microseconds, so that the event loop may call it.
    """

    quick: bool

    def score(self, X: Floats) -> Floats:
        """Forecast log returns.

        Args:
            X: shape (n_rows, n_features), the model's columns in its order.

        Returns:
            shape (n_rows,), float64.

        Raises:
            ScoringError: the model fails.
        """
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


class OnnxScorer:
    """A graph with input `X` of shape (n_rows, n_features), float64, and output `forecast` of shape (n_rows,).

    Args:
        graph: the serialized graph.
        n_features: how many columns the model takes.

    Raises:
        ScoringError: the graph is none, or has another signature.
    """

    def __init__(self, graph: bytes, n_features: int) -> None:
        self.quick = True
        try:
            # One thread: a row takes microseconds, and threads that spin would take the cores from the other requests.
            self._session = open_graph(graph, threads=1)
        except Exception as error:  # noqa: BLE001  onnxruntime's errors have no common base
            raise ScoringError(f"the graph cannot be loaded ({type(error).__name__})") from None
        _check_signature(self._session, n_features)

    def score(self, X: Floats) -> Floats:
        """See `Scorer.score`."""
        if len(X) <= CHUNK:
            return self._run(X)
        chunks = [X[start : start + CHUNK] for start in range(0, len(X), CHUNK)]
        return np.concatenate(list(_threads().map(self._run, chunks)))

    def _run(self, X: Floats) -> Floats:
        try:
            answer: Floats = self._session.run(["forecast"], {"X": X})[0]
        except Exception as error:  # noqa: BLE001  onnxruntime's errors have no common base
            raise ScoringError(f"the graph does not forecast ({type(error).__name__})") from None
        return answer

    def close(self) -> None:
        """Nothing to give back: the session goes with its last request."""


@cache
def _threads() -> ThreadPoolExecutor:
    """What large requests share; a session may run in several threads at once."""
    from podium.runners.local import available_cores

    return ThreadPoolExecutor(available_cores(), thread_name_prefix="podium-chunk")


def _check_signature(session: Any, n_features: int) -> None:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    found = [(item.name, item.type, item.shape[1:]) for item in inputs]
    if found != [("X", "tensor(double)", [n_features])]:
        raise ScoringError(f"the graph takes {found}, not X of {n_features} doubles a row")
    found = [(item.name, item.type, item.shape[1:]) for item in outputs]
    if found != [("forecast", "tensor(double)", [])]:
        raise ScoringError(f"the graph gives {found}, not one double named forecast a row")


class PyfuncScorer:
    """A model without a graph: a child process loads it with MLflow and forecasts, so that this one stays light.

    A child that has ended, or does not answer in time, is replaced: the request that finds it so fails, and a later one
    is answered by the new child.

    Args:
        folder: the model's artifacts.
        features: names of its columns, in order.

    Raises:
        ScoringError: the model cannot be loaded.
    """

    quick = False

    def __init__(self, folder: Path, features: tuple[str, ...]) -> None:
        self._given = (folder, features)
        self._lock = threading.Lock()
        self._closed = False
        self._start()
        with self._lock:
            self._await_loaded()

    def score(self, X: Floats) -> Floats:
        """See `Scorer.score`; one request at a time."""
        with self._lock:
            self._await_loaded()
            answer = self._exchange(SCORE_TIMEOUT, X)
        if answer is None:
            raise ScoringError("the model refuses these rows")
        if answer.shape != (len(X),):
            raise ScoringError(f"the model gives {answer.shape} forecasts for {len(X)} rows")
        return answer

    def _start(self) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=host, args=(theirs, *self._given), daemon=True)
        self._process.start()
        theirs.close()
        self._loading = True

    def _await_loaded(self) -> None:
        if self._loading:
            self._exchange(LOAD_TIMEOUT)
            self._loading = False

    def _exchange(self, timeout: float, X: Floats | None = None) -> Floats | None:
        """Send a matrix if there is one, and wait for what comes back."""
        try:
            if X is not None:
                self._pipe.send(X)
            if self._pipe.poll(timeout):
                answer: Floats | None = self._pipe.recv()
                return answer
        except (OSError, EOFError):
            pass
        loading = self._loading
        self._end()
        if loading:  # what could not be loaded once is not tried again by itself
            raise ScoringError("the model's process cannot load it; look at the model with mlflow")
        if not self._closed:
            self._start()
        raise ScoringError("the model's process is gone, or did not answer in time; another is started")

    def _end(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def close(self) -> None:
        """End the child process."""
        self._closed = True
        self._end()
