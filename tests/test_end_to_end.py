"""A whole championship as a newcomer runs it: real rates, all three contestants, TensorFlow, one process."""

from __future__ import annotations

import io
import json
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from podium.registry.pointer import GUIDE_KEYS, MORE_KEYS

pytestmark = pytest.mark.tensorflow

FAMILIES = ("LinearRegression", "ARIMA", "LSTM")
PLACES = ("champion", "challenger", "candidate")
NOISE = re.compile(
    r"warning|deprecat|tensorflow|cuda|onednn|absl|traceback|\berror\b|created version|\x1b", re.IGNORECASE
)


@cache
def _client(folder: Path):
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")


@pytest.fixture(scope="module")
def client(championship):
    """MLflow itself, looking at what the championship left."""
    return _client(championship.folder)


@pytest.fixture(scope="module")
def runs(client):
    """The runs of the guide's experiment by model type."""
    experiment = client.get_experiment_by_name("EURUSD_Experiments")
    found = client.search_runs([experiment.experiment_id])
    assert len(found) == 3
    return {run.data.tags["model_type"]: run for run in found}


def test_it_ends_well_and_says_what_the_guide_says(championship):
    """Exit code 0 and the guide's ranking, Deployment Choice and Validation, then the random walk and the verdict."""
    assert championship.exit_code == 0, championship.stderr
    head, *rows = championship.stdout[championship.stdout.index("***") :].splitlines()[:4]
    assert head == "*** CHAMPIONSHIP RANKING (Lower RMSE is Better) ***"
    row = re.compile(r"(\d)\. (\w+) \(RMSE: (0\.\d{5})\) -> EURUSD_(\w+) \(v1\) gets alias '@(\w+)'")
    places, families, scores, models, aliases = zip(*(row.fullmatch(line).groups() for line in rows), strict=True)
    assert (places, aliases, models) == (("1", "2", "3"), PLACES, families)
    assert sorted(families) == sorted(FAMILIES)
    champion, rmse = families[0], scores[0]
    assert f"Deployment Choice: EURUSD_{champion} (v1)\n" in championship.stdout
    assert re.search(rf"Validation: Champion beats Baseline \({rmse} < 0\.\d{{5}}\)\n", championship.stdout)
    assert re.search(r"Random walk: RMSE 0\.\d{6} (<|>=) 0\.\d{6}, ratio [01]\.\d{4}; champion ", championship.stdout)
    assert re.search(r"^Verdict: (promoted|held|unproven) - ", championship.stdout, re.MULTILINE)


def test_it_is_quiet(championship):
    """Nothing on standard error, and no warning, deprecation or start-up chatter of a library anywhere."""
    assert championship.stderr == ""
    assert not NOISE.search(championship.stdout), championship.stdout
    sentences = ("Proof counts ", "Verdict: ")  # whole in a pipe, folded on a terminal
    lines = [line for line in championship.stdout.splitlines() if not line.startswith(sentences)]
    assert max(map(len, lines)) <= 160


@pytest.mark.parametrize("family", FAMILIES)
def test_a_run_holds_what_the_guide_asks_for(championship, client, runs, family):
    """Tags, metrics, parameters, dataset and artifacts under exactly their names, for every contestant."""
    run = runs[family]
    tags = run.data.tags
    assert tags["project"] == "EURUSD_Capstone"
    assert tags["status"] == "completed"
    assert re.fullmatch(r"ecb-EURUSD-\d{4}-\d{2}-\d{2}-[0-9a-f]{8}", tags["data_version"])
    assert {"developer", "model_type", "scored_days"} <= set(tags)
    assert {"rmse", "mae", "directional_accuracy", "baseline_rmse", "random_walk_rmse"} <= set(run.data.metrics)
    assert {"n_lags", "seed", "refit_every", "test_fraction"} <= set(run.data.params)
    assert {"LinearRegression": "features", "ARIMA": "order", "LSTM": "layers"}[family] in run.data.params
    assert [given.dataset.digest for given in run.inputs.dataset_inputs] == [tags["data_version"]]
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert {"forecasts.parquet", "plots"} <= files
    plots = [file.path for file in client.list_artifacts(run.info.run_id, "plots")]
    assert len(plots) == (3 if family == "LSTM" else 2), plots


