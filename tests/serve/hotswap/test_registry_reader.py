import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from podium.errors import SettingError
from podium.records import VersionRecord
from podium.registry.connection import Connection
from podium.registry.glance import mark_of
from podium.registry.history import parse
from podium.registry.mlflow_store import MlflowStore
from podium.serve.hotswap import fetched, registry_reader
from podium.serve.hotswap.manifest import Manifest, load
from podium.serve.hotswap.registry_reader import RegistryReader
from podium.serve.hotswap.scorer import ScoringError
from podium.serve.hotswap.signals import MANIFEST, READ, is_current, request_look
from podium.serve.hotswap.trial import Trials


@pytest.fixture(autouse=True)
def untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials take half a second, and are tested by themselves."""
    monkeypatch.setattr(Trials, "begin", lambda _: None)
    monkeypatch.setattr(Trials, "try_out", lambda *_: None)


def reader(world: Any, *pairs: str) -> RegistryReader:
    """A reader of this registry."""
    return RegistryReader(world.settings, pairs, world.cache)


def published(world: Any) -> Manifest:
    """The manifest as it is."""
    found = load(world.cache / MANIFEST)
    assert found is not None
    return found


def versions(world: Any) -> dict[str, str]:
    """Who holds which rank."""
    arms = published(world).pairs["EURUSD"].arms
    return {arm: f"{card.name}/{card.version}" for arm, card in arms.items()}


def test_an_alias_that_is_moved_by_hand_is_published(own_world: Any) -> None:
    """Whoever moves the alias, by whatever client, the next look shows the new champion and its fetched graph."""
    looking = reader(own_world)
    looking.look()
    assert versions(own_world)["champion"] == "EURUSD_LinearRegression/1"
    MlflowStore(own_world.settings).client.set_registered_model_alias("EURUSD_LinearRegression", "champion", "2")
    assert looking.look()
    assert versions(own_world) == {"champion": "EURUSD_LinearRegression/2", "challenger": "EURUSD_Drift/1"}
    card = published(own_world).pairs["EURUSD"].arms["champion"]
    assert fetched.digest((own_world.cache / card.folder / "forecast.onnx").read_bytes()) == card.digest


def test_a_full_disk_ends_no_reading(own_world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be published is read again at the next look, and published then."""

    def full(*_: object) -> None:
        raise SettingError("the disk is full")

    looking = reader(own_world)
    with monkeypatch.context() as patched:
        patched.setattr(registry_reader, "save", full)
        assert looking.look()
    assert not (own_world.cache / MANIFEST).exists()
    assert looking.look()
    assert versions(own_world)["champion"] == "EURUSD_LinearRegression/1"


def test_a_wish_is_answered_by_a_reading_that_began_after_it(own_world: Any, monkeypatch: Any) -> None:
    """Who moves an alias and asks while the registry is being read is answered by the next reading, which shows it."""
    looking = reader(own_world)
    first = request_look(own_world.cache)
    late: list[Path] = []
    titles = looking.store.titles

    def move_meanwhile(pair: str) -> Any:
        if not late:
            client = MlflowStore(own_world.settings).client
            client.set_registered_model_alias("EURUSD_LinearRegression", "champion", "2")
            late.append(request_look(own_world.cache))
        return titles(pair)

    monkeypatch.setattr(looking.store, "titles", move_meanwhile)
    assert looking.attend(due=False)
    assert (first.exists(), late[0].exists()) == (False, True)
    assert versions(own_world)["champion"] == "EURUSD_LinearRegression/1"
    assert looking.attend(due=False)
    assert not late[0].exists()
    assert versions(own_world)["champion"] == "EURUSD_LinearRegression/2"
    assert not looking.attend(due=False)


