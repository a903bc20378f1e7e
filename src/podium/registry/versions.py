"""Registered versions: one a run, however often and by however many it is registered."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from podium.records import ModelName, RunRecord, VersionRecord
from podium.registry.answers import aliased_versions, pages, quoted, version_record
from podium.registry.connection import ABSENT, EXISTS, Connection, insisting, tolerating

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

COPIED_TAGS = ("data_version", "scored_days", "recipe", "developer", "project")
COPIED_METRICS = ("rmse", "mae", "directional_accuracy")


class Versions(Connection):
    """The registry's way in."""

    def register(
        self,
        run: RunRecord,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        model_description: str = "",
    ) -> VersionRecord:
        """The version of a run's model under `<PAIR>_<Family>`; made if the run has none yet, else found again.

        Two championships that register the same run at once, even from two machines, end with one version: after
        creating, each looks again; all keep the lowest version, and the others are deleted.

        Args:
            run: a completed run.
            description: of the version, for people.
            tags: of the version, beside `model_type`, `rmse` and its other scores, `data_version`, `scored_days`.
            model_description: of the registered model; written when the model has none.
        """
        client, name = self.client, str(ModelName(self.settings.pair, run.family))
        with self.errors(f"register {name}"), self.lock():
            model = self._model(name, model_description)
            versions = self._versions_of(name, run.run_id)
            if not versions:
                client.create_model_version(
                    name,
                    source=self._source(run),
                    run_id=run.run_id,
                    tags={key: self.clean(value) for key, value in (_tags(run) | dict(tags or {})).items()},
                    description=self.clean(description),
                    model_id=_model_id(run),
                )
                versions = self._versions_of(name, run.run_id)
            if len(versions) > 1:
                model = client.get_registered_model(name)
                self._delete_twins(model, versions[1:])
        return version_record(versions[0], model.aliases or {})

    def tag(self, version: VersionRecord, tags: Mapping[str, str]) -> None:
        """Set tags of a version; those that it has already are not written again."""
        with self.errors(f"tag {version.name}"):
            place = (version.name, str(version.version))
            for name, value in tags.items():
                if version.tags.get(name) != self.clean(value):
                    insisting(partial(self.client.set_model_version_tag, *place, name, self.clean(value)))

    def _model(self, name: str, description: str) -> RegisteredModel:
        from mlflow.exceptions import MlflowException

        client, words = self.client, self.clean(description)
        try:
            found = client.get_registered_model(name)
        except MlflowException as error:
            if error.error_code not in ABSENT:
                raise
            about = {"pair": self.settings.pair, "project": self.settings.project}
            tolerating(EXISTS, lambda: client.create_registered_model(name, about, words))
            return client.get_registered_model(name)
        if words and not found.description:
            client.update_registered_model(name, words)
        return found

    def _source(self, run: RunRecord) -> str:
        """Where the version's files lie; a server finds that out by itself.

        MLflow's database stores resolve `models:/m-...` through the process's global address, which need not be ours.
        """
        if self.registry_address.startswith("http"):
            return run.model_uri
        return str(self.client.get_logged_model(_model_id(run)).artifact_location)

    def _versions_of(self, name: str, run_id: str) -> list[ModelVersion]:
        query = f"name = {quoted(name)} and run_id = {quoted(run_id)}"
        found = pages(lambda token: self.client.search_model_versions(query, max_results=200, page_token=token))
        return sorted(found, key=lambda version: int(version.version))

    def _delete_twins(self, model: RegisteredModel, twins: list[ModelVersion]) -> None:
        """Versions of one run beyond the first go, unless somebody's alias points at them."""
        held = aliased_versions(model)
        for number in (str(twin.version) for twin in twins if int(twin.version) not in held):
            tolerating(ABSENT, lambda number=number: self.client.delete_model_version(model.name, number))  # type: ignore[misc]


def _model_id(run: RunRecord) -> str:
    return run.model_uri.removeprefix("models:/")


def _tags(run: RunRecord) -> dict[str, str]:
    copied = {name: run.tags[name] for name in COPIED_TAGS if name in run.tags}
    scores = {name: f"{run.metrics[name]:.8g}" for name in COPIED_METRICS if name in run.metrics}
    return {"model_type": run.family, **copied, **scores}
