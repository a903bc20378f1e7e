"""Moving house between SQLite files: everything arrives, is compared, the source stays; servers are in contract/."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from podium.errors import RegistryError, SettingError
from podium.ledger import Entry, Ledger, new_id
from podium.ledger.schema import entries
from podium.registry import mlflow_tables
from podium.registry.mlflow_store import MlflowStore
from podium.upkeep import migrate as room
from podium.upkeep.migrate import migrate


@pytest.fixture
def to(desk, tmp_path):
    """A new address, in a folder that is not there yet; the ledger here has a line."""
    ledger = Ledger.open(desk.ledger)
    number, at = new_id()
    with ledger.writing() as connection:
        entry = Entry(number, number, at, "EURUSD", "x", "champion", False, False, "EURUSD_ARIMA", 1, None, "k", 0.1)
        connection.execute(entries.insert(), [entry._asdict()])
    ledger.close()
    return f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}"


def _state(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file() and "ledger" not in path.name)
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in found if path.suffix != ".lock"}


def test_everything_arrives_and_the_source_stays(desk, to, tmp_path):
    """Rows, files, aliases, titles and ledger are in the new place, a champion loads there, nothing changed here."""
    before = _state(Path.cwd())
    done = migrate(desk, to, str(tmp_path / "new" / "store"))
    assert _state(Path.cwd()) == before
    assert (done.rows["runs"], done.folders, done.forecasts, done.not_loaded) == (5, 10, 1, ())
    aliased = ("EURUSD_ARIMA/2", "EURUSD_LinearRegression/2", "GBPJPY_LinearRegression/1")
    assert done.models == tuple(f"models:/{name}" for name in aliased)
    there = MlflowStore(desk.model_copy(update={"tracking_uri": to}))
    champion = there.champion()
    assert there.fetch(champion.pinned_uri).is_relative_to(tmp_path / "new" / "store")
    assert [title.version for title in there.titles()] == [1, 2]
    assert there.client.get_run(champion.run_id).info.artifact_uri.startswith(str(tmp_path / "new" / "store"))
    assert done.settings["ledger_address"] == str(tmp_path / "new" / "ledger.db")
    assert there.client.create_experiment("later") not in {"0", "1", "2"}


def test_killed_on_its_way_it_goes_on(desk, to, tmp_path, monkeypatch):
    """Stopped in the middle of the files there is no row in the target; the next one carries only what was left."""
    carry, sent = room._carry, []

    def dies(store, target, old, new):
        sent.append(new)
        return carry(store, target, old, new) if len(sent) < 4 else 1 / 0

    with monkeypatch.context() as patched:
        patched.setattr(room, "AT_ONCE", 1)
        patched.setattr(room, "_carry", dies)
        with pytest.raises(ZeroDivisionError):
            migrate(desk, to, str(tmp_path / "new" / "store"))
    assert mlflow_tables.is_empty(to)
    logged = []
    real = LocalArtifactRepository.log_artifacts
    sends = lambda place, here: (logged.append(place), real(place, here))  # noqa: E731
    monkeypatch.setattr(LocalArtifactRepository, "log_artifacts", sends)
    assert migrate(desk, to, str(tmp_path / "new" / "store")).folders == 10
    assert len(logged) == 7
    assert migrate(desk, to, str(tmp_path / "new" / "store")).folders == 10  # it is compared again, and no more


def test_a_target_with_something_in_it_is_refused(desk, to, tmp_path):
    """One run of somebody else's is enough."""
    client = MlflowStore(desk.model_copy(update={"tracking_uri": to})).client
    client.create_run("0")
    with pytest.raises(RegistryError, match="is not empty"):
        migrate(desk, to, str(tmp_path / "new" / "store"))
    assert not (tmp_path / "new" / "store").exists()


def test_what_arrives_altered_is_refused(desk, to, tmp_path, monkeypatch):
    """A store that loses a byte, and a database that loses a row."""
    with monkeypatch.context() as patched:
        patched.setattr(room, "_digest", lambda *_: "other")
        with pytest.raises(RegistryError, match="does not have the files"):
            migrate(desk, to, str(tmp_path / "new" / "store"))
    assert mlflow_tables.is_empty(to)
    copy = mlflow_tables.copy

    def loses(source: str, target: str) -> None:
        copy(source, target)
        with closing(sqlite3.connect(target.removeprefix("sqlite:///"))) as connection, connection:
            connection.execute("DELETE FROM params WHERE key = 'n_features'")

    with monkeypatch.context() as patched:
        patched.setattr(mlflow_tables, "copy", loses)
        with pytest.raises(RegistryError, match=r"other rows than were carried: params \(5 rows\)"):
            migrate(desk, to, str(tmp_path / "new" / "store"))


def test_a_model_that_forecasts_otherwise_there_is_refused(desk, to, tmp_path, monkeypatch):
    """Whatever it is that changed: the files are the same, and yet what comes of them is not."""
    load = MlflowStore.load

    class Otherwise:
        def __init__(self, model):
            self.input_example, self.predict = model.input_example, lambda X: model.predict(X) + 1e-12

    def loads(store, uri):
        model = load(store, uri)
        return Otherwise(model) if store.settings.tracking_uri == to else model

    monkeypatch.setattr(MlflowStore, "load", loads)
    with pytest.raises(RegistryError, match="EURUSD_ARIMA/2 forecasts otherwise in its new home"):
        migrate(desk, to, str(tmp_path / "new" / "store"))


def test_what_cannot_be_carried_is_said(desk, to):
    """A server, the place itself, another database: one line each."""
    with pytest.raises(SettingError, match="MLflow server"):
        migrate(desk.model_copy(update={"tracking_uri": "http://127.0.0.1:1"}), to)
    with pytest.raises(SettingError, match="is where everything is now"):
        migrate(desk, "sqlite:///mlflow.db")
    assert not Path("ledger.db").exists()
    with pytest.raises(SettingError, match="--to 'mysql://me:\\*\\*\\*@db/x': give postgresql"):
        migrate(desk, "mysql://me:secret@db/x")


def test_the_verb(desk, to, podium):
    """It says what arrived and what podium.toml is to say, in lines or as JSON."""
    said = podium("migrate", "--to", to, "--json")
    assert (said.exit_code, said.json["rows"]["runs"], said.json["folders"], said.json["forecasts"]) == (0, 5, 0, 1)
    lines = podium("migrate", "--to", to).out.splitlines()
    assert lines[0].startswith(f"{to}: 5 runs, ")
    assert f'tracking_uri = "{to}"' in lines
