"""What only upkeep asks of MLflow, beyond what a championship needs."""

from __future__ import annotations

from podium.registry import pair_models, recorder
from podium.registry.databases import is_there
from podium.registry.entities import ABSENT, pages, tolerating
from podium.registry.mlflow_store import MlflowStore


def all_pairs(store: MlflowStore) -> list[str]:
    """Every pair that has a registered model, crowned or not, by name."""
    with store.connection.errors("read the registered models"):
        return sorted({name.pair for name, _ in pair_models.all_models(store.connection)})


def drop_alias(store: MlflowStore, name: str, alias: str) -> None:
    """Take an alias from a registered model, wherever it stands there."""
    with store.connection.turn(f"take @{alias} from {name}"):
        tolerating(ABSENT, lambda: store.client.delete_registered_model_alias(name, alias))


def unfinished_runs(store: MlflowStore) -> list[tuple[str, int]]:
    """Runs of Podium's that began and did not end, by id, with the time of their beginning in milliseconds."""
    if not is_there(store.connection.address):
        return []
    query = f"tags.{recorder.STATUS} = '{recorder.RUNNING}' and tags.podium_version LIKE '%'"
    with store.connection.errors("search the runs"):
        ids = [one.experiment_id for one in pages(lambda token: store.client.search_experiments(page_token=token))]
        runs = pages(lambda token: store.client.search_runs(ids, query, max_results=1000, page_token=token))
    return [(run.info.run_id, int(run.info.start_time or 0)) for run in runs]


def fail_run(store: MlflowStore, run_id: str) -> None:
    """Say of a run that it failed."""
    with store.connection.errors(f"end run {run_id}"):
        recorder.fail(store.client, run_id)
