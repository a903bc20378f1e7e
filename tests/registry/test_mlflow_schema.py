"""Databases of other MLflows, and databases that keep nothing."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from podium.errors import RegistryError, SettingError
from podium.registry import mlflow_schema
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings

OF_MLFLOW_2_16 = "4465047574b1"


def revision(path: Path) -> str:
    """The schema that a database says it has."""
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


@pytest.fixture
def older(workdir: Path) -> Path:
    """`mlflow.db` as MLflow 2.16 makes it, with an experiment in it."""
    import sqlalchemy
    from alembic import command
    from mlflow.store.db.utils import _get_alembic_config
    from mlflow.store.tracking.dbmodels.initial_models import Base

    engine = sqlalchemy.create_engine("sqlite:///mlflow.db")
    Base.metadata.create_all(engine)
    config = _get_alembic_config("sqlite:///mlflow.db")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, OF_MLFLOW_2_16)
        connection.execute(
            sqlalchemy.text(
                "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage) "
                "VALUES (7, 'mine', 'mlruns/7', 'active')"
            )
        )
    engine.dispose()
    return workdir / "mlflow.db"


def test_an_older_database_is_refused_and_left_as_it_is(older):
    """Whatever a verb wants of it: the message names the way, and not a byte of the file changes."""
    before, store = older.read_bytes(), MlflowStore(Settings())
    for ask in (store.prepare, store.holders, store.champions, store.champion):
        with pytest.raises(RegistryError, match=r"sqlite:///mlflow\.db .*older MLflow; run `podium upgrade`"):
            ask()
    assert older.read_bytes() == before


def test_upgrade_keeps_a_copy_and_everything_in_it(older):
    """The database opens afterwards with what was in it; the copy is still the older MLflow's; again does nothing."""
    store = MlflowStore(Settings())
    (backup,) = store.upgrade()
    assert revision(backup) == OF_MLFLOW_2_16
    assert [found.name for found in store.client.search_experiments() if found.experiment_id == "7"] == ["mine"]
    assert MlflowStore(Settings()).upgrade() == []
    assert sorted(path.name for path in older.parent.glob("*mlflow.db*")) == [
        "mlflow.db",
        backup.name,
        "mlflow.db.lock",
    ]


def test_an_upgrade_that_fails_leaves_the_database_as_it_was(older, monkeypatch):
    """MLflow gives up half-way: the reason is told, and the database is the old one, whole."""
    before = older.read_bytes()
    failed = subprocess.CompletedProcess([], 1, "", "Traceback\nno such column: colour\n")
    monkeypatch.setattr(mlflow_schema.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(RegistryError, match="cannot be upgraded and is as it was: no such column: colour"):
        MlflowStore(Settings()).upgrade()
    assert older.read_bytes() == before
    assert list(older.parent.glob("*.tmp")) == []


def test_a_newer_database_says_which_side_is_to_be_upgraded(workdir, blank_database):
    """MLflow's own advice, to migrate the database, cannot work; Podium's is to install the newer MLflow."""
    (workdir / "mlflow.db").write_bytes(blank_database.read_bytes())
    with closing(sqlite3.connect("mlflow.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
        connection.commit()
    for ask in (MlflowStore(Settings()).holders, MlflowStore(Settings()).upgrade):
        with pytest.raises(RegistryError, match=r"by a newer MLflow than 3\..*install the newer one"):
            ask()


def test_a_server_is_not_upgraded_from_here():
    """Its backup is made with its own tools; the password in its address is not told."""
    with pytest.raises(SettingError, match=r"SQLite files; back postgresql://me:\*\*\*@db/mlflow up"):
        mlflow_schema.upgrade("postgresql://me:s3cretword@db/mlflow")


@pytest.mark.parametrize(
    "address",
    [
        *("sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite+pysqlite:///", "sqlite:///:memory:?cache=shared"),
        *("sqlite:///file::memory:?uri=true", "sqlite:///file:shared?mode=memory&uri=true"),
    ],
)
def test_a_database_in_memory_is_refused(workdir, address):
    """It would end with the process, and a championship with it."""
    with pytest.raises(SettingError, match=r"keeps nothing: .* name a file, sqlite:///mlflow\.db"):
        MlflowStore(Settings(tracking_uri=address)).knock()
    assert list(workdir.iterdir()) == []
