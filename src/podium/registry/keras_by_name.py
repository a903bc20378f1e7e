"""How MLflow's pyfunc loads a Keras model that Podium logged; a copy travels with the model and needs no Podium.

The TensorFlow flavour knows tensors without names. Loaded by this module, a Keras model takes the same table as every
other contestant, by the names of its columns, and answers with one number a row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


class ByName:
    """A Keras model of the whole X behind a table; pyfunc brings the columns into the order of the signature."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def get_raw_model(self) -> Any:
        """The Keras model, which takes a tensor of shape (n_rows, n_columns)."""
        return self._model

    def predict(self, data: Any, params: Any = None) -> Any:
        """Forecasts of a table's rows, an array of shape (n_rows,)."""
        return self._model.predict(data.to_numpy("float64"), verbose=0).ravel()


def _load_pyfunc(path: str) -> ByName:
    """What pyfunc calls with the folder of the model's data."""
    import keras

    return ByName(keras.saving.load_model(Path(path, "model.keras"), compile=False))
