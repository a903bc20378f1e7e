"""Pruning: what nobody refers to goes, with every row and file; what somebody does stays, however old."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.cli.every_day import chore
from podium.ledger import Entry, Ledger, new_id
from podium.ledger.schema import entries
from podium.records import VersionRecord
from podium.registry.care import Recorded, is_ours
from podium.registry.mlflow_store import MlflowStore
from podium.upkeep import prune as room
from podium.upkeep.doctor import doctor
from podium.upkeep.prune import choose, prune

YEAR_MS = 365 * 86_400_000


@pytest.fixture
def old(desk):
    """The desk a year later: nothing is young."""
    with closing(sqlite3.connect("mlflow.db")) as connection, connection:
        connection.execute("UPDATE runs SET start_time = start_time - ?", (YEAR_MS,))
        connection.execute("UPDATE model_versions SET creation_time = creation_time - ?", (YEAR_MS,))
    return desk


def _run_of(settings, uri: str) -> str:
    name, _, number = uri.partition("/")
    return str(MlflowStore(settings).client.get_model_version(name, number).run_id)


def _everything(word: str) -> list[str]:
    """Tables of the database in which a word stands anywhere."""
    with closing(sqlite3.connect("mlflow.db")) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [name for name in names if word in repr(connection.execute(f"SELECT * FROM {name}").fetchall())]


def test_what_nobody_refers_to_goes_with_every_trace(old):
    """Of five old runs one goes: no row, file or empty folder of it is left, and the rest works as before."""
    run_id = _run_of(old, "EURUSD_ARIMA/1")
    model_id = MlflowStore(old).client.get_run(run_id).data.tags["model_uri"].removeprefix("models:/")
    with closing(sqlite3.connect("mlflow.db")) as connection, connection:
        connection.execute(
            "INSERT INTO datasets SELECT 'lost', experiment_id, 'lost', digest, dataset_source_type, "
            "dataset_source, dataset_schema, dataset_profile FROM datasets LIMIT 1"
        )
    planned = prune(old, 30, dry_run=True)
    assert _everything(run_id)
    done = prune(old, 30)
    assert (planned.runs, planned.versions) == (done.runs, done.versions) == ((run_id,), ("models:/EURUSD_ARIMA/1",))
    assert planned.n_bytes == done.n_bytes > 10_000
    assert done.kept == {"aliased": 3, "in the history of titles": 1}
    assert MlflowStore(old).verify_titles() == (2, [])
    assert done.database_bytes is not None
    assert done.database_bytes >= 0
    assert _everything(run_id) == _everything(model_id) == []
    assert not [path for path in Path("mlruns").rglob("*") if path.is_dir() and not any(path.iterdir())]
    assert not [path for path in Path("mlruns").rglob("*") if run_id in path.name or model_id in path.name]
    assert doctor(old) == []
    assert MlflowStore(old).load("models:/EURUSD_LinearRegression/1") is not None
    assert prune(old, 30).runs == ()
    with closing(sqlite3.connect("mlflow.db")) as connection:
        tagged = connection.execute("SELECT DISTINCT version FROM model_version_tags WHERE name = 'EURUSD_ARIMA'")
        assert tagged.fetchall() == [(2,)]
        assert connection.execute("SELECT count(*) FROM datasets").fetchone() == (3,)  # one of each championship


def test_the_young_stay(desk):
    """Nothing of today's goes."""
    assert replace(prune(desk, 1), database_bytes=0) == room.Pruned(1, (), (), (), {}, 0, 0, 0)


def test_what_the_ledger_refers_to_stays(old):
    """A version that answered a request stays, and its run."""
    ledger = Ledger.open(old.ledger)
    number, at = new_id()
    entry = Entry(number, number, at, "EURUSD", "x", "champion", False, False, "EURUSD_ARIMA", 1, None, "k", 0.1)
    with ledger.writing() as connection:
        connection.execute(entries.insert(), [entry._asdict()])
    ledger.close()
    done = prune(old, 30)
    assert (done.runs, done.kept["in the ledger"]) == ((), 1)


def test_forecasts_go_when_they_are_exported(desk):
    """With a file for them the ledger's older entries go, through the ledger's own pruning; without one they stay."""
    ledger = Ledger.open(desk.ledger)
    number, at = new_id()
    old = "0" * 8 + number[8:]
    entry = Entry(old, old, at, "EURUSD", "x", "champion", False, False, "EURUSD_ARIMA", 1, None, "k", 0.1)
    with ledger.writing() as connection:
        connection.execute(entries.insert(), [entry._asdict()])
    ledger.close()
    assert prune(desk, 1).forecasts == 0
    assert prune(desk, 1, export=Path("gone.jsonl")).forecasts == 1
    assert old in Path("gone.jsonl").read_text()
    assert prune(desk, 1, export=Path("none.jsonl")).forecasts == 0


def test_a_ledger_that_cannot_be_asked_stops_it(old):
    """Nobody knows what it refers to, so nothing goes."""
    Path("data/ledger.db").write_bytes(b"no database" * 1000)
    with pytest.raises(Exception, match="ledger"):
        prune(old, 30)
    assert MlflowStore(old).client.get_run(_run_of(old, "EURUSD_ARIMA/1")).info.lifecycle_stage == "active"


def test_what_others_registered_stays(old):
    """A team's own registered model on a run of Podium's keeps that run, with an alias or without."""
    client, run_id = MlflowStore(old).client, _run_of(old, "EURUSD_ARIMA/1")
    client.create_registered_model("production")
    client.create_model_version("production", "models:/EURUSD_ARIMA/1", run_id)
    assert prune(old, 30).runs == ()