def test_a_champion_made_by_hand_is_no_challenger_of_itself(own_world: Any) -> None:
    """A version that is set champion and keeps its old alias too serves as champion only, until the next one comes."""
    looking = reader(own_world)
    client = MlflowStore(own_world.settings).client
    client.set_registered_model_alias("EURUSD_Drift", "champion", "1")
    client.delete_registered_model_alias("EURUSD_LinearRegression", "champion")
    looking.look()
    assert versions(own_world) == {"champion": "EURUSD_Drift/1"}
    client.set_registered_model_alias("EURUSD_LinearRegression", "challenger", "1")
    looking.look()
    assert versions(own_world) == {"champion": "EURUSD_Drift/1", "challenger": "EURUSD_LinearRegression/1"}


def test_a_registry_that_did_not_change_is_not_read(own_world: Any) -> None:
    """While nobody writes to the database a look costs a few file attributes, and the manifest's time moves on."""
    looking = reader(own_world)
    assert looking.look()
    os.utime(own_world.cache / MANIFEST, (1, 1))
    assert not looking.look()
    assert (own_world.cache / MANIFEST).stat().st_mtime > 1e9
    assert looking.look(anew=True)


def test_a_quiet_registry_needs_no_reader(own_world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who finds nothing new for a while ends, and is not missed until the registry changes, or somebody wishes it."""
    database, address = own_world.root / "mlflow.db", own_world.settings.tracking_uri

    def rests() -> bool:
        return is_current(own_world.cache, mark_of(address), time.time())

    looking = reader(own_world)
    assert not rests()  # nobody has read it
    looking.look()
    assert not looking.may_rest()  # just now there was something
    monkeypatch.setattr(registry_reader, "REST", 0.0)
    assert looking.may_rest()
    os.utime(own_world.cache / MANIFEST, (1, 1))
    assert rests()
    assert (own_world.cache / MANIFEST).stat().st_mtime > 1e9
    wish = request_look(own_world.cache)
    assert not rests()
    wish.unlink()
    MlflowStore(own_world.settings).client.set_registered_model_alias("EURUSD_LinearRegression", "champion", "2")
    assert not rests()
    assert not looking.may_rest()  # it has not read that yet
    looking.look()
    assert looking.may_rest()
    assert rests()
    monkeypatch.setattr(registry_reader, "mark_of", lambda _: "")  # a registry that only MLflow can read
    looking.look(anew=True)
    assert not looking.may_rest()
    monkeypatch.undo()
    database.rename(own_world.root / "away.db")
    assert not rests()
    looking.look()
    assert not looking.may_rest()  # there is trouble
    (own_world.root / "away.db").rename(database)
    assert not rests()  # which nobody has seen to be over


def test_a_registry_that_goes_away_leaves_the_last_podium(own_world: Any) -> None:
    """While the database is away the last podium stays published, with one sentence on what is wrong."""
    looking = reader(own_world)
    looking.look()
    database = own_world.root / "mlflow.db"
    database.rename(own_world.root / "away.db")
    looking.look()
    assert versions(own_world)["champion"] == "EURUSD_LinearRegression/1"
    assert "not there" in published(own_world).problems["registry"]
    assert not database.exists()
    (own_world.root / "away.db").rename(database)
    looking.look()
    assert published(own_world).problems == {}


def test_a_database_that_is_replaced_is_noticed(own_world: Any) -> None:
    """Another file in the database's place is never mistaken for the one that is open; a new reader reads it."""
    import shutil

    looking = reader(own_world)
    looking.look()
    database = own_world.root / "mlflow.db"
    shutil.copyfile(database, own_world.root / "other.db")
    (own_world.root / "other.db").replace(database)
    looking.look()
    assert looking.replaced
    assert "replaced" in published(own_world).problems["registry"]
    assert versions(own_world)["champion"] == "EURUSD_LinearRegression/1"


def test_a_server_that_cannot_be_reached_leaves_the_last_podium(own_world: Any) -> None:
    """A tracking server that refuses connections is one sentence in the manifest, and no change of the podium."""
    reader(own_world).look()
    away = own_world.settings.model_copy(update={"tracking_uri": "postgresql+psycopg://podium:secret@127.0.0.1:9/db"})
    looking = RegistryReader(away, (), own_world.cache)
    looking._manifest = published(own_world)
    looking.look()
    assert versions(own_world)["champion"] == "EURUSD_LinearRegression/1"
    problem = published(own_world).problems["registry"]
    assert "secret" not in problem


def test_a_pair_without_champion_is_a_problem_of_its_own(own_world: Any) -> None:
    """A pair that is asked for and has no champion does not keep the others from being published."""
    reader(own_world, "EURUSD", "USDJPY").look()
    found = published(own_world)
    assert set(found.pairs) == {"EURUSD"}
    assert "USDJPY" in found.problems["USDJPY"]


def test_a_pair_that_is_not_asked_for_is_not_published(own_world: Any) -> None:
    """What an earlier reader of the same folder knew of other pairs is left out."""
    reader(own_world).look()
    reader(own_world, "USDJPY").look()
    assert published(own_world).pairs == {}


def test_a_pair_stays_until_its_models_are_gone(own_world: Any) -> None:
    """Without a champion the last podium stays, with a problem; without any model of the pair it goes, and quietly."""
    looking = reader(own_world)
    looking.look()
    client = MlflowStore(own_world.settings).client
    client.delete_registered_model_alias("EURUSD_LinearRegression", "champion")
    looking.look()
    assert versions(own_world)["champion"] == "EURUSD_LinearRegression/1"
    assert "no version of EURUSD_* holds @champion" in published(own_world).problems["EURUSD"]
    for name in ("EURUSD_LinearRegression", "EURUSD_Drift"):
        client.delete_registered_model(name)
    looking.look()
    assert (published(own_world).pairs, published(own_world).problems) == ({}, {})


def test_a_refused_challenger_keeps_its_last_good_model(own_world: Any, monkeypatch: Any) -> None:
    """A new holder of the rank that cannot be served leaves the one before in place, and is a problem by its rank."""
    looking = reader(own_world)
    looking.look()
    client = MlflowStore(own_world.settings).client
    client.delete_registered_model_alias("EURUSD_Drift", "challenger")
    client.set_registered_model_alias("EURUSD_LinearRegression", "challenger", "2")
    card = fetched.card

    def refuse(record: VersionRecord, *place: Any) -> Any:
        if record.version == 2:
            raise ScoringError("the second is broken")
        return card(record, *place)

    monkeypatch.setattr(fetched, "card", refuse)
    looking.look()
    assert versions(own_world) == {"champion": "EURUSD_LinearRegression/1", "challenger": "EURUSD_Drift/1"}
    assert published(own_world).problems == {"EURUSD@challenger": "the second is broken"}


def test_a_damaged_cache_is_fetched_again(own_world: Any) -> None:
    """A file of the cache that was changed or lost is replaced from the registry."""
    reader(own_world).look()
    card = published(own_world).pairs["EURUSD"].arms["champion"]
    graph = own_world.cache / card.folder / "forecast.onnx"
    graph.write_bytes(b"damaged")
    reader(own_world).look(anew=True)
    assert fetched.digest(graph.read_bytes()) == card.digest
    assert published(own_world).problems == {}


def test_titles_are_published(own_world: Any) -> None:
    """The history of the title travels with the podium."""
    reader(own_world).look()
    assert parse(published(own_world).pairs["EURUSD"].titles)[-1].verdict == "promoted"


def test_a_mark_changes_with_every_commit(own_world: Any) -> None:
    """Any write to the database, even one that leaves its size alone, changes the mark."""
    address = own_world.settings.tracking_uri
    before = mark_of(address)
    MlflowStore(own_world.settings).client.set_registered_model_alias("EURUSD_Drift", "mine", "1")
    assert mark_of(address) != before
    assert mark_of("mysql://db/mlflow") == mark_of(f"sqlite:///{own_world.root / 'nowhere.db'}") == ""


@pytest.fixture
def folder(world: Any, tmp_path: Path) -> Path:
    """Artifacts of a model that was logged without a graph."""
    import shutil

    place = tmp_path / "model"
    shutil.copytree(world.cache / published(world).pairs["EURUSD"].arms["champion"].folder, place)
    (place / "forecast.onnx").unlink()
    about = yaml.safe_load((place / "MLmodel").read_text())
    about["metadata"]["onnx_sha256"] = ""
    (place / "MLmodel").write_text(yaml.safe_dump(about))
    return place


RECORD = VersionRecord("EURUSD_LinearRegression", 1, "run")


def test_a_model_without_graph_is_left_to_pyfunc(folder: Path) -> None:
    """Without a graph there is no digest, and the card still names columns, example and forecasts."""
    card = fetched.card(RECORD, folder, "place")
    assert card.digest == ""
    assert len(card.example) == len(card.expected) == 5


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ({"metadata": "none"}, "not as MLflow writes it"),
        ({"metadata": {"features": 3}}, "not as MLflow writes it"),
        ({"metadata": {"example_forecasts": [float("nan")]}}, "not a finite number"),
        ({"metadata": None, "signature": {"inputs": "[{"}}, "signature cannot be read"),
        ({"metadata": None, "signature": {"inputs": '["lag_0"]'}}, "signature cannot be read"),
        ({"metadata": None, "signature": None}, "names no columns"),
    ],
)
def test_an_odd_model_is_refused_and_nothing_else(folder: Path, damage: Any, said: str) -> None:
    """Whatever stands in a model's description, the reader says which model it is and goes on."""
    about = yaml.safe_load((folder / "MLmodel").read_text())
    (folder / "MLmodel").write_text(yaml.safe_dump({**about, **damage}))
    with pytest.raises(ScoringError, match=f"models:/EURUSD_LinearRegression/1.*{said}"):
        fetched.card(RECORD, folder, "place")


