"""What only upkeep asks of MLflow, beyond what a championship needs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from podium.records import ModelName, VersionRecord
from podium.registry import artifacts, pair_models, recorder
from podium.registry.databases import is_there
from podium.registry.entities import ABSENT, MODEL_URI_TAG, Model, pages, tolerating, version_record
from podium.registry.local_files import local_path
from podium.registry.mlflow_store import MlflowStore

if TYPE_CHECKING:
    from mlflow.entities import Run

MODEL_ID = re.compile(r"models:/(m-\w+)")
OURS = "tags.podium_version LIKE '%'"


def all_pairs(store: MlflowStore) -> list[str]:
    """Every pair that has a registered model, crowned or not, by name."""
    with store.connection.errors("read the registered models"):
        return sorted({name.pair for name, _ in pair_models.all_models(store.connection)})


def drop_alias(store: MlflowStore, name: str, alias: str) -> None:
    """Take an alias from a registered model, wherever it stands there."""
    to = store.connection
    with to.turn(ModelName.parse(name).pair), to.errors(f"take @{alias} from {name}"):
        tolerating(ABSENT, lambda: to.registry.delete_registered_model_alias(name, alias))


def unfinished_runs(store: MlflowStore) -> list[tuple[str, int]]:
    """Runs of Podium's that began and did not end, by id, with the time of their beginning in milliseconds."""
    runs = _runs(store, f"tags.{recorder.STATUS} = '{recorder.RUNNING}' and {OURS}")
    return [(run.info.run_id, int(run.info.start_time or 0)) for run in runs if run.info.lifecycle_stage == "active"]


def runs_by_place(store: MlflowStore) -> dict[str, list[str]]:
    """Ids of all runs, by where their experiment keeps artifacts."""
    found: dict[str, list[str]] = {}
    for run in _runs(store, ""):
        found.setdefault(_above(run), []).append(run.info.run_id)
    return found


def _runs(store: MlflowStore, query: str) -> list[Run]:
    """Of any experiment, deleted ones too."""
    if not is_there(store.connection.address):
        return []
    client = store.client
    from mlflow.entities import ViewType

    every = ViewType.ALL
    with store.connection.errors("search the runs"):
        found = pages(lambda token: client.search_experiments(every, page_token=token))
        ids = [experiment.experiment_id for experiment in found]
        return pages(lambda token: client.search_runs(ids, query, every, max_results=1000, page_token=token))


def _above(run: Run) -> str:
    """Where its experiment keeps artifacts, as MLflow lays them out."""
    return str(run.info.artifact_uri).removesuffix(f"/{run.info.run_id}/artifacts")


def fail_run(store: MlflowStore, run_id: str) -> None:
    """Say of a run that it failed."""
    with store.connection.errors(f"end run {run_id}"):
        recorder.fail(store.client, run_id)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run that Podium recorded.

    Attributes:
        run_id: its id.
        started_at: milliseconds since the epoch.
        data_version: of its series.
        model_id: of its logged model; empty without one.
        places: addresses of its files and of its model's.
    """

    run_id: str
    started_at: int
    data_version: str
    model_id: str = ""
    places: tuple[str, ...] = ()


def recorded(store: MlflowStore) -> list[Recorded]:
    """Every run that Podium recorded, in any experiment, deleted ones too."""
    return [_recorded(run) for run in _runs(store, OURS)]


def _recorded(run: Run) -> Recorded:
    tags, info = run.data.tags, run.info
    said = MODEL_ID.fullmatch(tags.get(MODEL_URI_TAG, ""))  # whatever else a writer puts there is no folder's name
    model_id = said[1] if said else ""
    # Where a model was hidden already, nobody says where it is.
    places = [info.artifact_uri, *([f"{_above(run)}/models/{model_id}/artifacts"] if model_id else [])]
    return Recorded(info.run_id, int(info.start_time), tags.get("data_version", ""), model_id, tuple(places))


def registered(store: MlflowStore) -> list[VersionRecord]:
    """Every version of every registered model, whoever made it."""
    if not is_there(store.connection.registry_address):
        return []
    client = store.client
    with store.connection.errors("read the versions"):
        models = pages(lambda token: client.search_registered_models(max_results=1000, page_token=token))
        versions = pages(lambda token: client.search_model_versions(max_results=1000, page_token=token))
    aliases = {model.name: Model.of(model).aliases for model in models}
    return [version_record(one, aliases.get(one.name, {})) for one in versions]


def is_ours(version: VersionRecord) -> bool:
    """Whether Podium registered it."""
    return "model_type" in version.tags and pair_models.parts(version.name) is not None


def hide(store: MlflowStore, runs: Iterable[Recorded], versions: Iterable[VersionRecord]) -> None:
    """Delete them as MLflow does, so that nobody finds them any more; rows and files stay."""
    client, registry = store.client, store.connection.registry
    with store.connection.errors("delete what may go"):
        for version in versions:
            tolerating(ABSENT, partial(registry.delete_model_version, version.name, str(version.version)))
        for run in runs:  # one that is deleted already takes it again
            client.delete_run(run.run_id)
            if run.model_id:
                tolerating(ABSENT, partial(client.delete_logged_model, run.model_id))


def files_at(store: MlflowStore, place: str, folder: Path) -> Path | None:
    """The files at an address, where they lie or fetched into a new folder; None where there are none."""
    here = local_path(place)
    if here is not None:
        return here if here.is_dir() else None
    there = store.connection.artifacts_at(place)
    if not there.list_artifacts():
        return None
    folder.mkdir()
    return Path(there.download_artifacts("", str(folder)))  # type: ignore[no-untyped-call]


def size(store: MlflowStore, place: str) -> int:
    """Bytes of the files at an address."""
    here = local_path(place)
    if here is not None:
        return sum(path.stat().st_size for path in here.rglob("*") if path.is_file())
    with store.connection.errors(f"look at {place}"):
        return sum(int(file.file_size or 0) for file in artifacts.walk(store.connection.artifacts_at(place)))


def remove(store: MlflowStore, place: str) -> None:
    """Take away all files at an address."""
    with store.connection.errors(f"remove {place}"):
        store.connection.artifacts_at(place).delete_artifacts()  # type: ignore[no-untyped-call]
