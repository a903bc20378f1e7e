"""Titles moved by hand: promoted, rolled back, pinned, unpinned."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from podium.errors import InputError, MissingError
from podium.pipeline.status import status
from podium.pipeline.titles import history, promote, rollback, verify


def fair(seed):
    """A contestant that knows nothing, and is a little worse for it: its noise is uncorrelated with what comes."""

    def tell(actual):
        noise = np.random.default_rng(seed).normal(size=len(actual))
        noise -= actual * (noise @ actual) / (actual @ actual)
        return 0.0005 * noise

    return tell


@pytest.fixture
def crowned(arena, rates):
    """LinearRegression leads ARIMA by a hair."""
    arena.days(rates.until(850)).enter(LinearRegression=lambda actual: 0.0 * actual, ARIMA=fair(1))
    judgement = arena.evaluate()
    assert judgement.champion == "EURUSD_LinearRegression"
    return arena


@pytest.mark.parametrize("wanted", ["challenger", "ARIMA", "ARIMA/1", "models:/EURUSD_ARIMA/1"])
def test_a_version_is_promoted_by_any_of_its_names(crowned, wanted):
    """Alias, family or version: it holds the title, pinned, in registry, pointer, history and status."""
    title = promote(crowned.settings, wanted, why="the desk wants it")
    assert (title.pinned_uri, title.pinned, title.verdict) == ("models:/EURUSD_ARIMA/1", True, "by hand")
    assert crowned.aliases() == {
        "champion": "models:/EURUSD_ARIMA/1",
        "challenger": "models:/EURUSD_LinearRegression/1",
    }
    assert crowned.pointer()["pinned_uri"] == "models:/EURUSD_ARIMA/1"
    found = status(crowned.settings)
    assert (found.champion.name, found.pinned) == ("EURUSD_ARIMA", "the desk wants it")
    assert promote(crowned.settings, wanted if "challenger" not in wanted else "champion", why="again") is None


def test_what_is_not_there_cannot_be_promoted(crowned):
    """A version that does not exist is named, with those that do; nothing moves."""
    before = crowned.state()
    with pytest.raises(InputError, match=r"'LSTM/3' is no version of EURUSD_.*EURUSD_ARIMA/1"):
        promote(crowned.settings, "LSTM/3", why="-")
    assert crowned.state() == before


def test_a_pin_survives_championships_until_it_is_taken_out(crowned, rates):
    """New days, both families retrained: the pinned version stays; --unpin gives the title to the lowest RMSE."""
    promote(crowned.settings, "ARIMA", why="the desk wants it")
    crowned.days(rates).enter(LinearRegression=lambda actual: 0.0 * actual, ARIMA=fair(2))
    judgement = crowned.evaluate()
    assert (judgement.verdict, judgement.champion, judgement.champion_version) == ("held", "EURUSD_ARIMA", 1)
    assert judgement.reason.startswith(
        "the title is pinned (the desk wants it); --unpin lets championships decide. Else: "
    )
    assert "unproven, title ARIMA -> LinearRegression" in judgement.reason
    # the retrained ARIMA has no alias: the pin is on the version
    assert {row.family: row.alias for row in judgement.ranking} == {"LinearRegression": "challenger", "ARIMA": None}
    assert crowned.aliases() == {
        "champion": "models:/EURUSD_ARIMA/1",
        "challenger": "models:/EURUSD_LinearRegression/2",
    }
    assert crowned.pointer()["pinned_uri"] == "models:/EURUSD_ARIMA/1"
    again = crowned.state()
    assert crowned.evaluate() == judgement
    assert crowned.state() == again

    free = crowned.evaluate(unpin=True)
    assert (free.champion, free.champion_version) == ("EURUSD_LinearRegression", 2)
    assert status(crowned.settings).pinned is None
    assert crowned.evaluate() == free


def test_unpinning_a_champion_that_would_win_anyway_ends_the_pin(crowned, rates):
    """Where the championship agrees with the hand, the history still says that the pin is gone, and it stays gone."""
    promote(crowned.settings, "LinearRegression", why="sure")
    assert status(crowned.settings).pinned == "sure"
    assert crowned.evaluate(unpin=True).champion == "EURUSD_LinearRegression"
    assert status(crowned.settings).pinned is None
    assert "pinned" not in crowned.evaluate().reason


def test_rolling_back_twice_goes_two_champions_back(crowned, rates):
    """Each rollback goes further back, never forward to the champion that was fled from; then there is nobody left."""
    crowned.days(rates.until(900)).enter(ARIMA=lambda actual: 0.0 * actual, LinearRegression=fair(1))
    assert crowned.evaluate().champion == "EURUSD_ARIMA"
    crowned.days(rates).enter(LinearRegression=lambda actual: 0.0 * actual, ARIMA=fair(1))
    assert crowned.evaluate().champion == "EURUSD_LinearRegression"

    gone_to = []
    for _ in range(2):
        title = rollback(crowned.settings, why="it misbehaves")
        gone_to.append((title.pinned_uri, title.pinned, title.verdict))
        assert crowned.aliases()["champion"] == crowned.pointer()["pinned_uri"] == title.pinned_uri
    assert gone_to == [
        ("models:/EURUSD_ARIMA/2", True, "rolled back"),
        ("models:/EURUSD_LinearRegression/1", True, "rolled back"),
    ]
    with pytest.raises(MissingError, match="nobody held the title of EURUSD before"):
        rollback(crowned.settings, why="-")
    assert [title.why for title in history(crowned.settings)][-2:] == ["it misbehaves"] * 2
    assert crowned.evaluate().champion_version == 1


def test_an_alias_moved_by_hand_is_rolled_back_to_the_last_recorded_champion(crowned):
    """Somebody moved @champion in MLflow, where no history is kept: rollback returns to the one in the history."""
    crowned.client.set_registered_model_alias("EURUSD_ARIMA", "champion", "1")
    assert rollback(crowned.settings, why="who did that?").pinned_uri == "models:/EURUSD_LinearRegression/1"
    assert crowned.aliases()["champion"] == "models:/EURUSD_LinearRegression/1"
    assert [(title.verdict, title.pinned_uri) for title in history(crowned.settings)][1:] == [
        ("found", "models:/EURUSD_ARIMA/1"),
        ("rolled back", "models:/EURUSD_LinearRegression/1"),
    ]


def test_a_version_without_files_gets_no_title(crowned):
    """Neither by promotion nor by rollback: it could not be loaded."""
    shutil.rmtree(crowned.store.fetch("models:/EURUSD_ARIMA/1"))
    before = crowned.state()
    with pytest.raises(MissingError, match="the files of models:/EURUSD_ARIMA/1 are gone"):
        promote(crowned.settings, "ARIMA", why="-")
    assert crowned.state() == before


def test_a_champion_before_that_was_deleted_is_named(crowned, rates):
    """The version to roll back to is gone: the message names it, and nothing moves."""
    crowned.days(rates).enter(LinearRegression=fair(1), ARIMA=lambda actual: 0.0 * actual)
    crowned.evaluate()
    crowned.client.delete_model_version("EURUSD_LinearRegression", "1")
    with pytest.raises(MissingError, match="models:/EURUSD_LinearRegression/1, the champion before, is no longer"):
        rollback(crowned.settings, why="-")
    assert crowned.aliases()["champion"] == "models:/EURUSD_ARIMA/2"


def test_the_verbs_say_what_they_did(crowned, capsys):
    """promote, rollback and history in words, with exit code 0."""
    assert crowned.podium("promote", "ARIMA", "--why", "a try") == 0
    assert crowned.podium("promote", "ARIMA") == 0
    assert crowned.podium("rollback") == 0
    assert crowned.podium("history") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "champion: models:/EURUSD_LinearRegression/1 -> models:/EURUSD_ARIMA/1, pinned (a try)"
    assert "holds the title, pinned, already" in lines[1]
    assert lines[2].startswith("champion: models:/EURUSD_ARIMA/1 -> models:/EURUSD_LinearRegression/1")
    assert len(lines) == 3 + 2 * 3


def worse(actual):
    """A forecast that is wrong by a little each day."""
    return 0.0 * actual + 1e-3


def refitted(arena, rates, *until, leader="LinearRegression"):
    """Championships on these days, all won by the same family; the last one's judgement."""
    other = {"LinearRegression": "ARIMA", "ARIMA": "LinearRegression"}[leader]
    for days in until:
        arena.days(rates.until(days)).enter(**{leader: lambda actual: 0.0 * actual, other: worse})
        judgement = arena.evaluate()
        assert judgement.champion == f"EURUSD_{leader}"
    return judgement