@pytest.mark.parametrize(
    "example", ['{"columns": ["lag_0"], "data": [["much"]]}', '{"columns": 3}', "NaN", '{"columns": [], "data": [[1]]}']
)
def test_an_example_that_cannot_be_used_is_left_out(folder: Path, example: str) -> None:
    """Rows that are no numbers, or not of the model's columns, are no rows to try the model on."""
    (folder / "input_example.json").write_text(example)
    assert fetched.card(RECORD, folder, "place").example == []


@pytest.mark.parametrize("how", ["file", "format", "loader"])
def test_a_model_without_graph_that_would_run_code_is_refused(folder: Path, how: str) -> None:
    """By its files, its declared format, or its loader; settings that name the model allow it."""
    about = yaml.safe_load((folder / "MLmodel").read_text())
    if how == "file":
        (folder / "extra").mkdir()
        (folder / "extra" / "model.PKL").write_bytes(b"")
    elif how == "format":
        del about["flavors"]["sklearn"]["serialization_format"]
    else:
        about["flavors"]["python_function"]["loader_module"] = "mlflow.pyfunc.model"
    (folder / "MLmodel").write_text(yaml.safe_dump(about))
    with pytest.raises(ScoringError, match="trusted_code"):
        fetched.card(RECORD, folder, "place")
    assert fetched.card(RECORD, folder, "place", ("EURUSD_*",)).digest == ""


