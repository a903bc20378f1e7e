"""Runs in one database and registered models in another, of two pairs: every chore knows of both."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from podium.errors import SettingError
from podium.registry.mlflow_store import MlflowStore
from podium.registry.mlflow_tables import OWN, REGISTRY
from podium.settings import Settings
from podium.upkeep.backup import backup, restore
from podium.upkeep.doctor import doctor
from podium.upkeep.migrate import migrate
from podium.upkeep.prune import prune

LEADERS = {"EURUSD": "models:/EURUSD_LinearRegression/2", "GBPJPY": "models:/GBPJPY_LinearRegression/1"}


def _empty(database: Path, registry: bool) -> None:
    """Take away what the registry has, or all the rest."""
    with closing(sqlite3.connect(database)) as connection, connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if name.startswith(REGISTRY) is registry and name not in {*OWN, "workspaces"}:
                connection.execute(f"DELETE FROM {name}")


@pytest.fixture
def apart(desk) -> Settings:
    """The desk, whose registered models are in a database of their own."""
    shutil.copyfile("mlflow.db", "registry.db")
    _empty(Path("mlflow.db"), registry=True)
    _empty(Path("registry.db"), registry=False)
    return desk.model_copy(update={"registry_uri": f"sqlite:///{Path.cwd() / 'registry.db'}"})


def whole(settings: Settings) -> bool:
    """Whether both pairs have their champion, and it forecasts."""
    store = MlflowStore(settings)
    found = store.champions()
    models = [store.load(champion.pinned_uri) for champion in found.values()]
    assert all(len(model.predict(model.input_example)) > 0 for model in models)
    return {pair: champion.pinned_uri for pair, champion in found.items()} == LEADERS


def test_two_databases_move_into_one(apart, tmp_path):
    """Runs, models, aliases and titles arrive together, and what the settings are to say names both."""
    to = f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}"
    done = migrate(apart, to, str(tmp_path / "new" / "store"))
    assert (done.rows["runs"], done.folders, len(done.models)) == (5, 10, 3)
    assert (done.settings["tracking_uri"], done.settings["registry_uri"]) == (to, to)
    there = apart.model_copy(update={"tracking_uri": to, "registry_uri": None})
    assert whole(there)
    assert MlflowStore(there).titles() == MlflowStore(apart).titles()
    assert migrate(apart, to, str(tmp_path / "new" / "store")).rows == done.rows


def test_what_is_let_go_leaves_both(apart):
    """The version that went with its run has left no row in the registry, and no tag."""
    for database, column in (
        ("mlflow.db", "runs SET start_time = 1"),
        ("registry.db", "model_versions SET creation_time = 1"),
    ):
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute(f"UPDATE {column}")
    done = prune(apart, 30)
    assert done.versions == ("models:/EURUSD_ARIMA/1",)
    assert done.database_bytes is not None
    with closing(sqlite3.connect("registry.db")) as connection:
        for table in ("model_versions", "model_version_tags"):
            rows = connection.execute(f"SELECT DISTINCT version FROM {table} WHERE name = 'EURUSD_ARIMA'")
            assert rows.fetchall() == [(2,)]
    assert doctor(apart) == []
    assert whole(apart)


def test_after_a_move_both_have_the_new_addresses(apart, settings_at, monkeypatch):
    """The doctor writes them into the registry too, which has no run that says where files are."""
    was, home = Path.cwd(), Path.cwd().with_name("elsewhere")
    was.rename(home)
    monkeypatch.chdir(home)
    settings = settings_at(home, registry_uri=f"sqlite:///{home / 'registry.db'}")
    assert all(finding.mended for finding in doctor(settings, fix=True))
    with closing(sqlite3.connect("registry.db")) as connection:
        places = connection.execute("SELECT source, storage_location FROM model_versions").fetchall()
    assert not [place for row in places for place in row if place and str(was) in place]
    assert whole(settings)


def test_both_are_backed_up_and_restored(apart, tmp_path, settings_at, monkeypatch):
    """A folder whose settings name one place is told of the other before a database is written, and then works."""
    backup(apart, tmp_path / "desk.zip")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    address = f"sqlite:///{Path.cwd() / 'mlflow.db'}"
    with pytest.raises(SettingError, match=r"registry.db of the backup has no place here; .*--registry-uri"):
        restore(tmp_path / "desk.zip", {"tracking_uri": address})
    assert not Path("mlflow.db").exists()
    registry = f"sqlite:///{Path.cwd() / 'registry.db'}"
    restore(tmp_path / "desk.zip", {"tracking_uri": address, "registry_uri": registry})
    settings = settings_at(Path.cwd(), registry_uri=registry)
    assert doctor(settings) == []
    assert whole(settings)


def test_starting_fresh_takes_both(apart, podium):
    """Databases, locks, artifacts and pointers of both pairs go; what the verbs say before it is of both stores."""
    addresses = ("--tracking-uri", apart.tracking_uri, "--registry-uri", apart.registry_uri)
    told = podium("status", "--all", "--json", *addresses).json
    assert {one["pair"]: f"models:/{one['champion']}/{one['champion_version']}" for one in told} == LEADERS
    assert len(podium("history", "--pair", "EURUSD", "--json", *addresses).json) == 2
    assert podium("reset", "--yes", *addresses).exit_code == 0
    assert [path.name for path in sorted(Path.cwd().iterdir())] == ["data", "models", "podium.toml"]
    assert list(Path("models").iterdir()) == []
