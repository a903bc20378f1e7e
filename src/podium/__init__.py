"""A forecasting championship on MLflow.

import podium

model = podium.load_champion("EURUSD")      # whichever architecture leads
forecasts = model.predict(X)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel

__all__ = ["load_champion"]


def load_champion(pair: str = "EURUSD") -> PyFuncModel:
    """The model that leads a pair's championship, whatever its architecture.

    It is found by its alias over all models `<PAIR>_*`, in the registry that the settings name.

    Args:
        pair: six letters, `EURUSD`.

    Raises:
        podium.errors.MissingError: there is no champion yet.
        podium.errors.RegistryError: the registry cannot be reached.
    """
    from podium.registry.mlflow_store import MlflowStore
    from podium.settings import Settings

    store = MlflowStore(Settings.load({"pair": pair}))
    return store.load(store.champion().pinned_uri)
