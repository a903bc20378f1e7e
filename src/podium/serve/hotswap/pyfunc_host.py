"""`python -m podium.serve.hotswap.pyfunc_host FOLDER FEATURES`: one pyfunc model, over standard input and output."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

from podium.records import Floats
from podium.serve.processes.frames import read_frame, write_frame


def main(folder: str, features: list[str]) -> int:
    """Load the model, say so, then answer matrices with forecasts until the other side is gone."""
    # The libraries below print as they like; what they print must not get between the frames.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    import mlflow.pyfunc

    model = mlflow.pyfunc.load_model(folder)
    write_frame(answers, b"+")
    while (frame := read_frame(sys.stdin.buffer)) is not None:
        X = np.frombuffer(frame, np.float64).reshape(-1, len(features))
        try:
            forecasts = _predict(model, X, features)
        except Exception:  # noqa: BLE001  the edge of the process: whatever the model raises is told as a refusal
            write_frame(answers, b"-")
        else:
            write_frame(answers, b"+" + forecasts.tobytes())
    return 0


def _predict(model: Any, X: Floats, features: list[str]) -> Floats:
    import pandas as pd

    answer = model.predict(pd.DataFrame(X, columns=features))
    return np.asarray(answer, dtype=np.float64).reshape(-1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2].split(",")))
