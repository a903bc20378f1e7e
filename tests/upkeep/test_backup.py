"""Backups: whole, consistent while others write, refused when damaged, at work at once wherever they are restored."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import threading
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from podium.data.store import load_series
from podium.errors import MissingError, SettingError
from podium.ledger import Entry, Ledger, new_id
from podium.ledger.schema import entries
from podium.registry import mlflow_tables
from podium.registry.mlflow_store import MlflowStore
from podium.upkeep.backup import backup, restore
from podium.upkeep.doctor import doctor


@pytest.fixture
def elsewhere(tmp_path, monkeypatch, desk):
    """A backup of the desk in the folder above, and an empty folder, entered; the desk itself is gone."""
    backup(desk, tmp_path / "desk.zip")
    shutil.rmtree(Path.cwd())
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    return tmp_path / "desk.zip"


def test_restored_elsewhere_it_works_at_once(elsewhere, settings_at):
    """Aliases, titles, models, pointers, series, ledger and settings are there, and the doctor has nothing to say."""
    restore(elsewhere, {"tracking_uri": f"sqlite:///{Path.cwd() / 'mlflow.db'}"})
    settings = settings_at(Path.cwd())
    assert doctor(settings) == []
    store = MlflowStore(settings)
    assert store.champion().pinned_uri == "models:/EURUSD_LinearRegression/2"
    model = store.load("models:/GBPJPY_LinearRegression@champion")
    assert len(model.predict(model.input_example)) == 5
    assert [title.version for title in store.titles()] == [1, 2]
    assert store.has_file(store.champion().run_id, "forecasts.parquet")
    assert load_series(Path("data/raw/GBPJPY.parquet")).pair == "GBPJPY"
    Ledger.open(Path("data/ledger.db"), create=False).close()
    assert Path("podium.toml").read_text() == '[serve]\nsalt = "shaker"\n'
    assert Path("podium.toml").stat().st_mode & 0o777 == 0o600
    assert elsewhere.stat().st_mode & 0o777 == 0o600


def test_restoring_again_completes_what_was_cut_off(elsewhere, monkeypatch):
    """Killed before the database, the last file, it is completed by the same command; after that it is refused."""
    import podium.upkeep.backup as room

    address = {"tracking_uri": f"sqlite:///{Path.cwd() / 'mlflow.db'}"}
    with monkeypatch.context() as patched:
        patched.setattr(room.locations, "readdress", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            restore(elsewhere, address)
    assert not Path("mlflow.db").exists()
    assert Path("data/raw/GBPJPY.parquet").exists()
    restore(elsewhere, address)
    with pytest.raises(SettingError, match="is there already"):
        restore(elsewhere, address)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])


def _flip(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda one: one.compress_size)
    content = bytearray(path.read_bytes())
    content[largest.header_offset + largest.compress_size // 2] ^= 255  # what is kept, and not a header
    path.write_bytes(content)


def _swap(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["databases/tracking.db"] = files["databases/tracking.db"].replace(b"EURUSD_ARIMA", b"EURUSD_WRONG")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _climb(path: Path) -> None:
    manifest = {"format": 1, "places": {}, "files": {"data/../../x": hashlib.sha256(b"").hexdigest()}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data/../../x", b"")
        archive.writestr("manifest.json", json.dumps(manifest))


@pytest.mark.parametrize("damage", [_cut, _flip, _swap, _empty, _climb], ids=lambda act: act.__name__[1:])
def test_a_damaged_archive_is_refused(elsewhere, damage):
    """Cut short, a byte other, a file other, empty, one that would be elsewhere: one line, and nothing is written."""
    damage(elsewhere)
    with pytest.raises(SettingError, match="damaged"):
        restore(elsewhere, {})
    assert list(Path.cwd().iterdir()) == []


@contextmanager
def written_to(path: Path, first: str, again: str) -> Iterator[None]:
    """Somebody else writes to a database, whose log keeps it: one statement once and another without end."""
    stop, begun = threading.Event(), threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
            for line in ("PRAGMA journal_mode = WAL", "PRAGMA wal_autocheckpoint = 0", first):
                connection.execute(line)
            begun.set()
            while not stop.is_set():
                connection.execute(again)

    writer = threading.Thread(target=write)
    writer.start()
    assert begun.wait(60)
    try:
        yield
    finally:
        stop.set()
        writer.join()


def test_it_is_consistent_while_others_write(desk, tmp_path):
    """Backed up while registry and ledger are written to, both copies are whole, with what is still in a log."""
    ledger = Ledger.open(desk.ledger)
    number, at = new_id()
    entry = Entry(number, number, at, "EURUSD", "x", "champion", False, False, "EURUSD_ARIMA", 1, None, "k", 0.1)
    with ledger.writing() as connection:
        connection.execute(entries.insert(), [entry._asdict()])
    bump = "UPDATE experiments SET last_update_time = last_update_time + 1"
    with (
        closing(ledger),
        written_to(Path("mlflow.db"), "UPDATE runs SET name = 'renamed'", bump),
        written_to(Path("data/ledger.db"), "DELETE FROM ledger_days", "DELETE FROM ledger_days"),
    ):
        backup(desk, tmp_path / "busy.zip")
    with zipfile.ZipFile(tmp_path / "busy.zip") as archive:
        for name in ("databases/tracking.db", "ledger.db"):
            (tmp_path / "copy.db").write_bytes(archive.read(name))
            with closing(sqlite3.connect(tmp_path / "copy.db")) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                if name == "ledger.db":
                    assert connection.execute("SELECT count(*) FROM ledger_entries").fetchone() == (1,)
    (tmp_path / "copy.db").write_bytes(zipfile.ZipFile(tmp_path / "busy.zip").read("databases/tracking.db"))
    others = mlflow_tables.differences(desk.tracking_uri, f"sqlite:///{tmp_path / 'copy.db'}")
    assert {line.split()[0] for line in others} <= {"experiments"}


def test_a_championship_goes_on_meanwhile(desk, tmp_path, monkeypatch, *, settings_at, context, make_result):
    """Runs are recorded, registered and crowned while it is written: whatever is in it is whole, and loads."""
    store, stop, told = MlflowStore(desk), threading.Event(), []

    def hold() -> None:
        while not stop.is_set():
            run = store.log_run(make_result("LinearRegression", alpha=len(told) + 5.0), context)
            store.assign("EURUSD", {"champion": store.register(run)})
            told.append(run.run_id)

    championship = threading.Thread(target=hold)
    championship.start()
    try:
        for number in range(100):  # until it has met a championship at work
            backup(desk, tmp_path / f"{number}.zip")
            if len(told) >= 2:
                break
    finally:
        stop.set()
        championship.join()
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    restore(tmp_path / f"{number}.zip", {"tracking_uri": f"sqlite:///{Path.cwd() / 'mlflow.db'}"})
    there = MlflowStore(settings_at(Path.cwd()))
    model = there.load(there.champion().pinned_uri)
    assert len(model.predict(model.input_example)) == 5
    completed = there.client.search_runs(["1"], "tags.status = 'completed'")
    assert len(completed) > 4
    for run in completed:
        assert there.has_file(run.info.run_id, "forecasts.parquet")
        assert there.has_model(run.data.tags["model_uri"])


def test_no_name_leads_out_of_its_folder(tmp_path, monkeypatch):
    """A name that is an absolute path behind its room is a path within the room."""
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("odd.zip", "w") as archive:
        files = {f"data/{tmp_path}/out": hashlib.sha256(b"x").hexdigest()}
        archive.writestr(f"data/{tmp_path}/out", b"x")
        archive.writestr("manifest.json", json.dumps({"format": 1, "places": {}, "files": files}))
    restore(tmp_path / "odd.zip", {})
    assert not (tmp_path / "out").exists()
    assert Path(f"data/{tmp_path}/out").read_bytes() == b"x"


def test_what_is_there_is_not_written_over(desk):
    """Least of all the database, by a slip."""
    with pytest.raises(SettingError, match=r"mlflow.db is there already"):
        backup(desk, Path("mlflow.db"))
    assert doctor(desk) == []


def test_there_must_be_something_to_back_up(tmp_path, monkeypatch, settings_at):
    """In an empty folder nothing is written."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingError, match="no championship"):
        backup(settings_at(tmp_path / "nothing"), tmp_path / "x.zip")
    assert not (tmp_path / "x.zip").exists()


def test_the_verbs(desk, tmp_path, monkeypatch, podium):
    """They say how much it was, in lines or as JSON."""
    said = podium("backup", str(tmp_path / "x.zip"), "--json")
    assert (said.exit_code, said.json["files"] > 20, said.json["left_out"]) == (0, True, [])
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    here = ("--tracking-uri", f"sqlite:///{tmp_path / 'other' / 'mlflow.db'}")
    assert "files, " in podium("restore", str(tmp_path / "x.zip"), *here).out
    assert podium("restore", str(tmp_path / "x.zip"), *here).exit_code == 2
    assert (
        podium("restore", "nowhere.zip").err
        == "podium: nowhere.zip is not there; `podium backup nowhere.zip` writes it\n"
    )
