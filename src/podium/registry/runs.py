"""Runs: recorded once, found again only when completed, and only beside their equals."""

from __future__ import annotations

import tempfile
from pathlib import Path

from podium.records import DataVersion, RunRecord, ScoredDays
from podium.registry.answers import MODEL_URI_TAG, pages, quoted, run_record
from podium.registry.connection import Connection, is_there
from podium.registry.log_items import ContestantResult, RunContext, items
from podium.registry.recording import COMPLETED, STATUS, Recorder


class Runs(Connection):
    """The runs of one experiment."""

    def log_run(self, result: ContestantResult, context: RunContext) -> RunRecord:
        """Record one contestant: a run with its metrics, parameters, files and model; `status=completed` comes last.

        Raises:
            RegistryError: the store refuses; the run then stays without `completed` and never counts.
        """
        experiment_id = self.prepare()
        with self.errors(f"log the run of {result.family}"):
            return Recorder(self.client, experiment_id, self.clean).record(items(result, context), result.started_at)

    def completed_runs(self, data_version: DataVersion, scored_days: ScoredDays) -> list[RunRecord]:
        """Completed runs on exactly this series and these scored days, oldest first; others are never compared.

        Args:
            data_version: of the series.
            scored_days: on which they were scored.
        """
        if not is_there(self.address):
            return []
        wanted = {STATUS: COMPLETED, "data_version": str(data_version)}
        query = " and ".join(f"tags.{key} = {quoted(value)}" for key, value in wanted.items())
        client, oldest_first = self.client, ["attributes.start_time ASC"]
        with self.errors("search the runs"):
            experiment = client.get_experiment_by_name(self.settings.experiment_name)
            if experiment is None:
                return []
            ids = [experiment.experiment_id]
            runs = pages(
                lambda token: client.search_runs(ids, query, max_results=1000, order_by=oldest_first, page_token=token)
            )
        found = [run_record(run) for run in runs if MODEL_URI_TAG in run.data.tags]
        return [run for run in found if run.scored_days == str(scored_days)]

    def experiment_of(self, run_id: str) -> str:
        """Id of the experiment that a run belongs to.

        Raises:
            RegistryError: there is no such run.
        """
        with self.errors(f"find run {run_id}"):
            return str(self.client.get_run(run_id).info.experiment_id)

    def read_file(self, run_id: str, path: str) -> bytes | None:
        """An artifact of a run; None where the run has no such file.

        Args:
            run_id: MLflow's id of the run.
            path: below the run's artifacts, `forecasts.parquet`.
        """
        client = self.client
        with self.errors(f"read {path} of run {run_id}"), tempfile.TemporaryDirectory(prefix="podium-") as folder:
            if path not in {file.path for file in client.list_artifacts(run_id, str(Path(path).parent).strip("."))}:
                return None
            return Path(client.download_artifacts(run_id, path, folder)).read_bytes()

    def add_file(self, run_id: str, path: str, content: bytes) -> None:
        """Give a run one more artifact, or replace it.

        Args:
            run_id: MLflow's id of the run.
            path: below the run's artifacts.
            content: of the file.
        """
        place = Path(path)
        with self.errors(f"add {path} to run {run_id}"), tempfile.TemporaryDirectory(prefix="podium-") as folder:
            file = Path(folder, place.name)
            file.write_bytes(content)
            self.client.log_artifact(run_id, str(file), str(place.parent) if place.parent.name else None)
