"""What a contestant brings home, written into one MLflow run in as few calls as there are kinds."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from podium.records import RunRecord
from podium.registry import packing
from podium.registry.entities import DIGEST_TAG, MODEL_URI_TAG, insisting
from podium.registry.local_files import digest, local_path
from podium.registry.log_items import Record, example_rows

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from podium.registry.connection import Connection

STATUS, RUNNING, COMPLETED, FAILED = "status", "running", "completed", "failed"
MODEL = "model"  # so that `runs:/<run id>/model` loads, as after the guide's `log_model(..., "model")`
BATCH = 100  # MLflow's limit of params a call


class Recorder:
    """Writes one run: words and numbers at once, files at once, the model, then `completed` as the very last act."""

    def __init__(self, to: Connection, experiment_id: str) -> None:
        self.client = to.client
        self.experiment_id = experiment_id
        self.clean = to.clean
        self.artifacts_at = to.artifacts_at

    def record(self, content: Record, started_at: int | None = None) -> RunRecord:
        """Record one contestant.

        Args:
            content: everything that its run is to hold.
            started_at: milliseconds since the epoch at which the work began; now if not given.

        Returns:
            The run as it will be found again.
        """
        started_at = started_at or int(time.time() * 1000)
        tags = {name: self.clean(value) for name, value in content.tags.items()}
        run = self._start(tags, started_at)
        run_id = str(run.info.run_id)
        try:
            tags |= self._log_all(run, content, started_at)
            self.client.set_terminated(run_id, "FINISHED")
        except Exception:  # whatever it was: a run that broke off must not look as if it were still going on
            self._give_up(run_id)
            raise
        self.client.set_tag(run_id, STATUS, COMPLETED)
        last = {name: value for name, value, _ in content.metrics}
        tags[STATUS] = COMPLETED
        return RunRecord(run_id, tags["model_type"], tags[MODEL_URI_TAG], last, tags, started_at)

    def _start(self, tags: dict[str, str], started_at: int) -> Run:
        user = tags.get("developer", "")
        origin = {"mlflow.user": user, "mlflow.source.name": "podium", "mlflow.source.type": "LOCAL"}
        if commit := source_commit():
            origin["mlflow.source.git.commit"] = commit
        name = f"{tags['model_type']} {tags['data_version']}"
        everything = {**origin, **code_version(), **tags, STATUS: RUNNING}
        return self.client.create_run(self.experiment_id, started_at, everything, run_name=name)

    def _log_all(self, run: Run, content: Record, now: int) -> dict[str, str]:
        """What the flavours' `log_model` does, on an explicit client: no global state, nothing loaded back on trial.

        Returns:
            The run's tags that tell of its model.
        """
        from mlflow.entities import DatasetInput, InputTag, LoggedModelOutput, LoggedModelStatus
        from mlflow.models import Model

        run_id = str(run.info.run_id)
        logged = self.client.create_logged_model(
            self.experiment_id, name=MODEL, source_run_id=run_id, model_type=content.tags["model_type"]
        )
        self.client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
        inputs = [DatasetInput(_dataset(content), [InputTag("mlflow.data.context", "training")])]
        insisting(lambda: self.client.log_inputs(run_id, inputs))  # contestants side by side have the same dataset
        with tempfile.TemporaryDirectory(prefix="podium-") as parent:
            folder = Path(parent, "model")
            place, name = logged.artifact_location, logged.model_id
            meta = Model(artifact_path=place, run_id=run_id, model_uuid=name, model_id=name)
            packing.pack(content.model, example_rows(content.table), folder, meta)
            tags = {MODEL_URI_TAG: f"models:/{logged.model_id}", DIGEST_TAG: digest(folder)}
            self._log_values(run_id, content, logged.model_id, tags, now)
            self._send(run.info.artifact_uri, self._files(Path(parent, "files"), content))
            self._send(logged.artifact_location, folder)
        self.client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
        return tags

    def _log_values(self, run_id: str, content: Record, model_id: str, words: dict[str, str], now: int) -> None:
        from mlflow.entities import Metric, Param, RunTag

        # A metric that names the model counts for the run and for the model: one write shows it in both pages.
        written = [Metric(name, value, now, step, model_id=model_id) for name, value, step in content.metrics]
        settings = [Param(name, self.clean(value)) for name, value in content.params.items()]
        tags = [RunTag(name, value) for name, value in words.items()]
        for start in range(0, max(len(settings), len(written)), BATCH):
            batch = slice(start, start + BATCH)
            self.client.log_batch(run_id, written[batch], settings[batch], tags, synchronous=True)
            tags = []

    def _files(self, folder: Path, content: Record) -> Path:
        for path, data in content.files.items():
            is_text = path.endswith(".json")
            _place(folder, path).write_bytes(self.clean(data.decode()).encode() if is_text else data)
        for path, figure in content.figures.items():
            figure.savefig(_place(folder, path))
        return folder

    def _send(self, address: str, folder: Path) -> None:
        """As the client's `log_artifacts` does, which asks the server for the address first."""
        place: Any = self.artifacts_at(address)
        place.log_artifacts(str(folder))

    def _give_up(self, run_id: str) -> None:
        """The run ends as failed; where even that has no room, what it wrote so far makes some."""
        from mlflow.exceptions import MlflowException

        with suppress(MlflowException):  # the store is gone; the error that brought us here says so
            try:
                fail(self.client, run_id)
            except MlflowException:
                written = local_path(self.client.get_run(run_id).info.artifact_uri)
                if written is None:
                    raise
                shutil.rmtree(written, ignore_errors=True)
                fail(self.client, run_id)


def fail(client: MlflowClient, run_id: str) -> None:
    """Say of a run that it failed."""
    client.set_terminated(run_id, "FAILED")
    client.set_tag(run_id, STATUS, FAILED)


def _dataset(content: Record) -> Any:
    from mlflow.entities import Dataset

    table, version = content.table, content.table.data_version
    schema = {"mlflow_colspec": [{"type": "double", "name": name, "required": True} for name in table.names]}
    return Dataset(
        name=f"{table.pair} daily features",
        digest=str(version)[-36:],  # MLflow's limit; the end of a data version is the digest of its content
        source_type="code",
        source=json.dumps({"tags": {"source": version.source, "data_version": str(version)}}),
        schema=json.dumps(schema),
        profile=json.dumps({"num_rows": int(np.isfinite(table.target).sum())}),
    )


def _place(folder: Path, path: str) -> Path:
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def code_version() -> dict[str, str]:
    """The tags of a run that say by which Podium it was made."""
    from importlib.metadata import version

    commit = source_commit()
    return {"podium_version": version("podium")} | ({"git_commit": commit} if commit else {})


@lru_cache(maxsize=1)
def source_commit() -> str:
    """Commit that this very code was checked out from; empty when it is not under version control."""
    folder = Path(__file__).parents[1]
    command = ["git", "-C", str(folder), "rev-parse", "HEAD", "HEAD:./__init__.py"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.split()[0]
