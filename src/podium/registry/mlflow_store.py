"""The championship's memory, kept by MLflow: runs, versions, exclusive aliases, titles, and the models themselves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from podium.environment import TENSORFLOW, lent
from podium.registry import edge
from podium.registry.family import Family
from podium.registry.runs import Runs
from podium.registry.versions import Versions

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel


# models:/<name>/<version>, models:/<name>@<alias> or models:/m-<id>, and perhaps a path below.
MODELS_URI = re.compile(r"models:/(?P<name>[^/@]+)(?:/(?P<version>\d+)|@(?P<alias>[^/]+))?(?P<below>(?:/.*)?)")


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
            where = self._location(uri)
            path = download_artifacts(artifact_uri=where, dst_path=place, tracking_uri=client.tracking_uri)
        return Path(path)

    def _location(self, uri: str) -> str:
        """Where the files of a `models:/` address lie; MLflow itself would ask the process's global registry."""
        found = MODELS_URI.fullmatch(uri)
        if found is None:
            return uri
        name, version, alias, below = found.group("name", "version", "alias", "below")
        if alias:
            version = str(self.client.get_model_version_by_alias(name, alias).version)
        if version:
            return f"{self.client.get_model_version_download_uri(name, version)}{below}"
        return f"{self.client.get_logged_model(name).artifact_location}{below}"

    def load(self, uri: str) -> PyFuncModel:
        """A model ready to predict, whatever its architecture.

        Raises:
            RegistryError: there is no such model, or it cannot be fetched or loaded.
        """
        path = self.fetch(uri)
        import mlflow.pyfunc

        with self.errors(f"load {uri}"), lent(TENSORFLOW):
            model: PyFuncModel = mlflow.pyfunc.load_model(str(path))
        edge.quiet_forecasts(model)
        return model
