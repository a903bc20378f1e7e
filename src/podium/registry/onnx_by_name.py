"""How MLflow's pyfunc loads an ONNX model that Podium logged; a copy travels with the model and needs no Podium.

The ONNX flavour answers with a table. Loaded by this module, a graph takes the same table as every other contestant, by
the names of its columns, and answers as they do with one number a row.
"""

from __future__ import annotations

from typing import Any


class ByName:
    """A graph of the whole X behind a table; pyfunc brings the columns into the order of the signature."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def get_raw_model(self) -> Any:
        """The session, with input `X` of shape (n_rows, n_columns) and output `forecast`."""
        return self._session

    def predict(self, data: Any, params: Any = None) -> Any:
        """Forecasts of a table's rows, an array of shape (n_rows,)."""
        return self._session.run(["forecast"], {"X": data.to_numpy("float64")})[0]


def _load_pyfunc(path: str) -> ByName:
    """What pyfunc calls with the file of the model."""
    import onnxruntime

    return ByName(onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]))
