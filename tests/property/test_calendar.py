"""Which rates are late at a moment, against a walk day by day, in any zone and over every change of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import count
from zoneinfo import ZoneInfo

import numpy as np
from dateutil.easter import easter
from hypothesis import given
from hypothesis import strategies as st

from podium.data.calendar import expected_day, lateness, n_business_days, next_business_day
from podium.records import Late
from podium.settings import Calendar

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "Pacific/Honolulu", "UTC")
MINUTE = timedelta(minutes=1)

dates = st.dates(date(2002, 1, 1), date(2037, 12, 31))
deadlines = st.builds(
    lambda hour, minute, zone: time(hour, minute, tzinfo=ZoneInfo(zone)),
    st.integers(0, 23), st.integers(0, 59), st.sampled_from(ZONES),
)  # fmt: skip
times = st.builds(datetime.combine, dates, st.times(timezones=st.sampled_from(ZONES).map(ZoneInfo)))
calendars = st.sampled_from(("target", "weekdays"))


def is_open(day: date, calendar: Calendar) -> bool:
    """Whether a day has a rate, in the words of the ECB."""
    around_easter = {easter(day.year) + timedelta(days=days) for days in (-2, 1)}
    closed = day in around_easter or (day.month, day.day) in {(1, 1), (5, 1), (12, 25), (12, 26)}
    return day.weekday() < 5 and not (calendar == "target" and closed)


def due(day: date, deadline: time) -> datetime:
    """The deadline of a day's rate."""
    return datetime.combine(day, deadline).astimezone(UTC)


@given(last=dates, ahead=st.integers(0, 70), now=times, deadline=deadlines, calendar=calendars)
def test_a_rate_is_late_when_its_day_is_open_and_its_deadline_over(
    last: date, ahead: int, now: datetime, deadline: time, calendar: Calendar
) -> None:
    """Exactly the open days after the last one whose deadline is over are missing, whatever zone the clock shows."""
    now = now.replace(year=last.year, month=last.month, day=min(last.day, 28)) + timedelta(days=ahead)
    days = [last + timedelta(days=days) for days in range(1, 80)]
    missing = [day for day in days if is_open(day, calendar) and due(day, deadline) <= now.astimezone(UTC)]
    told = lateness(last, now, deadline, calendar)
    if not missing:
        assert told is None
    else:
        assert told == Late(last, missing[-1], datetime.combine(missing[0], deadline), len(missing))
    assert lateness(last, now.astimezone(timezone(timedelta(hours=9))), deadline, calendar) == told


@given(day=dates, deadline=deadlines, calendar=calendars)
def test_the_deadline_itself_is_the_moment(day: date, deadline: time, calendar: Calendar) -> None:
    """A minute before its deadline the day before is expected, from it on the day; a closed day never is."""
    moment = due(day, deadline)
    before = next(at for days in count(1) if is_open(at := day - timedelta(days=days), calendar))
    assert expected_day(moment - MINUTE, deadline, calendar) == before
    assert expected_day(moment, deadline, calendar) == (day if is_open(day, calendar) else before)


@given(day=dates, ahead=st.integers(1, 60), calendar=calendars)
def test_business_days_are_counted_as_they_are_walked(day: date, ahead: int, calendar: Calendar) -> None:
    """So many business days ahead is a day so many business days after, and none is closed."""
    there = next_business_day(np.datetime64(day), ahead, calendar).item()
    assert is_open(there, calendar)
    assert n_business_days(day, there, calendar) == ahead
    assert n_business_days(there, day, calendar) == 0
