"""Registered versions: one a run, however often it is registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podium.records import ModelName, RunRecord, VersionRecord
from podium.registry.connection import Connection
from podium.registry.entities import DIGEST_TAG, EXISTS, Model, pages, quoted, tolerating, version_record
from podium.registry.pair_models import models
from podium.registry.pointer import SCORES

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

COPIED_TAGS = ("data_version", "scored_days", "recipe", "developer", "project", DIGEST_TAG)


def register(to: Connection, run: RunRecord, description: str, model_description: str) -> VersionRecord:
    """The version of a run's model, made in a turn of ours if it has none; see `MlflowStore.register`."""
    name = str(ModelName(to.settings.pair, run.family))
    model, is_new = _model(to, name, to.clean(model_description))
    known = [] if is_new else of_run(to, name, run.run_id)
    if known:
        return version_record(known[0], model.aliases)
    made = to.registry.create_model_version(
        name,
        source=_source(to, run),
        run_id=run.run_id,
        tags={key: to.clean(value) for key, value in _tags(run).items()},
        description=to.clean(description),
        model_id=_model_id(run),
    )
    to.forget()
    return version_record(made, model.aliases)


def of_run(to: Connection, name: str, run_id: str) -> list[ModelVersion]:
    """The versions of a registered model that come from one run, the lowest first."""
    query = f"name = {quoted(name)} and run_id = {quoted(run_id)}"
    found = pages(lambda token: to.registry.search_model_versions(query, max_results=200, page_token=token))
    return sorted(found, key=lambda version: int(version.version))


def _model(to: Connection, name: str, description: str) -> tuple[Model, bool]:
    """The registered model, and whether it was made here, so that it has no version yet."""
    found = next((model for model in models(to, to.settings.pair) if model.name == name), None)
    if found is None:
        about = {"pair": to.settings.pair, "project": to.settings.project}
        is_new = tolerating(EXISTS, lambda: to.registry.create_registered_model(name, about, description))
        to.forget()
        return Model.of(to.registry.get_registered_model(name)), is_new
    if description and not found.description:
        to.registry.update_registered_model(name, description)
        to.forget()
    return found, False


def _source(to: Connection, run: RunRecord) -> str:
    """Where the version's files lie; a server finds that out by itself.

    MLflow's database stores resolve `models:/m-...` through the process's global address, which need not be ours.
    """
    if to.registry_address.startswith("http"):
        return run.model_uri
    return str(to.client.get_logged_model(_model_id(run)).artifact_location)


def _model_id(run: RunRecord) -> str:
    return run.model_uri.removeprefix("models:/")


def _tags(run: RunRecord) -> dict[str, str]:
    copied = {name: run.tags[name] for name in COPIED_TAGS if name in run.tags}
    scores = {name: f"{run.metrics[name]:.8g}" for name in SCORES if name in run.metrics}
    return {"model_type": run.family, **copied, **scores}