def test_a_champion_that_is_fitted_anew_renews_its_title(crowned, rates, capsys):
    """Told apart in the history; the title is since the first fit, and there is nobody to roll back to but by name."""
    first = crowned.store.titles()[0]
    judgement = refitted(crowned, rates, 900, 1000)
    assert (judgement.title_since, judgement.title_data_day) == (first.at, str(first.data_version.last_day))
    assert crowned.pointer()["title_since"] == first.at
    titles = history(crowned.settings)
    assert [(title.version, title.renewal) for title in titles] == [(1, False), (2, True), (3, True)]
    with pytest.raises(MissingError, match=r"nobody but LinearRegression .*; `podium promote LinearRegression/2` is"):
        rollback(crowned.settings, why="-")
    assert crowned.podium("history") == 0
    assert [line.split("  ")[-1] for line in capsys.readouterr().out.splitlines()[2::2]] == ["unproven, renewal"] * 2
    assert crowned.podium("history", "--json") == 0
    assert [title["renewal"] for title in json.loads(capsys.readouterr().out)] == [False, True, True]


def test_a_rollback_goes_to_the_family_before_or_to_whom_a_hand_put_aside(crowned, rates):
    """Over all fits of the champion's family to the last fit of the one before; what a hand put aside comes back."""
    refitted(crowned, rates, 870)
    refitted(crowned, rates, 900, 950, leader="ARIMA")
    assert rollback(crowned.settings, why="-").pinned_uri == "models:/EURUSD_LinearRegression/2"
    with pytest.raises(MissingError, match="`podium promote LinearRegression/1` is its fit before"):
        rollback(crowned.settings, why="-")
    assert not promote(crowned.settings, "LinearRegression/1", why="an earlier fit").renewal
    assert rollback(crowned.settings, why="-").pinned_uri == "models:/EURUSD_LinearRegression/2"