def test_killed_in_the_middle_it_goes_on(old, monkeypatch):
    """Stopped after hiding, before the files went: the next one takes the same run, files and rows."""
    run_id = _run_of(old, "EURUSD_ARIMA/1")
    with monkeypatch.context() as patched:
        patched.setattr(room, "_remove", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            prune(old, 30)
    assert prune(old, 30).runs == (run_id,)
    assert _everything(run_id) == []


def test_reports_and_cached_models_go_too(desk):
    """Old reports go, and cached models that no manifest names; new ones stay, and what a server serves."""
    made = [Path(f"reports/{name}") for name in ("old.html", "new.html")]
    made += [Path(f"data/serving/0a1b/models/{name}/MLmodel") for name in ("gone", "served")]
    for path in made:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    Path("data/serving/0a1b/manifest.json").write_text('{"folder": "models/served"}')
    for path in (made[0], *(path.parent for path in made[2:])):
        os.utime(path, (time.time() - 90 * 86_400,) * 2)
    assert prune(desk, 30).files == ("reports/old.html", str(desk.data_dir / "serving/0a1b/models/gone"))
    assert [path.exists() for path in made] == [False, True, False, True]


RUNS = st.lists(
    st.builds(
        Recorded,
        run_id=st.sampled_from([f"r{number}" for number in range(8)]),
        started_at=st.integers(0, 9),
        data_version=st.sampled_from(["", "a", "b", "c"]),
    ),
    unique_by=lambda run: run.run_id,
)
SERIES = ({}, *({"data_version": name} for name in "abc"))
VERSIONS = st.lists(
    st.builds(
        VersionRecord,
        name=st.sampled_from(["EURUSD_LSTM", "EURUSD_ARIMA", "production"]),
        version=st.integers(1, 4),
        run_id=st.sampled_from(["", *(f"r{number}" for number in range(8))]),
        created_at=st.integers(0, 9),
        aliases=st.sampled_from([frozenset(), frozenset({"champion"})]),
        tags=st.sampled_from([{**kind, **series} for kind in ({}, {"model_type": "A"}) for series in SERIES]),
    ),
    unique_by=lambda version: version.pinned_uri,
)


@settings(max_examples=300, deadline=None)
@given(RUNS, VERSIONS, st.data(), st.integers(0, 9))
def test_nothing_that_somebody_refers_to_ever_goes(runs, versions, data, before):
    """Invariant 10: aliased, named, newest, young and others' versions stay, their runs and rivals; all else goes."""
    known = [*(version.pinned_uri for version in versions), *(run.run_id for run in runs)]
    named = dict.fromkeys(data.draw(st.lists(st.sampled_from(known), unique=True)) if known else [], "said")
    choice = choose(runs, versions, named, before)
    gone = {run.run_id for run in choice.runs}
    for version in versions:
        referred = bool(version.aliases) or version.pinned_uri in named or version.run_id in named
        referred |= version.version == max(one.version for one in versions if one.name == version.name)
        if referred or not is_ours(version) or version.created_at >= before:
            assert version not in choice.versions
            assert version.run_id not in gone
        assert (version in choice.versions) == (version.run_id in gone)
    for run in runs:
        rival = any(one.aliases and one.tags.get("data_version") == run.data_version for one in versions)
        newest = {one.name: one for one in sorted(versions, key=lambda one: one.version)}.values()
        needed = {one.run_id for one in versions if one.aliases or one.pinned_uri in named or not is_ours(one)}
        needed |= {one.run_id for one in newest}
        young = run.started_at >= before or any(
            one.run_id == run.run_id and one.created_at >= before for one in versions
        )
        assert (run.run_id in gone) == (not (rival or young or run.run_id in {*named, *needed}))


def test_starting_fresh_takes_every_pair_and_names_other_stores(desk, podium):
    """`podium reset` takes pointers and files of all pairs, and says which artifacts lie where it does not reach."""
    address = "s3://bucket/2"
    with closing(sqlite3.connect("mlflow.db")) as connection, connection:
        connection.execute("UPDATE experiments SET artifact_location = ? WHERE name LIKE 'GBPJPY%'", (address,))
    said = podium("reset", "--yes", "--tracking-uri", "sqlite:///mlflow.db")
    assert said.exit_code == 0
    assert said.err == f"note: the artifacts in {address} stay; remove them there\n"
    assert [path.name for path in sorted(Path.cwd().iterdir())] == ["data", "models", "podium.toml"]
    assert list(Path("models").iterdir()) == []


def test_the_verb(old, podium):
    """It says what would go, then what went and what stays, in lines or as JSON; it wants to be told how long."""
    said = podium("prune", "--keep", "30", "--dry-run", "--json")
    assert (said.json["dry_run"], len(said.json["runs"]), said.json["kept"]["aliased"]) == (True, 1, 3)
    lines = podium("prune", "--keep", "30").out.splitlines()
    assert lines[0].startswith("gone: 1 runs, 1 versions, 0 other files, ")
    assert lines[-1] == "1 older version stays: in the history of titles"
    assert podium("prune").exit_code == 2


def test_the_day_lets_go_where_the_setting_says(old):
    """What `podium daily` calls: what went the first time, and that there was nothing to do the second."""
    settings = old.model_copy(update={"prune_after": 30})
    first, again = chore(settings), chore(settings)
    assert (first[0].partition(",")[0], first[1]) == ("1 runs", True)
    assert again == ("0 runs, 0 versions, 0.0 MB gone", False)
