"""One championship, the same on every backend that the settings can name."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from podium.data.store import save_series
from podium.environment import child_environment
from podium.errors import RegistryError
from podium.evaluate.ranking import best_per_family, rank
from podium.pipeline.contest import evaluate as run_evaluate
from podium.pipeline.prepare import preprocess, series_path
from podium.pipeline.train import train
from podium.records import Series
from podium.registry import pointer, turns, versions
from podium.registry.glance import mark_of
from podium.registry.log_items import example_rows
from podium.registry.mlflow_store import MlflowStore

ON_SERVERS = [pytest.param(name, marks=pytest.mark.servers) for name in ("http", "postgresql")]
MODELS = Path("models")
RACES = Path(__file__).parents[2] / "benchmarks" / "races.py"
ALIASES = ("champion", "challenger", "candidate")
SCORES = {"LinearRegression": 0.0049, "ARIMA": 0.0050, "LSTM": 0.0051}


@pytest.fixture
def store(backend) -> MlflowStore:
    """A store on the backend in turn."""
    return MlflowStore(backend.settings)


@pytest.fixture
def context(context, backend):
    """The common context, for the backend's pair."""
    pair = backend.settings.pair
    version = replace(context.table.data_version, pair=pair)
    return replace(context, table=replace(context.table, pair=pair, data_version=version))


@pytest.fixture
def evaluate(context, judgement):
    """What the fourth step asks of the store, in its order: register each, assign, record the title, point at it."""

    def step(store: MlflowStore, models_dir: Path | None = None):
        runs = rank(best_per_family(store.completed_runs(context.table.data_version, context.scored_days)))
        versions = [store.register(run, "a version", model_description="a model") for run in runs]
        moves = store.assign(store.settings.pair, dict(zip(ALIASES, versions, strict=True)))
        version = context.table.data_version
        title = store.record_title(versions[0], why="lowest RMSE", verdict="promoted", data_version=version)
        if models_dir:
            pointer.write(pointer.build(store.champion(), judgement, None), models_dir)
        return moves, title

    return step


def test_a_championship_from_first_run_to_second_champion(store, context, make_result, check_podium, evaluate):
    """Log, register, alias, load and predict; again with nothing new; then a new winner takes the title."""
    X = example_rows(context.table)
    for family, rmse in SCORES.items():
        store.log_run(make_result(family, rmse), context)
    evaluate(store, MODELS)
    first = check_podium(store, MODELS, X)
    assert first.champion[0] == f"{store.settings.pair}_LinearRegression"

    assert evaluate(store, MODELS) == ([], None)
    assert check_podium(store, MODELS, X) == first

    store.log_run(make_result("LSTM", 0.0040, alpha=9.0), context)
    evaluate(store, MODELS)
    second = check_podium(store, MODELS, X)
    assert second.champion == (f"{store.settings.pair}_LSTM", 2)
    assert second.aliases["challenger"] == first.champion
    assert [title.previous for title in store.titles()] == ["", f"models:/{first.champion[0]}/1"]
    assert store.verify_titles() == (2, [])
    told, first_title = store.titles(), store.titles()[0]
    store.client.delete_registered_model_tag(first_title.name, first_title.key)
    assert store.verify_titles() == (
        1,
        [f"before the entry of {told[1].at} ({told[1].pinned_uri}) one was changed or taken out"],
    )
    store.client.set_registered_model_tag(first_title.name, first_title.key, first_title.to_json())
    assert (store.titles(), store.verify_titles()) == (told, (2, []))

    champion = store.champion()
    expected = make_result("LSTM", alpha=9.0).model.predict(X)
    np.testing.assert_allclose(store.load(champion.pinned_uri).predict(X), expected)
    graph = store.fetch(f"{champion.pinned_uri}/forecast.onnx")
    assert graph.read_bytes().startswith(b"a graph over lag_0,")
    (run,) = [
        run for run in store.completed_runs(context.table.data_version, context.scored_days) if run.rmse == 0.0040
    ]
    assert champion.run_id == run.run_id
    assert store.client.list_artifacts(run.run_id, "plots")
    location = store.client.get_run(run.run_id).info.artifact_uri
    scheme = store.settings.tracking_uri.split(":")[0]
    assert location.startswith({"postgresql+psycopg": "s3://", "http": "mlflow-artifacts:"}.get(scheme, "/"))


