"""What others left in the registry: a championship mends what has one right answer, and says so."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest

from podium.errors import MissingError
from podium.pipeline.contest import evaluate
from podium.pipeline.titles import history, rollback


def told(arena, **flags):
    """Hold the championship; what it notes."""
    notes: list[str] = []
    evaluate(arena.settings, note=notes.append, **flags)
    return notes


def nothing(actual):
    """A forecast of zero."""
    return 0.0 * actual


def worse(actual):
    """One that is wrong by a little each day."""
    return 0.0 * actual + 1e-4


@pytest.fixture
def crowned(arena, rates):
    """LinearRegression leads ARIMA."""
    arena.days(rates.until(850)).enter(LinearRegression=nothing, ARIMA=worse)
    assert told(arena) == []
    assert arena.aliases()["champion"] == "models:/EURUSD_LinearRegression/1"
    return arena


def lose(arena, uri):
    """Remove the files of a model, as a cleaned disk or a bucket's rule does."""
    shutil.rmtree(arena.store.fetch(uri))


def test_an_alias_on_a_version_that_is_gone_is_mended(crowned):
    """The alias goes where the championship gives it, and a note says that it was on nothing; again there is none."""
    with closing(sqlite3.connect(crowned.settings.tracking_uri.removeprefix("sqlite:///"))) as database:
        database.execute("UPDATE registered_model_aliases SET version = 99 WHERE alias = 'champion'")
        database.commit()
    assert told(crowned) == ["@champion was on models:/EURUSD_LinearRegression/99, which is gone; it is taken away"]
    assert crowned.aliases()["champion"] == "models:/EURUSD_LinearRegression/1"
    assert told(crowned) == []


def test_a_run_without_files_gets_no_title_and_the_newer_one_takes_part(crowned):
    """The champion's files are gone: the next run of its family has the title, not the empty version again."""
    lose(crowned, "models:/EURUSD_LinearRegression/1")
    first, second = told(crowned)
    assert first.endswith(" of LinearRegression has lost its files, and does not take part")
    assert second == "the champion models:/EURUSD_LinearRegression/1 has lost its files, and does not keep the title"
    assert crowned.aliases() == {"champion": "models:/EURUSD_ARIMA/1"}
    crowned.enter(LinearRegression=nothing)
    told(crowned)
    assert crowned.aliases()["champion"] == crowned.pointer()["pinned_uri"] == "models:/EURUSD_LinearRegression/2"
    crowned.store.load(crowned.store.champion().pinned_uri)


def test_a_run_without_its_forecasts_stops_only_itself(crowned):
    """It cannot be compared; the others are."""
    (run,) = [version.run_id for version in crowned.store.holders() if version.family == "ARIMA"]
    shutil.rmtree(crowned.client.get_run(run).info.artifact_uri)
    assert told(crowned) == [f"run {run} of ARIMA has lost its files, and does not take part"]
    assert crowned.aliases() == {"champion": "models:/EURUSD_LinearRegression/1"}


def test_a_pin_on_a_version_without_files_does_not_hold(crowned):
    """Nobody is kept in a title who cannot be loaded, whether a hand or a policy would."""
    assert crowned.podium("promote", "ARIMA") == 0
    lose(crowned, "models:/EURUSD_ARIMA/1")
    assert len(told(crowned)) == 2
    assert crowned.aliases()["champion"] == "models:/EURUSD_LinearRegression/1"


def test_where_all_files_are_gone_the_step_that_helps_is_named(crowned):
    """Nobody can be crowned; the aliases stay where they are."""
    before = crowned.aliases()
    for uri in before.values():
        lose(crowned, uri)
    with pytest.raises(MissingError, match=r"no run on .* is left that has its files; run `podium train`"):
        told(crowned)
    assert crowned.aliases() == before


def test_the_champion_of_another_pipeline_is_told_recorded_and_given_back(arena, rates):
    """Somebody crowned a version without Podium: it is the predecessor of our first title; rollback returns to it."""
    arena.days(rates.until(850)).enter(LinearRegression=nothing, LSTM=worse)
    (theirs,) = [run for run in arena.client.search_runs(["1"]) if run.data.tags["model_type"] == "LSTM"]
    arena.client.create_registered_model("EURUSD_LSTM")
    source = arena.store.fetch(theirs.data.tags["model_uri"])
    arena.client.create_model_version("EURUSD_LSTM", str(source))
    arena.client.set_registered_model_alias("EURUSD_LSTM", "champion", "1")
    assert told(arena) == ["models:/EURUSD_LSTM/1 held @champion, which the history did not know; it stands there now"]
    titles = [(title.verdict, title.previous, title.pinned_uri) for title in history(arena.settings)]
    assert titles[0] == ("found", "", "models:/EURUSD_LSTM/1")
    assert titles[1][1:] == ("models:/EURUSD_LSTM/1", "models:/EURUSD_LinearRegression/1")
    assert rollback(arena.settings, why="it was better").pinned_uri == "models:/EURUSD_LSTM/1"
    assert arena.aliases()["champion"] == "models:/EURUSD_LSTM/1"


def test_an_alias_moved_by_a_client_stands_in_the_history_between_the_titles(crowned, rates):
    """The next championship takes the title back, and everybody can see from whom."""
    crowned.client.set_registered_model_alias("EURUSD_ARIMA", "champion", "1")
    assert [title.verdict for title in history(crowned.settings)][1:] == ["found"]
    (note,) = told(crowned)
    assert note == "models:/EURUSD_ARIMA/1 held @champion, which the history did not know; it stands there now"
    last = history(crowned.settings)[-1]
    assert (last.previous, last.pinned_uri) == ("models:/EURUSD_ARIMA/1", "models:/EURUSD_LinearRegression/1")
    assert told(crowned) == []
