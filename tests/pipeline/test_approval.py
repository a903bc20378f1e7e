"""A person between verdict and title: proposed, approved, rejected, too late."""

from __future__ import annotations

import json
import shutil

import pytest

from podium.errors import InputError, MissingError
from podium.evaluate.judgement import Judgement
from podium.pipeline.approval import all_proposals, approve, reject
from podium.pipeline.titles import history, promote, rollback, verify


def best(actual):
    """The random walk's forecast, which none of these beats."""
    return 0.0 * actual


def worse(actual):
    """One that is wrong by more than any luck makes good."""
    return 0.0 * actual + 1e-3


@pytest.fixture
def proposed(arena, rates):
    """LinearRegression holds the title, and the next championship gives it to ARIMA: a proposal of ann's."""
    arena = arena.using(approval="required", developer="ann")
    arena.days(rates.until(850)).enter(LinearRegression=best, ARIMA=worse)
    first = arena.evaluate()
    assert (first.champion, first.proposal) == ("EURUSD_LinearRegression", "")  # nobody was there to keep it
    arena.days(rates.until(900)).enter(LinearRegression=worse, ARIMA=best)
    return arena


def states(arena):
    """What became of each proposal."""
    return [(one.number, one.state, one.made.pinned_uri) for one in all_proposals(arena.settings)]


def test_a_change_of_family_is_proposed_and_a_renewal_is_not(proposed, capsys):
    """The holder keeps the title, fitted anew; verdict, line, pointer and history say so, and again change nothing."""
    judgement = proposed.evaluate()
    assert (judgement.verdict, judgement.champion) == ("proposed", "EURUSD_LinearRegression")
    assert judgement.proposal == "models:/EURUSD_ARIMA/2"
    assert Judgement.from_json(judgement.to_json()) == judgement
    assert proposed.aliases() == {
        "champion": "models:/EURUSD_LinearRegression/2",
        "challenger": "models:/EURUSD_ARIMA/2",
    }
    assert proposed.pointer()["pinned_uri"] == "models:/EURUSD_LinearRegression/2"
    steps = [(title.alias, title.verdict, title.number, title.renewal) for title in history(proposed.settings)][1:]
    assert steps == [("champion", "held", 0, True), ("proposal", "proposed", 1, False)]
    assert states(proposed) == [(1, "open", "models:/EURUSD_ARIMA/2")]
    before = proposed.state()
    assert proposed.podium("evaluate", "--approval", "required") == 0
    assert proposed.state() == before
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("Verdict: proposed - title LinearRegression -> ARIMA") for line in lines)
    assert any(line.startswith("Proposed: models:/EURUSD_ARIMA/2; somebody else") for line in lines)


def test_who_falls_under_suspicion_is_proposed_no_longer(proposed, rates):
    """A proposal that is open when the next championship suspects its contestant is withdrawn, and gives no title."""
    proposed.evaluate()
    proposed.days(rates).enter(LinearRegression=worse, ARIMA=lambda actual: 0.5 * actual)
    assert proposed.evaluate().verdict == "leak"
    assert states(proposed) == [(1, "withdrawn", "models:/EURUSD_ARIMA/2")]
    with pytest.raises(InputError, match="proposal 1 of EURUSD is withdrawn"):
        approve(proposed.using(developer="bob").settings, 1, "why not")


def test_somebody_else_approves_once(proposed, rates, capsys):
    """The proposer may not; bob gives the title, unpinned, as of the data that it was proposed on; then it is over."""
    judgement = proposed.evaluate()
    with pytest.raises(InputError, match="proposal 1 of EURUSD was made by ann; somebody else must decide"):
        approve(proposed.settings, 1, "me")
    bob = proposed.using(developer="bob")
    assert bob.podium("titles", "approve", "1", "--why", "looks right", "--developer", "bob") == 0
    said = "champion: models:/EURUSD_LinearRegression/2 -> models:/EURUSD_ARIMA/2 (looks right)"
    assert capsys.readouterr().out.strip() == said
    last = history(bob.settings)[-1]
    assert (last.alias, last.verdict, last.by, last.number, last.pinned) == ("champion", "approved", "bob", 1, False)
    assert last.data_version == judgement.data_version
    assert bob.aliases()["champion"] == bob.pointer()["pinned_uri"] == "models:/EURUSD_ARIMA/2"
    assert states(bob) == [(1, "approved", "models:/EURUSD_ARIMA/2")]
    with pytest.raises(InputError, match=r"proposal 1 of EURUSD is approved on 20.* by bob; it can no longer"):
        reject(bob.settings, 1, "too late")
    again = bob.evaluate()
    assert (again.champion, again.proposal, again.title_since) == ("EURUSD_ARIMA", "", last.at)
    assert rollback(bob.settings, why="-").pinned_uri == "models:/EURUSD_LinearRegression/2"
    assert verify(bob.settings) == (5, [])