def test_the_real_steps_hold_a_championship(backend):
    """Train and evaluate as the verbs do, twice: one exclusive podium, no version twice, a champion that forecasts."""
    pair, rng = backend.settings.pair, np.random.default_rng(5)
    days = np.busday_offset("2024-01-01", np.arange(420), roll="forward").astype("datetime64[D]")
    series = Series(pair, days, 1.1 * np.exp(np.cumsum(rng.normal(0, 0.005, 420))), "test")
    settings = backend.settings.model_copy(
        update={"contestants": ("LinearRegression", "ARIMA"), "workers": 1, "refit_every": 0}
    )
    save_series(series, series_path(settings))
    table = preprocess(settings)
    runs = train(settings)
    judgement = run_evaluate(settings)
    store = MlflowStore(settings)
    assert {run.run_id for run in runs} == {row.run_id for row in judgement.ranking}
    state = {version.pinned_uri: version.aliases for version in store.versions()}
    assert sorted(alias for held in state.values() for alias in held) == ["challenger", "champion"]
    assert run_evaluate(settings) == judgement
    assert {version.pinned_uri: version.aliases for version in store.versions()} == state
    champion = store.champion()
    assert (champion.name, champion.version) == (judgement.champion, judgement.champion_version)
    forecasts = store.load(f"models:/{champion.name}@champion").predict(example_rows(table))
    assert np.isfinite(np.asarray(forecasts)).all()
    assert pointer.read(settings.models_dir, pair)["pinned_uri"] == champion.pinned_uri


def test_two_machines_register_one_run_at_once(store, context, make_result, backend, monkeypatch):
    """Who looks for a run's version while another is about to make it waits: one is made, and both have it."""
    run = store.log_run(make_result("ARIMA"), context)
    stores = [MlflowStore(backend.settings) for _ in range(2)]
    look, looked = versions.of_run, threading.Event()

    def look_and_linger(to, name, run_id):
        found = look(to, name, run_id)
        looked.wait(1) if looked.is_set() else looked.set()
        return found

    monkeypatch.setattr(versions, "of_run", look_and_linger)
    with ThreadPoolExecutor(2) as pool:
        kept = list(pool.map(lambda each: each.register(run).version, stores))
    (left,) = [version for version in store.versions() if version.run_id == run.run_id]
    assert kept == [left.version] * 2


def test_who_waits_for_a_turn_is_told_who_has_it(store, context, make_result, evaluate, monkeypatch):
    """User, host and process, since when; nothing moves meanwhile; then the next one goes on, and no trace stays."""
    for family, rmse in SCORES.items():
        store.log_run(make_result(family, rmse), context)
    evaluate(store)
    other = MlflowStore(store.settings.model_copy(update={"developer": "other"}))
    monkeypatch.setattr(turns, "PATIENCE", 0.5)
    aliases = {alias: version for version in store.versions() for alias in version.aliases}
    swapped = {"champion": aliases["candidate"], "candidate": aliases["champion"], "challenger": aliases["challenger"]}
    me = f"{store.settings.developer}@{socket.gethostname()}, process {os.getpid()}"
    with store.turn(), pytest.raises(RegistryError, match=rf"{re.escape(me)} .* {store.settings.pair} since 20\d\d-"):
        other.assign(store.settings.pair, swapped)
    assert store.champion().aliases == {"champion"}
    assert store.champion().pinned_uri == aliases["champion"].pinned_uri
    assert other.assign(store.settings.pair, swapped)
    assert other.champion().pinned_uri == aliases["candidate"].pinned_uri
    names = {model.name for model in store.client.search_registered_models(f"name LIKE '%{store.settings.pair}%'")}
    assert names == {f"{store.settings.pair}_{family}" for family in SCORES}