@pytest.mark.parametrize(
    ("name", "run_id"),
    [
        ("EURUSD_X", "../../../etc"),
        ("EURUSD_" + "x" * 240, "r"),
        ("EURUSD_\r\nx", "r"),
        ("..", "/"),
        ("EURUSD_\u00dc", ""),
    ],
)
def test_a_name_or_id_stays_in_its_folder(name: str, run_id: str) -> None:
    """Whatever a model or a run is called, its artifacts lie in one folder of the cache, and nobody else's."""
    found = fetched.folder_name(VersionRecord(name, 1, run_id))
    assert Path(found).name == found
    assert re.fullmatch(r"\w{1,40}-1-[0-9a-f]{12}", found, re.ASCII)
    assert found != fetched.folder_name(VersionRecord(name, 1, run_id + "x"))


@pytest.mark.parametrize("name", ["run", "podium-seal.json"])
def test_an_artifact_with_a_name_of_podiums_stops_itself_alone(own_world: Any, name: str) -> None:
    """A model with a file `run` or a folder `podium-seal.json` is refused by name; the champion beside it is served."""
    store = MlflowStore(own_world.settings)
    plain = store.fetch

    def fetch(uri: str, folder: Path | None = None) -> Path:
        found = plain(uri, folder)
        if "Drift" in uri:
            (found / name).mkdir() if "." in name else (found / name).write_text("x")
        return found

    found = reader(own_world)
    found.store.fetch = fetch  # type: ignore[method-assign]
    found.look()
    manifest = published(own_world)
    assert f"named {name}" in manifest.problems["EURUSD@challenger"]
    assert set(manifest.pairs["EURUSD"].arms) == {"champion"}