@pytest.mark.parametrize("family", FAMILIES)
def test_scores_can_be_computed_again_from_the_forecasts(championship, runs, family):
    """RMSE, MAE and directional accuracy of `forecasts.parquet`, by their definitions, are the metrics of the run."""
    scored = _forecasts(championship.folder, runs[family])
    assert list(scored.columns[:4]) == ["origin", "target_date", "actual", "forecast"]
    actual, forecast = scored["actual"].to_numpy(), scored["forecast"].to_numpy()
    metrics = runs[family].data.metrics
    assert metrics["rmse"] == pytest.approx(np.sqrt(np.mean((actual - forecast) ** 2)), rel=1e-9)
    assert metrics["mae"] == pytest.approx(np.mean(np.abs(actual - forecast)), rel=1e-9)
    moved = actual != 0
    right = np.mean(np.sign(actual[moved]) == np.sign(forecast[moved]))
    assert metrics["directional_accuracy"] == pytest.approx(right, abs=1e-9)
    assert metrics["random_walk_rmse"] == pytest.approx(np.sqrt(np.mean(actual**2)), rel=1e-9)
    assert metrics["baseline_rmse"] > 1.3 * metrics["random_walk_rmse"]


def test_all_are_scored_on_the_same_days(championship, runs):
    """Origins, target dates and outcomes agree row by row over the contestants."""
    first, *others = (_forecasts(championship.folder, runs[family]) for family in FAMILIES)
    for other in others:
        for column in ("origin", "target_date", "actual"):
            assert (first[column] == other[column]).all()


def _forecasts(folder: Path, run):
    import pandas as pd

    path = folder / "mlruns" / run.info.experiment_id / run.info.run_id / "artifacts" / "forecasts.parquet"
    return pd.read_parquet(io.BytesIO(path.read_bytes()))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_registered_model_is_described_and_has_one_version(client, runs, family):
    """One version of `EURUSD_<Family>`, with description and tags, made by the family's run."""
    name = f"EURUSD_{family}"
    (version,) = client.search_model_versions(f"name = '{name}'")
    assert version.run_id == runs[family].info.run_id
    assert version.description
    assert client.get_registered_model(name).description
    assert {"rmse", "data_version", "scored_days", "verdict"} <= set(version.tags)


def test_aliases_follow_the_ranking_and_are_exclusive(client, runs):
    """Each alias is held once over the family, in the order of RMSE."""
    order = sorted(FAMILIES, key=lambda family: runs[family].data.metrics["rmse"])
    held = {model.name: list(model.aliases) for model in client.search_registered_models()}
    assert held == {f"EURUSD_{family}": [alias] for family, alias in zip(order, PLACES, strict=True)}


def test_the_pointer_names_the_champion(championship, client):
    """The guide's keys and Podium's, agreeing with the registry."""
    pointer = json.loads((championship.folder / "models" / "best_model_info.json").read_text())
    assert {*GUIDE_KEYS, *MORE_KEYS, "title_since", "title_data_day"} == set(pointer)
    assert pointer["model_uri"] == f"models:/{pointer['model_name']}@champion"
    assert pointer["pinned_uri"] == f"models:/{pointer['model_name']}/{pointer['model_version']}"
    version = client.get_model_version_by_alias(pointer["model_name"], "champion")
    assert (version.version, version.run_id) == (int(pointer["model_version"]), pointer["run_id"])
    assert pointer["metrics"]["rmse"] < pointer["baseline_metrics"]["rmse"]
    assert pointer["ranking"][0]["family"] == pointer["model_type"]


def test_evaluating_again_changes_nothing(own_championship, shell, client):
    """The same words, versions, aliases, titles and tags, and the same bytes in the pointer."""
    pointer = own_championship / "models" / "best_model_info.json"
    before = pointer.read_bytes()
    again = shell(own_championship, "podium", "evaluate")
    assert (again.exit_code, again.stderr) == (0, "")
    assert pointer.read_bytes() == before
    assert _registry(_client(own_championship)) == _registry(client)


def _registry(client) -> dict[str, object]:
    return {
        model.name: (
            model.aliases,
            model.tags,
            [
                (version.version, version.run_id, version.tags)
                for version in client.search_model_versions(f"name = '{model.name}'")
            ],
        )
        for model in client.search_registered_models()
    }


def test_the_champion_is_loaded_whatever_it_is(own_championship):
    """`podium.load_champion("EURUSD")` predicts the newest day from the one X of all contestants."""
    import podium
    from podium.data.store import load_features
    from podium.features import frame

    X = frame(load_features(own_championship / "data" / "processed" / "EURUSD.parquet"))[-3:]
    assert np.isfinite(np.asarray(podium.load_champion("EURUSD").predict(X), dtype=float)).all()


def test_a_championship_stays_in_its_folder(championship):
    """Only the guide's files and folders, nothing beside them."""
    left = {path.name for path in championship.folder.iterdir()}
    assert left == {"mlflow.db", "mlflow.db.lock", "mlflow.db.EURUSD.lock", "mlruns", "data", "models"}