@pytest.mark.servers
@pytest.mark.parametrize("backend", ["http", "postgresql", "mysql"], indirect=True)
def test_a_turn_that_nobody_renews_is_taken_away(backend, monkeypatch):
    """Its holder was killed, and who waits goes on; a holder that only stood still hears it before it writes."""
    dead, waiting = MlflowStore(backend.settings), MlflowStore(backend.settings)
    with monkeypatch.context() as patch:
        patch.setattr(turns.ServerTurn, "_renew", lambda _: None)
        stopped = dead.turn()
        stopped.__enter__()
    monkeypatch.setattr(turns, "TERM", 1.0)
    with waiting.turn():
        with pytest.raises(RegistryError, match="stood still"):
            dead.connection.check_turn()
        stopped.__exit__(None, None, None)
        waiting.connection.check_turn()
    left = waiting.client.search_registered_models(f"name LIKE '%{backend.settings.pair}%'")
    assert [model.name for model in left] == []


@pytest.mark.parametrize("backend", ["sqlite", *ON_SERVERS], indirect=True)
def test_whatever_is_served_changes_the_mark(store, context, make_result, evaluate):
    """An alias, a tag of a version that holds one and is not its model's newest, and a title; nothing else does."""
    for family, rmse in SCORES.items():
        store.log_run(make_result(family, rmse), context)
    evaluate(store)
    store.register(store.log_run(make_result("LinearRegression", 0.1), context))
    champion, address = store.champion(), store.settings.tracking_uri
    marks = [mark_of(address), mark_of(address)]
    assert marks[0] == marks[1] != ""
    place = champion.name, str(champion.version)
    store.client.set_model_version_tag(*place, "said", "1")
    marks.append(mark_of(address))
    store.client.set_registered_model_tag(champion.name, "said", "1")
    marks.append(mark_of(address))
    store.client.delete_registered_model_alias(champion.name, "champion")
    marks.append(mark_of(address))
    assert len(set(marks)) == 4


def test_promoters_race_for_the_title(backend):
    """In every race somebody leads at every poll, one alone at rest, and who comes too late hears who has won."""
    address = backend.settings.tracking_uri
    flags = [] if backend.name == "sqlite" else ["--tracking-uri", address]
    command = [sys.executable, str(RACES), "--races", "4", "--no-kill", *flags]
    said = subprocess.run(command, env=child_environment(), capture_output=True, text=True, timeout=300, check=False)
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    assert (found["none"], found["shared"], found["other"]) == (0, 0, {})
    assert found["won"] >= 4
    assert found["told"] >= 1
    assert found["polls"] >= 4


def test_no_password_leaves_the_store(backend, caplog, capfd, monkeypatch):
    """An address whose server refuses is reported without its password, in the error and in every log line."""
    wrong = {
        "sqlite": "postgresql+psycopg://me:s3cretword@127.0.0.1:9/mlflow",
        "http": "http://me:s3cretword@127.0.0.1:9",
        "postgresql": backend.settings.tracking_uri.replace("mlflow:", "mlflow:s3cretword", 1),
        "mysql": "mysql+pymysql://me:s3cretword@127.0.0.1:9/mlflow",
    }[backend.name]
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RegistryError) as caught:
        MlflowStore(backend.settings.model_copy(update={"tracking_uri": wrong})).prepare()
    out, err = capfd.readouterr()
    words = f"{caught.value} {out} {err} {caplog.text}"
    assert "s3cretword" not in words
    assert ":***@127.0.0.1" in words
    assert "\n" not in str(caught.value)
    assert json.dumps(str(caught.value))