def test_whatever_is_wrong_with_a_pair_stops_no_other(own_world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody foresaw is the problem of its pair; the others are read, and the reader lives on."""
    found = reader(own_world)
    plain = found._pair
    monkeypatch.setattr(found.store, "champions", lambda: dict.fromkeys(("AUDUSD", "EURUSD")))

    def read(pair: str) -> Any:
        if pair == "AUDUSD":
            raise RecursionError("too deep")
        return plain(pair)

    monkeypatch.setattr(found, "_pair", read)
    found.look()
    manifest = published(own_world)
    assert manifest.problems == {"AUDUSD": "too deep"}
    assert "champion" in manifest.pairs["EURUSD"].arms


def wait_for_ever(*_: object, **__: object) -> None:
    """As who reads from a server that sends nothing, until the time is over, which is soon."""
    signal.setitimer(signal.ITIMER_REAL, 0.1, 1.0)
    here, there = socket.socketpair()
    with here, there:
        here.recv(1)


def test_files_that_never_come_stop_their_model_alone(own_world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A challenger whose files drip is the problem of its own after a time; the champion is served."""
    found = reader(own_world)
    plain = found.store.fetch

    def fetch(uri: str, folder: Path | None = None) -> Path:
        return plain(uri, folder) if "Drift" not in uri else wait_for_ever()  # type: ignore[func-returns-value]

    monkeypatch.setattr(found.store, "fetch", fetch)
    found.look()
    manifest = published(own_world)
    assert manifest.problems == {"EURUSD@challenger": "a model's files took longer than 60 s"}
    assert set(manifest.pairs["EURUSD"].arms) == {"champion"}
    assert found.late


def test_a_registry_that_drips_while_it_is_opened_is_told_in_time(own_world: Any, monkeypatch: Any) -> None:
    """Opening it, which asks whether somebody answers, has its limit too."""
    found = reader(own_world)
    monkeypatch.setattr(Connection, "knock", wait_for_ever)
    found.look()
    assert published(own_world).problems == {"registry": "the registry took longer than 60 s"}
    assert found.late


def test_a_graph_is_tried_once(own_world: Any, monkeypatch: Any) -> None:
    """One that passed is not tried again by any reader; one that failed is a problem until a while later."""
    tried: list[str] = []

    def try_out(_: Trials, card: Any) -> None:
        tried.append(card.name)
        if "Drift" in card.name:
            raise ScoringError("it hangs")

    monkeypatch.setattr(Trials, "try_out", try_out)
    for _ in range(3):
        reader(own_world).look(anew=True)
        assert published(own_world).problems == {"EURUSD@challenger": "it hangs"}
    assert sorted(tried) == ["EURUSD_Drift", "EURUSD_LinearRegression"]
    (said,) = (place for place in own_world.cache.glob("models/EURUSD_Drift*/podium-tried"))
    os.utime(said, (1, 1))
    reader(own_world).look(anew=True)
    assert sorted(tried) == ["EURUSD_Drift", "EURUSD_Drift", "EURUSD_LinearRegression"]


@pytest.mark.parametrize("question", ["champions", "champion"])
def test_a_registry_that_says_nothing_is_told_in_time(own_world: Any, monkeypatch: Any, question: str) -> None:
    """Asked once, not once for each pair; what was served stays, and the reader ends, which drops its connections."""
    found = reader(own_world)
    found.look()
    asked = []
    if question == "champion":
        monkeypatch.setattr(found, "_all_pairs", lambda known: ["AUDUSD", "EURUSD"])
    monkeypatch.setattr(found.store, question, lambda *_: asked.append(1) or wait_for_ever())
    found.look(anew=True)
    assert published(own_world).problems == {"registry": "the registry took longer than 30 s"}
    assert "champion" in published(own_world).pairs["EURUSD"].arms
    assert len(asked) == 1
    assert found.late


def test_a_file_ends_at_its_limit_whatever_a_listing_said(tmp_path: Path) -> None:
    """The reader's process writes no byte beyond it."""
    code = """
from pathlib import Path
from podium.serve.hotswap.registry_reader import limit_files
limit_files(1000)
Path("x").write_bytes(b"x" * 2000)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "File too large" in done.stderr
    assert (tmp_path / "x").stat().st_size <= 1000


def test_a_graph_that_was_not_logged_is_refused(world: Any, tmp_path: Path) -> None:
    """The graph must be the one whose digest was recorded when the model was logged."""
    import shutil

    place = tmp_path / "model"
    cards = published(world).pairs["EURUSD"].arms
    shutil.copytree(world.cache / cards["champion"].folder, place)
    shutil.copyfile(world.cache / cards["challenger"].folder / "forecast.onnx", place / "forecast.onnx")
    with pytest.raises(ScoringError, match="not the graph that was logged"):
        fetched.card(RECORD, place, "place")


def test_a_manifest_holds_no_address(own_world: Any) -> None:
    """The registry's address, which may hold a password, is in none of the files that serving processes read."""
    reader(own_world).look()
    for name in (MANIFEST, READ):
        assert "sqlite" not in (own_world.cache / name).read_text()


def test_models_that_nobody_serves_make_room(own_world: Any) -> None:
    """A model that lost its rank a day ago leaves the cache; one that lost it just now stays."""
    reader(own_world).look()
    old, recent = own_world.cache / "models" / "EURUSD_Old-1-x", own_world.cache / "models" / "EURUSD_Recent-1-x"
    old.mkdir()
    recent.mkdir()
    os.utime(old, (1, 1))
    reader(own_world).look(anew=True)
    assert not old.exists()
    assert recent.exists()
    assert len(list((own_world.cache / "models").iterdir())) == 3


def test_a_pair_whose_championship_was_stopped_is_told_with_what_helps(own_world: Any) -> None:
    """A leak at the first championship: nobody is served, and the server's problems say why and what to do.

    Where somebody leads already, the stopped championship moved no alias, and the champion is served as before.
    """
    store = MlflowStore(own_world.settings)
    newest = max(store.versions(), key=lambda version: version.created_at)
    store.tag(newest, {"verdict": "leak", "verdict_reason": "Drift: too good to be true; no alias moved"})
    looking = reader(own_world)
    looking.look()
    assert (versions(own_world)["champion"], published(own_world).problems) == ("EURUSD_LinearRegression/1", {})
    for held in store.holders():
        for alias in held.aliases:
            store.client.delete_registered_model_alias(held.name, alias)
    (own_world.cache / MANIFEST).unlink()
    looking = reader(own_world)
    looking.look()
    found = published(own_world)
    assert found.pairs == {}
    assert "its championship was stopped (Drift: too good to be true; no alias moved)" in found.problems["EURUSD"]
    assert "`podium evaluate --without NAME`" in found.problems["EURUSD"]
