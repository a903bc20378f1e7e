"""Registered versions: one a run, however often and by however many it is registered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from podium.records import ModelName, RunRecord, VersionRecord
from podium.registry.connection import ABSENT, EXISTS, Connection, tolerating
from podium.registry.entities import DIGEST_TAG, aliased_versions, pages, quoted, version_record

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

COPIED_TAGS = ("data_version", "scored_days", "recipe", "developer", "project", DIGEST_TAG)
COPIED_METRICS = ("rmse", "mae", "directional_accuracy")


def register(
    to: Connection, run: RunRecord, description: str, tags: Mapping[str, str], model_description: str
) -> VersionRecord:
    """The version of a run's model; see `MlflowStore.register`.

    After creating, each of several that register the same run at once looks again; all keep the lowest version, and
    the others are deleted.
    """
    name = str(ModelName(to.settings.pair, run.family))
    model = _model(to, name, to.clean(model_description))
    versions = of_run(to, name, run.run_id)
    if not versions:
        to.client.create_model_version(
            name,
            source=_source(to, run),
            run_id=run.run_id,
            tags={key: to.clean(value) for key, value in (_tags(run) | dict(tags)).items()},
            description=to.clean(description),
            model_id=_model_id(run),
        )
        versions = of_run(to, name, run.run_id)
    if len(versions) > 1:
        model = to.client.get_registered_model(name)
        _delete_twins(to, model, versions[1:])
    return version_record(versions[0], model.aliases or {})


def of_run(to: Connection, name: str, run_id: str) -> list[ModelVersion]:
    """The versions of a registered model that come from one run, the lowest first."""
    query = f"name = {quoted(name)} and run_id = {quoted(run_id)}"
    found = pages(lambda token: to.client.search_model_versions(query, max_results=200, page_token=token))
    return sorted(found, key=lambda version: int(version.version))


def _model(to: Connection, name: str, description: str) -> RegisteredModel:
    from mlflow.exceptions import MlflowException

    try:
        found = to.client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code not in ABSENT:
            raise
        about = {"pair": to.settings.pair, "project": to.settings.project}
        tolerating(EXISTS, lambda: to.client.create_registered_model(name, about, description))
        return to.client.get_registered_model(name)
    if description and not found.description:
        to.client.update_registered_model(name, description)
    return found


def _source(to: Connection, run: RunRecord) -> str:
    """Where the version's files lie; a server finds that out by itself.

    MLflow's database stores resolve `models:/m-...` through the process's global address, which need not be ours.
    """
    if to.registry_address.startswith("http"):
        return run.model_uri
    return str(to.client.get_logged_model(_model_id(run)).artifact_location)


def _delete_twins(to: Connection, model: RegisteredModel, twins: list[ModelVersion]) -> None:
    """Versions of one run beyond the first go, unless somebody's alias points at them."""
    held = aliased_versions(model)
    for number in (str(twin.version) for twin in twins if int(twin.version) not in held):
        tolerating(ABSENT, lambda number=number: to.client.delete_model_version(model.name, number))  # type: ignore[misc]


def _model_id(run: RunRecord) -> str:
    return run.model_uri.removeprefix("models:/")


def _tags(run: RunRecord) -> dict[str, str]:
    copied = {name: run.tags[name] for name in COPIED_TAGS if name in run.tags}
    scores = {name: f"{run.metrics[name]:.8g}" for name in COPIED_METRICS if name in run.metrics}
    return {"model_type": run.family, **copied, **scores}