def test_what_was_rejected_is_proposed_again_only_when_it_is_another_fit(proposed, rates):
    """The title stays; the next fit is proposal 2, which supersedes nothing; approving 1 or one unknown is refused."""
    proposed.evaluate()
    bob = proposed.using(developer="bob").settings
    assert reject(bob, 1, "not in this quarter").verdict == "rejected"
    judgement = proposed.evaluate()
    assert (judgement.verdict, judgement.champion, judgement.proposal) == ("held", "EURUSD_LinearRegression", "")
    assert "models:/EURUSD_ARIMA/2 was proposed and rejected" in judgement.reason
    assert states(proposed) == [(1, "rejected", "models:/EURUSD_ARIMA/2")]
    proposed.days(rates.until(950)).enter(LinearRegression=worse, ARIMA=best)
    proposed.evaluate()
    assert states(proposed)[1:] == [(2, "open", "models:/EURUSD_ARIMA/3")]
    for number, told in ((1, "is rejected on 20.* by bob"), (7, "has no proposal 7; there are 1 to 2")):
        with pytest.raises(InputError, match=told):
            approve(bob, number, "-")
    assert proposed.aliases()["champion"] == "models:/EURUSD_LinearRegression/3"
    assert proposed.podium("titles") == 0


def test_a_newer_fit_supersedes_and_a_championship_that_thinks_otherwise_withdraws(proposed, rates, capsys):
    """Only the newest can be approved, and none once a championship leaves the title with its holder."""
    proposed.evaluate()
    proposed.days(rates.until(925)).enter(LinearRegression=worse, ARIMA=best)
    proposed.evaluate()
    assert [state for _, state, _ in states(proposed)] == ["superseded", "open"]
    assert proposed.evaluate(without=("ARIMA",)).proposal == ""
    assert [state for _, state, _ in states(proposed)] == ["superseded", "withdrawn"]
    assert proposed.podium("titles", "--json") == 0
    assert [one["number"] for one in json.loads(capsys.readouterr().out)] == [1, 2]
    assert proposed.podium("titles", "approve", "1", "--why", "-", "--developer", "bob") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("podium: proposal 1 of EURUSD is superseded on 20")


def test_what_cannot_be_served_is_not_approved(proposed):
    """Its files are gone, then the version: one line each, and nothing moves."""
    proposed.evaluate()
    bob, before = proposed.using(developer="bob").settings, proposed.aliases()["champion"]
    shutil.rmtree(proposed.store.fetch("models:/EURUSD_ARIMA/2"))
    with pytest.raises(MissingError, match="the files of models:/EURUSD_ARIMA/2 are gone"):
        approve(bob, 1, "-")
    proposed.client.delete_model_version("EURUSD_ARIMA", "2")
    with pytest.raises(MissingError, match="models:/EURUSD_ARIMA/2, which proposal 1 is about, is no longer"):
        approve(bob, 1, "-")
    assert proposed.aliases()["champion"] == before
    assert states(proposed)[0][1] == "open"


def test_a_holder_who_took_no_part_keeps_the_title_until_somebody_approves(proposed):
    """Its version stays where it is and carries what was decided; a hand may move the title all the same."""
    for run in proposed.client.search_runs(["1"]):
        if run.data.tags["model_type"] == "LinearRegression" and "2" in run.data.tags["data_version"]:
            proposed.client.set_tag(run.info.run_id, "status", "failed")
    judgement = proposed.evaluate()
    assert (judgement.champion_version, judgement.leader, judgement.proposal) == (1, None, "models:/EURUSD_ARIMA/2")
    assert proposed.aliases() == {
        "champion": "models:/EURUSD_LinearRegression/1",
        "challenger": "models:/EURUSD_ARIMA/2",
    }
    assert proposed.evaluate() == judgement
    reject(proposed.using(developer="bob").settings, 1, "-")
    assert (proposed.evaluate().verdict, proposed.aliases()["champion"]) == (
        "held",
        "models:/EURUSD_LinearRegression/1",
    )
    promote(proposed.settings, "ARIMA/2", why="at once")
    assert states(proposed) == [(1, "rejected", "models:/EURUSD_ARIMA/2")]


def test_without_approval_the_next_championship_gives_what_was_proposed(proposed):
    """The setting is part of what a championship is asked; nobody has to approve any more."""
    proposed.evaluate()
    free = proposed.using(approval="none").evaluate()
    assert (free.champion, free.verdict) == ("EURUSD_ARIMA", "unproven")
    assert states(proposed) == [(1, "superseded", "models:/EURUSD_ARIMA/2")]
