"""The doctor: each fault is planted, found, told with its remedy, and mended where a program may."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections import namedtuple
from contextlib import closing
from pathlib import Path

import pytest

from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings
from podium.upkeep import doctor as room
from podium.upkeep.doctor import CHECKS, doctor
from tests.support import free_port

DAY_MS = 86_400_000


def _at(desk: Settings, folder: Path) -> Settings:
    """The same championship in another folder."""
    places = {"tracking_uri": f"sqlite:///{folder / 'mlflow.db'}"}
    return desk.model_copy(update={**places, "data_dir": folder / "data", "models_dir": folder / "models"})


def sql(settings: Settings, statement: str, *values: object) -> None:
    """Write into the database behind MLflow's back."""
    with closing(sqlite3.connect(settings.tracking_uri.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute(statement, values)


def model_folder(settings: Settings, uri: str) -> Path:
    """Where a version's files lie."""
    return MlflowStore(settings).fetch(uri)


def _full_disk(desk, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 10, 5_000_000))


def _read_only(desk, monkeypatch):
    return desk.model_copy(update={"data_dir": Path("/proc/podium")})


def _readable_ledger(desk, monkeypatch):
    (desk.data_dir / "ledger.db").chmod(0o644)


def _older_schema(desk, monkeypatch):
    sql(desk, "UPDATE alembic_version SET version_num = ?", "4465047574b1")
    monkeypatch.setattr(room.MlflowStore, "upgrade", lambda self: sql(desk, HEAD))


def _newer_schema(desk, monkeypatch):
    sql(desk, "UPDATE alembic_version SET version_num = 'ffffffffffff'")


def _moved_folder(desk, monkeypatch):
    home = Path.cwd().with_name("elsewhere")
    Path.cwd().rename(home)
    monkeypatch.chdir(home)
    return _at(desk, home)


def _copied_folder(desk, monkeypatch):
    home = Path.cwd().with_name("copy")
    shutil.copytree(Path.cwd(), home)
    monkeypatch.chdir(home)
    return _at(desk, home)


def _moved_from_another_database(desk, monkeypatch):
    """The database lies apart, under a name of its own, and does not move with the folder."""
    apart = Path.cwd().with_name("apart.db")
    Path("mlflow.db").rename(apart)
    settings = _moved_folder(desk, monkeypatch)
    return settings.model_copy(update={"tracking_uri": f"sqlite:///{apart}"})


def _settings_left_behind(desk, monkeypatch):
    """The folder moves, its database too, and the ledger's address still is the old one."""
    was = Path.cwd()
    settings = _moved_folder(desk, monkeypatch)
    doctor(settings, fix=True)
    return settings.model_copy(update={"ledger_address": str(was / "data" / "ledger.db")})


def _old_path_made_anew(desk, monkeypatch):
    was = Path.cwd()
    settings = _moved_folder(desk, monkeypatch)
    (was / "mlruns" / "EURUSD" / next(Path("mlruns/EURUSD").iterdir()).name).mkdir(parents=True)
    return settings


def _two_champions(desk, monkeypatch):
    MlflowStore(desk).client.set_registered_model_alias("EURUSD_ARIMA", "champion", "1")


def _two_challengers(desk, monkeypatch):
    MlflowStore(desk).client.set_registered_model_alias("EURUSD_LinearRegression", "challenger", "1")


def _alias_on_nothing(desk, monkeypatch):
    sql(desk, "UPDATE registered_model_aliases SET version = 99 WHERE alias = 'challenger' AND name LIKE 'EURUSD%'")


def _missing_files(desk, monkeypatch):
    shutil.rmtree(model_folder(desk, "models:/EURUSD_ARIMA@challenger"))


def _altered_files(desk, monkeypatch):
    with (model_folder(desk, "models:/EURUSD_LinearRegression@champion") / "forecast.onnx").open("ab") as file:
        file.write(b"x")


def _disagreeing_pointer(desk, monkeypatch):
    MlflowStore(desk).client.set_registered_model_alias("EURUSD_LinearRegression", "champion", "1")


def _broken_pointer(desk, monkeypatch):
    (desk.models_dir / "best_model_info.EURUSD.json").write_text("{")


def _unfinished_run(desk, monkeypatch):
    tags = {"status": "running", "podium_version": "0.1.0"}
    MlflowStore(desk).client.create_run("1", int(time.time() * 1000) - 2 * DAY_MS, tags)


def _clock_behind(desk, monkeypatch):
    sql(desk, "UPDATE model_versions SET creation_time = creation_time + ?", 3_600_000)


def _ledger_without_log(desk, monkeypatch):
    (desk.data_dir / "ledger.db-shm").touch()


def _log_without_ledger(desk, monkeypatch):
    (desk.data_dir / "ledger.db").rename(desk.data_dir / "ledger.db-wal")


def _damaged_ledger(desk, monkeypatch):
    path = desk.data_dir / "ledger.db"
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\x17" * 4096 + content[8192:])


def _newer_ledger(desk, monkeypatch):
    with closing(sqlite3.connect(desk.data_dir / "ledger.db")) as connection, connection:
        connection.execute("UPDATE ledger_version SET version_num = 'v9999'")


HEAD = ""
FAULTS = {
    _full_disk: ("disk", "5 MB left", False),
    _read_only: ("disk", "/proc cannot be written", False),
    _readable_ledger: ("permissions", "ledger.db can be read by others", True),
    _older_schema: ("schema", "database of an older MLflow", True),
    _newer_schema: ("schema", "migrated by a newer MLflow", False),
    _moved_folder: ("moved folder", "looks for artifacts in", True),
    _copied_folder: ("moved folder", "looks for artifacts in", True),
    _moved_from_another_database: ("moved folder", "apart.db looks for artifacts in", True),
    _settings_left_behind: ("moved folder", "is not there; data/ledger.db is", False),
    _old_path_made_anew: ("moved folder", "looks for artifacts in", True),
    _two_champions: (
        "alias held twice",
        "@champion is on models:/EURUSD_ARIMA/1, models:/",
        True,
    ),
    _two_challengers: ("alias held twice", "@challenger is on", True),
    _alias_on_nothing: ("alias on nothing", "models:/EURUSD_ARIMA/99, which was deleted", True),
    _missing_files: ("artifacts", "models:/EURUSD_ARIMA/2 has lost its files", False),
    _altered_files: ("artifacts", "models:/EURUSD_LinearRegression/2 has files that are not", False),
    _disagreeing_pointer: ("pointer", "names models:/EURUSD_LinearRegression/2, the registry", True),
    _broken_pointer: ("pointer", "best_model_info.EURUSD.json names nobody", True),
    _unfinished_run: ("unfinished runs", "never ended", True),
    _clock_behind: ("clock", "is dated", False),
    _ledger_without_log: ("ledger", "ledger.db-wal is gone", False),
    _log_without_ledger: ("ledger", "ledger.db is gone", False),
    _damaged_ledger: ("ledger", "ledger.db is damaged", False),
    _newer_ledger: ("ledger", "is of a newer Podium", False),
}


@pytest.fixture(autouse=True)
def head(desk):
    """How the schema of this MLflow is called."""
    global HEAD  # noqa: PLW0603  the stand-in for an upgrade needs it, and a fault is a plain function
    with closing(sqlite3.connect("mlflow.db")) as connection:
        (name,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    HEAD = f"UPDATE alembic_version SET version_num = '{name}'"


def test_a_sound_championship_has_nothing(desk):
    """No check cries wolf."""
    assert doctor(desk) == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__[1:])
def test_a_planted_fault_is_found_and_mended_where_it_can(desk, monkeypatch, fault):
    """It is found first, with its remedy; what follows from it is found behind it; `--fix` mends all if it says so."""
    check, words, fixable = FAULTS[fault]
    settings = fault(desk, monkeypatch) or desk
    first = doctor(settings)[0]
    assert (first.check, first.fixable, first.mended) == (check, fixable, False)
    assert words in first.found
    assert first.remedy or "; " in first.found or fault is _damaged_ledger
    assert all(one.mended == fixable for one in doctor(settings, fix=True))
    assert bool(doctor(settings)) is not fixable


def test_every_check_has_its_fault():
    """No check is in the table without a test that plants what it looks for."""
    assert {check for check, _, _ in FAULTS.values()} == set(CHECKS)


def test_after_a_move_everything_loads_again(desk, monkeypatch):
    """The champion of the moved folder loads, its files are found, and new runs go to the new place."""
    settings = _moved_folder(desk, monkeypatch)
    doctor(settings, fix=True)
    store = MlflowStore(settings)
    assert store.load("models:/GBPJPY_LinearRegression@champion") is not None
    assert Path(store.client.get_experiment("1").artifact_location).is_relative_to(Path.cwd())
    assert store.has_file(store.champion().run_id, "forecasts.parquet")


@pytest.mark.parametrize(
    ("setting", "value", "here"),
    [
        ("tracking_uri", "sqlite:///{}/mlflow.db", "mlflow.db"),
        ("registry_uri", "sqlite:///{}/mlflow.db", "mlflow.db"),
        ("data_dir", "{}/data", "data"),
        ("models_dir", "{}/models", "models"),
        ("artifact_location", "{}/mlruns/EURUSD", "mlruns/EURUSD"),
        ("serve.cache", "{}/data/serving", "data/serving"),
        ("serve.keys_file", "{}/keys", "keys"),
    ],
)
def test_a_setting_that_names_the_old_place_is_told(desk, monkeypatch, setting, value, here):
    """Whatever was kept there would be made anew, and empty; nothing is said of a place that is there."""
    Path("keys").touch(0o600)
    Path("data/serving").mkdir()

    def told(folder: Path) -> list[str]:
        section, _, name = setting.rpartition(".")
        chosen = {name: value.format(folder)}
        settings = Settings.load({section: chosen} if section else chosen)
        return [trouble.remedy for trouble in room._left_behind(settings)]

    assert told(Path.cwd()) == []
    assert told(Path("/gone/long/ago")) == [f"set {setting} to {here}"]


def test_a_shared_database_stays_with_a_place_that_is_there(desk, monkeypatch):
    """Of a copied folder whose database lies apart nothing is rewritten: the original is others' too."""
    apart = Path.cwd().with_name("apart.db")
    Path("mlflow.db").rename(apart)
    settings = _copied_folder(desk, monkeypatch).model_copy(update={"tracking_uri": f"sqlite:///{apart}"})
    assert doctor(settings) == []


def test_a_database_that_does_not_answer_is_a_finding(desk, podium):
    """Once, on one line, without its password; what lies in this folder is looked at all the same."""
    address = f"postgresql+psycopg://me:hunter22@127.0.0.1:{free_port()}/x"
    Path("data/ledger.db").chmod(0o644)
    said = podium("doctor", "--tracking-uri", address, "--json")
    found = {one["check"]: one["found"] for one in said.json["findings"]}
    assert said.exit_code == 1
    assert set(found) == {"permissions", "schema"}
    assert "cannot open the tracking store at postgresql+psycopg://me:***@" in found["schema"]
    assert "hunter22" not in said.out + said.err


def test_a_server_is_told_to_be_mended_at_its_database(desk, monkeypatch):
    """Its clients see that local artifacts moved, and cannot write addresses."""
    client = MlflowStore(_moved_folder(desk, monkeypatch)).client
    store = MlflowStore(desk.model_copy(update={"tracking_uri": "http://127.0.0.1:5000"}))
    store.connection.client = client  # what the server behind that address would tell
    monkeypatch.setattr(store.connection, "knock", lambda: None)
    first, *_ = room._moved(store)
    assert "http://127.0.0.1:5000 looks for artifacts in" in first.found
    assert "--tracking-uri" in first.remedy
    assert first.mend is None


def test_the_title_decides_which_of_two_champions_stays(desk, monkeypatch):
    """`--fix` leaves @champion where every reader sees it, which is the newer intention."""
    _two_champions(desk, monkeypatch)
    leader = MlflowStore(desk).champion().pinned_uri
    doctor(desk, fix=True)
    assert [holder.pinned_uri for holder in MlflowStore(desk).holders() if "champion" in holder.aliases] == [leader]
    assert json.loads(Path("models/best_model_info.EURUSD.json").read_text())["pinned_uri"] == leader


def test_the_verb_says_what_is_wrong_and_how_it_ended(desk, monkeypatch, podium):
    """Lines for people, one document for programs, and an exit code: 1 while something is wrong."""
    folders = ("--tracking-uri", desk.tracking_uri)
    assert podium("doctor", *folders).out == f"{len(CHECKS) + 1} checks, 0 found, 0 mended\n"
    Path("keys").write_text(f"ann sha256:{'0' * 64} until=2020-01-01\nbob sha256:{'1' * 64}\n")
    Path("keys").chmod(0o600)
    said = podium("doctor", *folders, "--keys-file", "keys", "--json")
    assert (said.exit_code, said.json["healthy"]) == (1, False)
    assert said.json["findings"][0]["found"] == "keys: the key of ann ended on 2020-01-01"
    said = podium("doctor", *folders, "--keys-file", "keys", "--fix")
    assert (said.exit_code, said.out.splitlines()[-1]) == (0, f"{len(CHECKS) + 1} checks, 1 found, 1 mended")
    assert Path("keys").read_text() == f"bob sha256:{'1' * 64}\n"
    assert json.dumps(podium("doctor", *folders, "--keys-file", "keys", "--json").json["findings"]) == "[]"


def test_nothing_is_made_where_nothing_is(tmp_path, monkeypatch):
    """In an empty folder the doctor finds nothing and leaves nothing."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert doctor(Settings()) == []
    assert list(Path.cwd().iterdir()) == []
