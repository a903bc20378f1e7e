from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from podium.records import DataVersion
from podium.registry.history import Title, latest, next_time, ordered, parse

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
