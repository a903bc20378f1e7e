"""The calendar of the days that have a rate, and what is late by it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from podium.data.calendar import calendar_of, late, lateness, n_business_days
from podium.data.sources.ecb import bundled_table
from podium.settings import Settings

BERLIN = ZoneInfo("Europe/Berlin")
SIX = time(18, tzinfo=BERLIN)


def test_the_ecb_set_a_rate_on_every_day_of_the_calendar_and_on_no_other() -> None:
    """Twenty-four years of the ECB's own rates lie on exactly these days."""
    days = bundled_table().pair("EURUSD", "ecb").dates
    days = np.sort(days[days >= np.datetime64("2002-01-01")])
    after, until = date(2001, 12, 31), days[-1].item()
    assert len(days) == n_business_days(after, until)
    assert all(n_business_days(day - np.timedelta64(1, "D"), day) == 1 for day in days)


@pytest.mark.parametrize(
    ("last", "now", "missing"),
    [
        ("2026-12-24", "2026-12-28T17:59+01:00", 0),  # Christmas and a weekend
        ("2026-12-24", "2026-12-28T18:00+01:00", 1),
        ("2026-04-02", "2026-04-07T17:59+02:00", 0),  # Easter, in summer time
        ("2026-04-02", "2026-04-07T18:00+02:00", 1),
        ("2026-03-27", "2026-03-30T15:59+00:00", 0),  # the Monday after the clocks went forward
        ("2026-03-27", "2026-03-30T16:00+00:00", 1),
        ("2026-10-23", "2026-10-26T16:59+00:00", 0),  # and back
        ("2026-10-23", "2026-10-26T17:00+00:00", 1),
        ("2026-11-19", "2026-11-25T18:00+01:00", 4),
        ("2026-11-30", "2026-11-25T18:00+01:00", 0),  # a rate of a day to come is not late
    ],
)
def test_holidays_and_weekends_are_never_late(last: str, now: str, missing: int) -> None:
    """What is missing is counted in business days, from the deadline on."""
    told = lateness(date.fromisoformat(last), datetime.fromisoformat(now), SIX)
    assert (told.n_missing if told else 0) == missing


def test_an_hour_that_the_clocks_show_twice_is_told_apart() -> None:
    """In Cairo 31 October 2024 ends with an hour that is shown twice: the deadline is over in the second, at 23:10."""
    cairo = ZoneInfo("Africa/Cairo")
    shown = datetime(2024, 10, 31, 23, 10, tzinfo=cairo)
    deadline = time(23, 30, tzinfo=cairo)
    assert lateness(date(2024, 10, 30), shown, deadline) is None
    told = lateness(date(2024, 10, 30), shown.replace(fold=1), deadline)
    assert told is not None
    assert told.since.astimezone(UTC) == datetime(2024, 10, 31, 20, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("chosen", "source", "calendar"),
    [
        (None, "ecb", "target"),
        (None, "ecb-online", "target"),
        (None, "csv:rates.csv", "weekdays"),
        ("target", "csv", "target"),
        ("weekdays", "ecb", "weekdays"),
    ],
)
def test_a_source_has_its_calendar(
    settings: Callable[..., Settings], chosen: str | None, source: str, calendar: str
) -> None:
    """The ECB's rates come on TARGET's days and others on weekdays, unless a calendar is set; the deadline follows."""
    found = settings(calendar=chosen, deadline="08:00 Asia/Tokyo")
    assert calendar_of(found, source) == calendar
    told = late(found, source, date(2026, 4, 30), datetime(2026, 5, 1, 2, tzinfo=UTC))
    assert (told is None) == (calendar == "target")  # 1 May, a Friday
