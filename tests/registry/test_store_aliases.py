"""Who holds an alias in MLflow's registry, and who leads, whatever else stands there."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial

import pytest

from podium.errors import MissingError
from podium.registry import pair_models
from podium.registry.entities import EXISTS, Model, tolerating
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings

ALIASES = ("champion", "challenger", "candidate")


def test_aliases_are_exclusive_over_the_family(store, three):
    """When the order turns round, nobody keeps an alias of the old order."""
    store.assign("EURUSD", dict(zip(ALIASES, three, strict=True)))
    store.assign("EURUSD", dict(zip(ALIASES, reversed(three), strict=True)))
    held = {version.name: set(version.aliases) for version in store.holders()}
    assert held == {
        "EURUSD_LSTM": {"champion"},
        "EURUSD_ARIMA": {"challenger"},
        "EURUSD_LinearRegression": {"candidate"},
    }


def test_assigning_the_same_again_writes_nothing(store, three):
    """Nothing new, no write."""
    wanted = dict(zip(ALIASES, three, strict=True))
    assert len(store.assign("EURUSD", wanted)) == 3
    assert store.assign("EURUSD", wanted) == []


def test_assigning_may_be_the_first_thing_that_a_store_does(store, three):
    """The store is opened before its lock is taken, which opening takes too."""
    assert len(MlflowStore(store.settings).assign("EURUSD", {"champion": three[0]})) == 1


def test_an_alias_nobody_earned_is_taken_away(store, three):
    """With two contestants there is no candidate; a team's own alias is left alone."""
    store.assign("EURUSD", dict(zip(ALIASES, three, strict=True)))
    store.client.set_registered_model_alias("EURUSD_LSTM", "canary", "1")
    store.assign("EURUSD", {"champion": three[0], "challenger": three[1]})
    assert {version.name: set(version.aliases) for version in store.holders()}["EURUSD_LSTM"] == {"canary"}


def test_families_of_other_pairs_are_left_alone(store, three, settings, make_result, context):
    """`EURUSD_*` does not touch `EURUSDX_*`, though LIKE's underscore would."""
    store.client.create_registered_model("EURUSDX_LSTM")
    store.client.create_model_version("EURUSDX_LSTM", "file:///nowhere", None)
    store.client.set_registered_model_alias("EURUSDX_LSTM", "champion", "1")
    store.assign("EURUSD", dict(zip(ALIASES, three, strict=True)))
    assert store.client.get_model_version_by_alias("EURUSDX_LSTM", "champion").version in (1, "1")
    assert all(not version.name.startswith("EURUSDX") for version in store.versions())


def test_models_are_read_as_mlflow_tells_them(store, three):
    """Names, descriptions, times, tags, aliases; and with them the versions that hold an alias and are not deleted."""
    store.client.update_registered_model("EURUSD_ARIMA", "of Box and Jenkins")
    store.assign("EURUSD", dict(zip(ALIASES, three, strict=True)))
    store.client.set_registered_model_alias("EURUSD_ARIMA", "mine", "1")
    for name in ("EURUSD_LinearRegression", "eurusd_LSTM", "EURUS"):
        tolerating(EXISTS, partial(store.client.create_registered_model, name))
        added = store.client.create_model_version(name, "file:///nowhere", tags={"a": "b"}).version
        store.client.set_registered_model_alias(name, "mine", added)
        store.client.create_model_version(name, "file:///nowhere")
    with closing(sqlite3.connect(store.connection.address.removeprefix("sqlite:///"))) as database:
        database.execute("UPDATE model_versions SET current_stage = 'Deleted_Internal' WHERE name = 'EURUSD_LSTM'")
        database.commit()
    told = [Model.of(found) for found in store.client.search_registered_models("name LIKE 'EURUSD%'")]
    read = pair_models.models(store.connection, "EURUSD")
    assert [replace(model, along={}) for model in read] == [replace(model, along={}) for model in told]
    versions = {version.pinned_uri: version for version in store.versions()}
    along = [version for model in read for version in model.along.values()]
    assert [version.pinned_uri for version in along] == [
        "models:/EURUSD_ARIMA/1",
        "models:/EURUSD_LinearRegression/1",
        "models:/EURUSD_LinearRegression/2",
    ]
    assert along == [versions[version.pinned_uri] for version in along]


