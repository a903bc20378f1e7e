"""The chores on real servers: a house that moves to PostgreSQL and S3 and back, and what is let go there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from podium.ledger import Entry, Ledger, new_id
from podium.ledger.schema import entries
from podium.registry import mlflow_tables
from podium.registry.mlflow_store import MlflowStore
from podium.upkeep.doctor import doctor
from podium.upkeep.migrate import migrate
from podium.upkeep.prune import prune

pytestmark = pytest.mark.servers


@pytest.fixture
def house(settings, store, context, make_result, judgement):
    """A championship of two on SQLite: a title, a champion that carries its judgement, a ledger of one line."""
    runs = [store.log_run(make_result(family), context) for family in ("LinearRegression", "ARIMA")]
    held = dict(zip(("champion", "challenger"), map(store.register, runs), strict=True))
    store.tag(held["champion"], {"championship": judgement.to_json()})
    store.assign("EURUSD", held)
    version = context.table.data_version
    store.record_title(held["champion"], why="lowest RMSE", verdict="promoted", data_version=version)
    ledger = Ledger.open(settings.ledger)
    number, at = new_id()
    entry = Entry(number, number, at, "EURUSD", "x", "champion", False, False, "EURUSD_ARIMA", 1, None, "k", 0.1)
    with ledger.writing() as connection:
        connection.execute(entries.insert(), [entry._asdict()])
    ledger.close()
    return settings


@pytest.fixture
def server(postgres, object_store, monkeypatch) -> str:
    """An empty PostgreSQL database; the environment knows the S3 store."""
    for name, value in {**object_store.environment, "NO_PROXY": "*", "no_proxy": "*"}.items():
        monkeypatch.setenv(name, value)
    return postgres.fresh()


def test_a_house_moves_to_servers_and_back(house, server, tmp_path):
    """Ids, rows, files, aliases, titles, ledger and forecasts are the same there and back; new ids come after."""
    done = migrate(house, server, "s3://mlflow/moved")
    assert (done.rows["runs"], done.folders, done.forecasts, len(done.models)) == (2, 4, 1, 2)
    there = house.model_copy(update={"tracking_uri": server, "ledger_address": server})
    store, before = MlflowStore(there), MlflowStore(house)
    assert store.titles() == before.titles()
    assert [one.pinned_uri for one in store.holders()] == [one.pinned_uri for one in before.holders()]
    assert store.client.get_run(store.champion().run_id).info.artifact_uri.startswith("s3://mlflow/moved/")
    model = store.load("models:/EURUSD_LinearRegression@champion")
    assert np.isfinite(np.asarray(model.predict(model.input_example))).all()
    assert store.client.create_experiment("later") == "2"
    store.client.create_run("2")
    home = f"sqlite:///{tmp_path / 'home' / 'mlflow.db'}"
    again = migrate(there, home, str(tmp_path / "home" / "mlruns"))
    assert (again.rows["runs"], again.folders, again.forecasts, len(again.models)) == (3, 4, 1, 2)
    back = MlflowStore(house.model_copy(update={"tracking_uri": home}))
    assert back.titles() == before.titles()
    assert back.client.get_metric_history(before.champion().run_id, "rmse") == before.client.get_metric_history(
        before.champion().run_id, "rmse"
    )


def test_a_move_that_is_killed_goes_on(house, server, environment):
    """SIGKILL while files travel: the target has no row, and the same command ends with everything there."""
    verb = ["migrate", "--tracking-uri", house.tracking_uri, "--to", server, "--artifacts", "s3://mlflow/killed"]
    script = "from podium.cli import main; main()"
    child = {**environment, **{name: os.environ[name] for name in os.environ if name.startswith(("AWS_", "MLFLOW_"))}}
    child["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    hangs = "(c(*a), print('carried', flush=True), signal.pause())"
    slow = f"import podium.upkeep.migrate as m, signal; c = m._carry; m._carry = lambda *a: {hangs}; {script}"
    with subprocess.Popen([sys.executable, "-c", slow, *verb], env=child, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "carried\n"
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert mlflow_tables.is_empty(server)
    done = subprocess.run([sys.executable, "-c", script, *verb], env=child, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "the same there: every row, every file, the forecasts of 2 aliased models" in done.stdout


def test_a_folder_that_moved_away_from_its_server_is_found(house, server, tmp_path, monkeypatch):
    """Rows in PostgreSQL, artifacts on this disk: the doctor writes the new place, and the champion loads again."""
    old, new = tmp_path / "old", tmp_path / "new"
    migrate(house, server, str(old / "mlruns"), str(tmp_path / "ledger.db"))
    there = house.model_copy(update={"tracking_uri": server, "models_dir": tmp_path / "none"})
    old.rename(new)
    monkeypatch.chdir(new)
    (found, *_) = doctor(there)
    assert (found.check, found.fixable) == ("moved folder", True)
    assert "///***" not in found.found
    assert f"they are in {new / 'mlruns'}" in found.found
    assert all(one.mended for one in doctor(there, fix=True))
    assert doctor(there) == []
    assert MlflowStore(there).load("models:/EURUSD_LinearRegression@champion") is not None


def test_pruning_takes_rows_and_files_from_servers(house, server):
    """A run that nobody refers to is gone from PostgreSQL and from the S3 store; the champion stays."""
    from podium.registry.care import recorded, size

    migrate(house, server, "s3://mlflow/pruned")
    there = house.model_copy(update={"tracking_uri": server, "data_dir": Path("none")})
    store = MlflowStore(there)
    lost = store.client.search_runs(["1"], "tags.model_type = 'ARIMA'")[0].info.run_id
    store.client.delete_registered_model("EURUSD_ARIMA")
    store.client.set_tag(lost, "data_version", "older")
    (doomed,) = [run for run in recorded(store) if run.run_id == lost]
    assert size(store, doomed.places[0]) > 0
    done = prune(there, 0)
    assert (done.runs, done.database_bytes) == ((lost,), None)
    assert [size(store, place) for place in doomed.places] == [0, 0]
    assert [run.run_id for run in recorded(store)] == [store.champion().run_id]
    assert mlflow_tables.count(server)["logged_models"] == 1
