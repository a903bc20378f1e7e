"""The process of a model without a graph: MLflow loads it there, and forecasts over a pipe."""

from __future__ import annotations

import os
import signal
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from podium.records import Floats
from podium.registry.trust import own_byte_code

MEMORY = 4 * 2**30  # bytes; TensorFlow with a network of Podium's has one


def host(pipe: Connection, folder: Path, features: tuple[str, ...]) -> None:
    """Load the model, say so with None, then answer matrices with forecasts until the other side is gone.

    Rows that the model refuses are answered with None.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The libraries below print as they like; nobody wants to read it between the lines of the server.
    silence = os.open(os.devnull, os.O_WRONLY)
    for handle in (1, 2):
        os.dup2(silence, handle)
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))  # whatever an archive becomes when it is unpacked
    import mlflow.pyfunc

    with own_byte_code():
        model = mlflow.pyfunc.load_model(str(folder))
    pipe.send(None)
    while True:
        try:
            X = pipe.recv()
        except EOFError:
            return
        try:
            answer = _predict(model, X, features)
        except Exception:  # noqa: BLE001  the edge of the process: whatever the model raises is told as a refusal
            answer = None
        pipe.send(answer)


def _predict(model: Any, X: Floats, features: tuple[str, ...]) -> Floats:
    import pandas as pd

    answer = model.predict(pd.DataFrame(X, columns=list(features)))
    return np.asarray(answer, dtype=np.float64).reshape(-1)