def test_a_rollback_after_one_of_the_last_release_never_goes_forward(crowned, rates):
    """It went to an earlier fit of the same family; the next rollback leaves that family, and all is chained."""
    refitted(crowned, rates, 900, 950, leader="ARIMA")
    store = crowned.store
    earlier = next(version for version in store.versions() if version.pinned_uri == "models:/EURUSD_ARIMA/2")
    store.assign("EURUSD", {"champion": earlier})
    store.record_title(earlier, why="-", verdict="rolled back", data_version=None, pinned=True)
    assert rollback(crowned.settings, why="-").pinned_uri == "models:/EURUSD_LinearRegression/1"
    assert verify(crowned.settings) == (5, [])


def test_a_change_of_source_under_a_pinned_champion_stands_in_the_history(crowned, rates):
    """Nobody else holds the title, pinned as before, and the history says since when it is decided on other rates."""
    promote(crowned.settings, "LinearRegression", why="sure")
    crowned.days(replace(rates, source="csv")).enter(LinearRegression=lambda actual: 0.0 * actual, ARIMA=worse)
    assert crowned.evaluate(change_source=True).verdict == "held"
    *_, before, last = history(crowned.settings)
    assert (last.pinned_uri, last.pinned, last.renewal) == (before.pinned_uri, True, False)
    assert (before.departure, last.departure) == ("", "the title was decided on rates from ecb, these are from csv")
    assert status(crowned.settings).pinned == "sure"
    assert verify(crowned.settings) == (3, [])


@pytest.mark.parametrize("act", ["edit", "take out", "put in"])
def test_a_history_that_was_changed_is_told(crowned, capsys, act):
    """`podium history --verify` in words and JSON, exit code 1; whole it is 0, moves by strangers too."""
    crowned.client.set_registered_model_alias("EURUSD_ARIMA", "champion", "1")
    promote(crowned.settings, "LinearRegression", why="-")
    assert crowned.podium("history", "--verify") == 0
    assert capsys.readouterr().out == "EURUSD: 3 entries, the chain is whole\n"
    place = {"edit": 0, "take out": 1, "put in": 2}[act]
    title = crowned.store.titles()[place]
    if act == "take out":
        crowned.client.delete_registered_model_tag(title.name, title.key)
    else:
        before = datetime.fromisoformat(title.at) - timedelta(microseconds=1)
        at = f"{before:%Y-%m-%dT%H:%M:%S.%fZ}" if act == "put in" else title.at
        new = replace(title, at=at, by="somebody else")
        crowned.client.set_registered_model_tag(title.name, new.key, new.to_json())
    assert crowned.podium("history", "--verify") == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("EURUSD: before the entry of ")
    assert line.endswith("1 was put in" if act == "put in" else "one was changed or taken out")
    assert crowned.podium("history", "--verify", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["whole"], told["breaks"]) == (False, [line.removeprefix("EURUSD: ")])
