"""`podium reset`: what it removes, what it spares, and whom it asks."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from podium.cli import workplace
from tests.cli.refusals import INPUT, refused

pytestmark = pytest.mark.usefixtures("workdir")


class Terminal:
    """A standard input at which somebody sits."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def isatty(self) -> bool:
        """Somebody does."""
        return True


@pytest.fixture
def something() -> list[Path]:
    """What a championship leaves, by name."""
    paths = [Path("mlflow.db"), Path("mlflow.db.lock"), Path("mlruns/1/x"), Path("models/best_model_info.json")]
    rates = Path("data/raw/EURUSD.parquet")
    for path in (*paths, rates):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return paths


def test_reset_removes_nothing_unasked(podium, something):
    """Where nobody can be asked: exit code 1, the flag is named, everything stays."""
    said = podium("reset")
    assert said.exit_code == 1
    assert "--yes" in said.err
    assert "would remove mlflow.db" in said.out
    assert all(path.exists() for path in something)


@pytest.mark.parametrize(("answer", "stays"), [(False, True), (True, False)])
def test_reset_does_as_it_is_told(podium, something, monkeypatch, answer, stays):
    """On a terminal it shows what would go and asks."""
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    monkeypatch.setattr(workplace.typer, "confirm", lambda question: answer)
    assert podium("reset").exit_code == (1 if stays else 0)
    assert all(path.exists() == stays for path in something)


@pytest.mark.parametrize("data", [False, True])
def test_reset_with_yes_asks_nobody(podium, something, data):
    """Scripts get a fresh start; rates go only when told."""
    said = podium("reset", "--yes", *(["--data"] if data else []))
    assert said.exit_code == 0
    assert "would" not in said.out
    assert not any(path.exists() for path in something)
    assert Path("data/raw/EURUSD.parquet").exists() != data
    assert podium("reset").out == ("nothing to remove: no championship has been run here\n")


def _database(path: Path, *locations: str, run_id: str = "") -> None:
    """A database as MLflow's, as far as its experiments and runs go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE experiments (artifact_location VARCHAR)")
        connection.execute("CREATE TABLE runs (run_uuid VARCHAR)")
        connection.executemany("INSERT INTO experiments VALUES (?)", [(location,) for location in locations])
        connection.execute("INSERT INTO runs VALUES (?)", (run_id,))


def test_reset_of_a_championship_elsewhere_leaves_this_one(podium, something, tmp_path):
    """The database that the address names goes with its artifacts; this folder's championship stays whole."""
    database, artifacts = tmp_path / "else" / "x.db", tmp_path / "else" / "kept" / "1"
    _database(database, artifacts.as_uri(), "s3://bucket/2")
    (artifacts / "models").mkdir(parents=True)
    assert podium("reset", "--yes", "--tracking-uri", f"sqlite:///{database}").exit_code == 0
    assert not database.exists()
    assert not artifacts.exists()
    assert all(path.exists() for path in something if path.parts[0] != "models")


def test_reset_removes_a_pointer_to_its_own_runs(podium, tmp_path):
    """A pointer goes with the database of its run, wherever that is, and stays with any other."""
    Path("models").mkdir()
    for run_id, stays in (("another", True), ("abc", False)):
        Path("models/best_model_info.json").write_text('{"run_id": "abc"}')
        database = tmp_path / "else" / f"{run_id}.db"
        _database(database, run_id=run_id)
        assert podium("reset", "--yes", "--tracking-uri", f"sqlite:///{database}").exit_code == 0
        assert Path("models/best_model_info.json").exists() == stays


def test_reset_spares_what_others_keep_among_the_artifacts(podium, tmp_path):
    """In a folder that is used for more, only what MLflow made there goes."""
    shared = tmp_path / "shared"
    for name in ("abc", "models", "photographs"):
        (shared / name).mkdir(parents=True)
    _database(Path("mlflow.db"), str(shared), run_id="abc")
    assert podium("reset", "--yes").exit_code == 0
    assert [path.name for path in shared.iterdir()] == ["photographs"]


def test_reset_covers_a_registry_of_its_own(podium):
    """The SQLite file of the registry goes too; a registry that is a server is refused."""
    _database(Path("mlflow.db"))
    _database(Path("reg.db"))
    refused(podium("reset", "--yes", "--registry-uri", "http://127.0.0.1:9"), INPUT, "registry_uri", "SQLite")
    assert podium("reset", "--yes", "--registry-uri", "sqlite:///reg.db").exit_code == 0
    assert list(Path().glob("*.db")) == []


def test_reset_goes_behind_a_linked_folder(podium, tmp_path):
    """Where mlruns is a link, what the database names behind it goes, and the link stays."""
    disk = tmp_path / "disk"
    (disk / "1" / "models").mkdir(parents=True)
    Path("mlruns").symlink_to(disk)
    _database(Path("mlflow.db"), str(Path.cwd() / "mlruns" / "1"))
    assert podium("reset", "--yes").exit_code == 0
    assert Path("mlruns").is_symlink()
    assert list(disk.iterdir()) == []


def test_reset_looks_before_it_removes(podium, something, monkeypatch):
    """A folder that cannot be written: one line that names it, and everything stays."""
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "1")
    said = podium("reset", "--yes")
    assert (said.exit_code, said.err.count("\n")) == (1, 1)
    assert "mlruns/1 cannot be written" in said.err
    assert all(path.exists() for path in something)


def test_reset_that_is_stopped_can_be_done_again(podium, something, monkeypatch):
    """What the system refuses all the same is one line; the database goes last, since it says where the rest is."""

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", refuse)
        said = podium("reset", "--yes")
    assert (said.exit_code, said.err.count("\n")) == (1, 1)
    assert "mlruns cannot be used (Permission denied)" in said.err
    assert Path("mlflow.db").exists()
    assert podium("reset", "--yes").exit_code == 0
    assert not any(path.exists() for path in something)


def test_verbs_that_change_things_tell_programs_what_they_did(podium, something):
    """`--json` of `key`, `upgrade` and `reset` is one document; a key's line is one that the server takes."""
    from podium.serve.web.security import parse_keys

    told = podium("key", "ann", "--keys-file", "keys", "--json").json
    assert Path("keys").read_text() == f"{told['line']}\n"
    assert (told["label"], told["keys_file"], told["key"].startswith("podium_")) == ("ann", "keys", True)
    bare = podium("key", "bob", "--json")
    assert (bare.json["keys_file"], bare.err) == (None, "")
    assert [key.label for key in parse_keys([told["line"], bare.json["line"]], "keys")] == ["ann", "bob"]
    left = ["mlflow.db", "mlflow.db.lock", "mlruns", "models/best_model_info.json"]
    assert podium("reset", "--yes", "--json").json == {"removed": left}
    assert podium("reset", "--yes", "--json").json == {"removed": []}
    assert podium("upgrade", "--json").json == {"backups": []}
