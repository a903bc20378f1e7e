from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.records import DataVersion
from podium.registry.history import Title, breaks, chain, latest, next_time, ordered, parse

FIRST = Title(
    at="2026-11-02T09:00:00.000000Z",
    alias="champion",
    name="EURUSD_LSTM",
    version=3,
    run_id="r1",
    previous="",
    why="lowest RMSE, 0.00510",
    verdict="promoted",
    data_version=DataVersion("ecb", "EURUSD", np.datetime64("2026-10-30"), "3f2a9c1b"),
    by="Zoë",
)


@given(st.text(max_size=60), st.text(max_size=20))
def test_a_title_survives_its_tag(why, by):
    """What is written into a tag is what is read from it, whatever people write."""
    title = replace(FIRST, why=why, by=by)
    assert parse({title.key: title.to_json(), "owner": "me"}) == [title]


def test_a_tag_broken_by_hand_is_passed_over():
    """A broken entry hides neither itself as an error nor the others."""
    broken = {
        "title.yesterday": FIRST.to_json(),
        "title.2026-11-03T09:00:00": FIRST.to_json(),
        "title.2026-11-03T09:00:00Z": "{",
        "title.2026-11-04T09:00:00Z": "{}",
        "title.9999-12-31T23:59:59.999999Z": FIRST.to_json(),  # after which no other could ever come
    }
    assert parse({**broken, FIRST.key: FIRST.to_json()}) == [FIRST]


def test_titles_are_ordered_by_time_and_twins_count_once():
    """Two championships that recorded the same change at once made one change."""
    twin = replace(FIRST, at="2026-11-02T09:00:00.000500Z", by="another machine")
    second = replace(FIRST, at="2026-11-09T09:00:00.000000Z", name="EURUSD_ARIMA", previous=FIRST.pinned_uri)
    assert ordered([second, twin, FIRST]) == [FIRST, second]
    assert latest([second, twin, FIRST]) == second


def test_a_title_won_back_is_two_changes():
    """The same winner after somebody else is a new entry."""
    second = replace(FIRST, at="2026-11-09T09:00:00.000000Z", name="EURUSD_ARIMA", previous=FIRST.pinned_uri)
    third = replace(FIRST, at="2026-11-16T09:00:00.000000Z", previous=second.pinned_uri)
    assert ordered([third, second, FIRST]) == [FIRST, second, third]


@given(st.integers(-1_000_000_000, 1_000_000_000))
def test_a_new_title_is_always_the_latest(microseconds):
    """A machine whose clock lags writes a time after the last one all the same."""
    now = datetime(2026, 11, 2, 9, tzinfo=UTC) + timedelta(microseconds=microseconds)
    new = replace(FIRST, at=next_time([FIRST], now), name="EURUSD_ARIMA", previous=FIRST.pinned_uri)
    assert latest([new, FIRST]) == new
    assert next_time([], now) == now.isoformat(timespec="microseconds").replace("+00:00", "Z")


def test_a_later_fit_of_the_holder_is_a_renewal():
    """Another version of the family by a championship; not the first title, another family, a hand or a stranger."""
    later = replace(FIRST, version=4, previous=FIRST.pinned_uri)
    assert later.renewal
    assert parse({later.key: later.to_json()}) == [later]
    assert later.as_dict()["renewal"] is True
    others = [FIRST, replace(later, previous="models:/EURUSD_ARIMA/3"), replace(later, version=3)]
    others += [replace(later, verdict=word) for word in ("by hand", "rolled back", "found")]
    assert [title.renewal for title in others] == [False] * 6


def history(n_entries: int, unchained: int = 0) -> list[Title]:
    """LSTM and ARIMA in turn, the first entries as release 0.1.0 wrote them."""
    titles: list[Title] = []
    for number in range(n_entries):
        values = {"name": f"EURUSD_{('LSTM', 'ARIMA')[number % 2]}", "version": number + 1, "run_id": f"r{number}"}
        now = datetime(2026, 11, 2 + number, 9, tzinfo=UTC)
        title = Title.after(
            titles, now, alias="champion", why="", verdict="promoted", data_version=None, by="a", **values
        )
        titles.append(replace(title, before="") if number < unchained else title)
    return titles


def told(titles: list[Title], wrote: list[Title]) -> list[str]:
    """What is found after `wrote` has become `titles`, by what each sentence ends with."""
    ours = wrote if wrote[1].before else [title for title in wrote if title.before]
    heads = {title.name: digest for title, digest in zip(wrote, chain(wrote), strict=True) if title in ours}
    (read,) = [parse({title.key: title.to_json() for title in titles})]
    return [" ".join(line.split()[-4:]) for line in breaks(read, heads)]


@pytest.mark.parametrize("unchained", [0, 1, 2, 5])
def test_whatever_is_done_to_an_entry_breaks_the_chain_once(unchained):
    """Any field of any entry edited, any entry taken out, the last too: one sentence each; untouched there is none."""
    wrote = history(6, unchained)
    assert told(wrote, wrote) == []
    for place in range(6):
        found = wrote[place]
        edits = {
            "alias": "x", "name": "EURUSD_X", "version": 99, "run_id": "x", "previous": "x", "why": "x", "verdict": "x",
            "data_version": FIRST.data_version, "by": "x", "pinned": True, "at": f"{found.at[:-2]}1Z",
        }  # fmt: skip
        for name, value in edits.items():
            edited = [*wrote[:place], replace(found, **{name: value}), *wrote[place + 1 :]]
            assert len(told(edited, wrote)) == 1, name
        assert len(told(wrote[:place] + wrote[place + 1 :], wrote)) == 1


def test_an_entry_that_is_put_in_is_found():
    """Anywhere, with the digest that belongs there or with none; told by its place."""
    wrote = history(5, 2)
    for place in range(1, 5):
        new = replace(FIRST, at=f"{wrote[place - 1].at[:-2]}1Z", before=wrote[place].before)
        ((said),) = told([*wrote, new], wrote)
        assert said == ("1 was put in" if wrote[place].before else "changed or taken out")
    bare = replace(FIRST, at=f"{wrote[3].at[:-2]}1Z")
    assert told([*wrote, bare], wrote) == ["by an earlier release"]
    assert told([*wrote, replace(bare, at="2026-11-20T09:00:00.000000Z")], wrote) == ["by an earlier release"]


def test_what_an_earlier_release_put_in_between_breaks_nothing_more():
    """It is told, and the entries that follow vouch for it as for any other."""
    wrote = history(3)
    bare = replace(FIRST, at="2026-11-20T09:00:00.000000Z")
    now = datetime(2026, 11, 21, tzinfo=UTC)
    values = {"alias": "champion", "name": "EURUSD_X", "version": 1, "run_id": "x", "why": "", "verdict": "", "by": ""}
    after = Title.after([*wrote, bare], now, data_version=None, **values)
    everything = [*wrote, bare, after]
    assert told(everything, everything) == ["by an earlier release"]
    assert len(told([*wrote, replace(bare, why="another"), after], everything)) == 2
