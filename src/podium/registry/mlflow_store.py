"""The championship's memory, kept by MLflow: runs, versions, exclusive aliases, titles, and the models themselves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from podium.registry.family import Family
from podium.registry.runs import Runs
from podium.registry.versions import Versions

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel


class MlflowStore(Runs, Versions, Family):
    """Everything that Podium asks of MLflow, on SQLite, a database server or an MLflow server alike.

    Runs are recorded and found by `Runs`, versions made by `Versions`, aliases and titles kept by `Family`.
    """

    def fetch(self, uri: str, folder: Path | None = None) -> Path:
        """The artifacts of a model, or one file below them, as a local path.

        Args:
            uri: `models:/EURUSD_LSTM@champion`, `models:/EURUSD_LSTM/3` or `models:/EURUSD_LSTM/3/forecast.onnx`.
            folder: where to put them; by default a new temporary folder, or where they lie if that is this machine.

        Raises:
            RegistryError: there is no such model or file, or it cannot be fetched.
        """
        client = self.client
        from mlflow.artifacts import download_artifacts

        place = str(folder) if folder else None
        with self.errors(f"fetch {uri}"):
            path = download_artifacts(
                artifact_uri=uri, dst_path=place, tracking_uri=client.tracking_uri, registry_uri=self.registry_address
            )
        return Path(path)

    def load(self, uri: str) -> PyFuncModel:
        """A model ready to predict, whatever its architecture.

        Raises:
            RegistryError: there is no such model, or it cannot be fetched or loaded.
        """
        path = self.fetch(uri)
        import mlflow.pyfunc

        with self.errors(f"load {uri}"):
            model: PyFuncModel = mlflow.pyfunc.load_model(str(path))
        return model
