"""Championships of several pairs on two machines, over `mlflow server` on PostgreSQL and an S3 store; one dies."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from podium.data.store import save_series
from podium.pipeline import pairs as room
from podium.pipeline.pairs import Asked, for_each
from podium.pipeline.prepare import series_path
from podium.records import Series
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings

_spec = importlib.util.spec_from_file_location(
    "cluster_nodes", Path(__file__).parent.parent / "runners" / "conftest.py"
)
assert _spec is not None
assert _spec.loader is not None
_nodes = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _nodes
_spec.loader.exec_module(_nodes)
make_cluster, kill_one = _nodes.make_cluster, _nodes.kill_one

PAIRS = ("AUDUSD", "GBPJPY", "USDCHF")
FAMILIES = ("LinearRegression", "ExponentialSmoothing")


def series(pair: str, seed: int) -> Series:
    """A random walk of 320 days."""
    days = np.busday_offset("2024-01-01", np.arange(320), roll="forward").astype("datetime64[D]")
    return Series(pair, days, 1.1 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.005, 320))), "test")


def end_state(settings: Settings) -> dict[str, object]:
    """What is to be the same wherever it was computed: runs, scores, aliases, titles."""
    found: dict[str, object] = {}
    for pair in PAIRS:
        store = MlflowStore(settings.model_copy(update={"pair": pair}))
        experiment = store.client.get_experiment_by_name(f"{pair}_Experiments")
        runs = store.client.search_runs([experiment.experiment_id], "tags.status = 'completed'")
        versions = {(record.family, record.version): sorted(record.aliases) for record in store.versions()}
        titles = [(title.name, title.version, title.verdict) for title in store.titles()]
        scores = sorted((run.data.tags["model_type"], round(run.data.metrics["rmse"], 12)) for run in runs)
        found[pair] = (scores, versions, titles)
    return found


@pytest.mark.servers
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"
)  # Ray's own
def test_a_machine_that_dies_changes_nothing(mlflow_server, settings, make_cluster, kill_one, monkeypatch):
    """All pairs finish, nothing completed runs twice, and the registry ends as it does where nothing was killed."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "*")
    monkeypatch.setenv("PYTHONPATH", str(Path(room.__file__).parents[2]), prepend=os.pathsep)
    monkeypatch.setattr(room, "_rates", lambda settings, verb: ())
    common = {"contestants": FAMILIES, "refit_every": 0, "developer": "tester"}
    here = settings.model_copy(update={**common, "workers": 1})
    for seed, pair in enumerate(PAIRS):
        save_series(series(pair, seed), series_path(here.model_copy(update={"pair": pair})))
    undisturbed = for_each(here, PAIRS, Asked("run"))
    cluster = make_cluster()
    away = here.model_copy(update={"tracking_uri": mlflow_server, "engine": "ray", "address": cluster.address})
    told = for_each(away, PAIRS, Asked("run"), lambda outcome: kill_one(cluster))
    assert [outcome.failed for outcome in told] == [None] * 3
    assert not cluster.both
    assert [outcome.last.verdict for outcome in told] == [outcome.last.verdict for outcome in undisturbed]
    assert end_state(away) == end_state(here)
    assert [outcome.new for outcome in for_each(away, PAIRS, Asked("train"))] == [0] * 3