def test_a_folder_with_an_odd_name_is_one_like_any_other(tmp_path, monkeypatch, make_result, context):
    """A database is made there, and the runs' files lie in it and nowhere else, whatever MLflow reads into a path."""
    folder = tmp_path / 'Ann\'s #1 %20 "rates"'
    folder.mkdir()
    monkeypatch.chdir(folder)
    store = MlflowStore(Settings())
    run = store.log_run(make_result("ARIMA"), context)
    assert store.read_file(run.run_id, "forecasts.parquet")
    assert [*folder.glob(f"mlruns/*/{run.run_id}/artifacts/forecasts.parquet")]
    assert [*tmp_path.iterdir()] == [folder]


@pytest.mark.parametrize("name", ["EURUSD_O'Neill", 'EURUSD_"', "EURUSD_a b"])
def test_a_model_with_an_odd_name_is_nobodys(store, three, name):
    """An empty model that somebody named with a quote stops nobody."""
    store.client.create_registered_model(name)
    store.assign("EURUSD", dict(zip(ALIASES, three, strict=True)))
    assert [version.name for version in store.versions()] == sorted(version.name for version in three)
    assert store.champion().name == three[0].name


def test_a_champion_leads_at_every_instant(store, three, monkeypatch):
    """After every single write of a change of order, somebody holds the title."""
    store.assign("EURUSD", dict(zip(ALIASES, three, strict=True)))
    make, seen = pair_models.make, []

    def watched(to, move):
        done = make(to, move)
        seen.append(store.champion().name)
        return done

    monkeypatch.setattr(pair_models, "make", watched)
    store.assign("EURUSD", dict(zip(ALIASES, reversed(three), strict=True)))
    assert len(seen) >= 4
    assert set(seen) <= {"EURUSD_LinearRegression", "EURUSD_LSTM"}


def test_of_two_champions_the_newer_intention_leads(store, three):
    """An alias set by hand beside the recorded title wins; nobody at all is an error that names the remedy."""
    with pytest.raises(MissingError, match="podium run"):
        store.champion()
    store.assign("EURUSD", dict(zip(ALIASES, three, strict=True)))
    store.record_title(three[0], why="lowest RMSE", verdict="promoted", data_version=None)
    store.client.set_registered_model_alias("EURUSD_ARIMA", "champion", "1")
    assert store.champion().name == "EURUSD_ARIMA"


def test_an_alias_on_a_version_that_is_gone_is_nobodys(store, three):
    """Older servers left the alias on a deleted version: readers pass it over, and assigning takes it away."""
    store.assign("EURUSD", dict(zip(ALIASES, three, strict=True)))
    with closing(sqlite3.connect(store.connection.address.removeprefix("sqlite:///"))) as database:
        database.execute("UPDATE registered_model_aliases SET version = 99 WHERE alias = 'champion'")
        database.commit()
    assert store.stray_aliases() == [("champion", "models:/EURUSD_LinearRegression/99")]
    assert {version.name for version in store.holders()} == {"EURUSD_ARIMA", "EURUSD_LSTM"}
    assert [*store.champions()] == []
    with pytest.raises(MissingError, match="podium run"):
        store.champion()
    store.assign("EURUSD", {"champion": three[1], "challenger": three[2]})
    assert (store.champion().name, store.stray_aliases(), [*store.champions()]) == ("EURUSD_ARIMA", [], ["EURUSD"])


def test_a_champion_by_a_clients_hand_stands_in_the_history(store, three):
    """The next reading tells it, the same each time; written down it is the predecessor of the next title."""
    store.assign("EURUSD", dict(zip(ALIASES, three, strict=True)))
    store.record_title(three[0], why="lowest RMSE", verdict="promoted", data_version=None)
    store.client.set_registered_model_alias("EURUSD_ARIMA", "champion", "1")
    (_, found) = told = store.titles()
    assert (found.pinned_uri, found.previous) == ("models:/EURUSD_ARIMA/1", "models:/EURUSD_LinearRegression/1")
    assert (found.verdict, found.by) == ("found", "unknown")
    assert store.titles() == told
    assert store.record_found(three[0]) is None  # who led when somebody looked, and does no more
    assert store.record_found(three[1]) == found
    assert store.record_found(three[1]) is None
    assert store.champion().name == "EURUSD_ARIMA"
    store.assign("EURUSD", {"champion": three[2]})
    title = store.record_title(three[2], why="lowest RMSE", verdict="promoted", data_version=None)
    assert title.previous == found.pinned_uri
    assert store.titles() == [*told, title]


def test_a_champion_of_another_pipeline_is_the_first_in_the_history(store, three):
    """A registry that Podium has never written a title to: whoever leads there is known as such."""
    store.client.set_registered_model_alias("EURUSD_LSTM", "champion", "1")
    found = store.record_found(three[2])
    assert (found.pinned_uri, found.previous, store.titles()) == ("models:/EURUSD_LSTM/1", "", [found])
