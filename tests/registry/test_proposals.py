"""What became of a proposal, read from the history and the day."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from podium.registry.history import Title, ordered, parse, taken
from podium.registry.proposals import Proposal, proposals

FIRST_DAY = 2  # of November 2026, a Monday


def history(*steps: tuple[int, str, int, str]) -> list[Title]:
    """Entries of these days: family, proposal's number, verdict; those that propose or say no move no alias."""
    titles: list[Title] = []
    for day, family, number, verdict in steps:
        quiet = verdict in {"proposed", "rejected", "withdrawn"}
        told = {"alias": "proposal" if quiet else "champion", "name": f"EURUSD_{family}", "version": 1, "run_id": "r"}
        told |= {"why": "so", "verdict": verdict, "data_version": None, "by": "ann", "number": number}
        titles.append(Title.after(titles, datetime(2026, 11, day, 9, tzinfo=UTC), **told))
    return titles


def states(titles: list[Title], day: int) -> list[str]:
    """The states on a day of November, for five business days."""
    return [one.state for one in proposals(titles, date(2026, 11, day), 5)]


START = (FIRST_DAY, "LSTM", 0, "promoted"), (FIRST_DAY, "ARIMA", 1, "proposed")


@pytest.mark.parametrize(
    ("later", "state"),
    [
        ([], "open"),
        ([(3, "ARIMA", 1, "approved")], "approved"),
        ([(3, "ARIMA", 1, "rejected")], "rejected"),
        ([(3, "ARIMA", 1, "withdrawn")], "withdrawn"),
        ([(3, "LSTM", 2, "proposed")], "superseded"),
        ([(3, "Theta", 0, "by hand")], "superseded"),
        ([(3, "Theta", 0, "found")], "superseded"),
        ([(3, "ARIMA", 1, "approved"), (4, "LSTM", 2, "proposed")], "approved"),
    ],
)
def test_what_comes_first_ends_a_proposal(later, state):
    """Yes, no, a newer one, the title going elsewhere: the first counts, also once the days are over."""
    titles = history(*START, *later)
    (first, *_) = proposals(titles, date(2026, 11, 4), 5)
    assert first.state == state
    assert (first.ended is None) == (state == "open")
    assert states(titles, 27)[0] == ("expired" if state == "open" else state)


def test_a_proposal_is_open_for_so_many_business_days():
    """From a Monday to the next, from a Saturday to the Friday; what comes after that ends nothing."""
    titles = history(*START)
    assert [states(titles, day) for day in (2, 9, 10)] == [["open"], ["open"], ["expired"]]
    saturday = history(START[0], (7, "ARIMA", 1, "proposed"))
    assert [states(saturday, day) for day in (13, 14)] == [["open"], ["expired"]]
    assert states([*titles, *history(*START, (20, "LSTM", 2, "proposed"))[2:]], 20) == ["expired", "open"]


def test_a_proposal_is_in_the_history_and_moves_no_title():
    """Its tag is read back with its number; who holds the title, and since when, is as before; no step counts twice."""
    titles = history(*START, (3, "ARIMA", 1, "rejected"))
    assert parse({title.key: title.to_json() for title in titles}) == titles == ordered(titles)
    assert taken(titles, "models:/EURUSD_LSTM/1") == titles[0]
    assert [title.previous for title in titles] == ["", "models:/EURUSD_LSTM/1", "models:/EURUSD_LSTM/1"]
    (told,) = (one.as_dict() for one in proposals(titles, date(2026, 11, 4), 5))
    assert (told["number"], told["state"], told["until"]) == (1, "rejected", "2026-11-09")
    assert (told["proposed_by"], told["ended_by"], told["ended_why"]) == ("ann", "ann", "so")
    assert isinstance(proposals(titles, date(2026, 11, 4), 5)[0], Proposal)
