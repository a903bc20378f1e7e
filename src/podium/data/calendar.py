"""Which days have a rate, and by when it must be there: pure functions of days and moments.

Source: ECB, "TARGET closing days": 1 January, Good Friday, Easter Monday, 1 May, 25 and 26 December, and weekends, the
same every year since 2002.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from podium.records import DataVersion, Late
from podium.settings import Calendar, Settings
from podium.settings.kinds import time_of_day

FRANKFURT = ZoneInfo("Europe/Berlin")
FIXING = time(14, 15, tzinfo=FRANKFURT)
"""When the ECB's rates of a day are set; they are published about 16:00."""


def fixing(day: date) -> datetime:
    """The moment from which a rate of that day may be known."""
    return datetime.combine(day, FIXING)


def calendar_of(settings: Settings, source: str) -> Calendar:
    """The calendar that is set, else that of a source: TARGET's for the ECB's rates, weekdays for any other.

    Args:
        settings: may name the calendar.
        source: as a series or the setting has it, `ecb`, `csv:PATH`.
    """
    return settings.calendar or ("target" if source.startswith("ecb") else "weekdays")


def next_business_day(day: np.datetime64, ahead: int = 1, calendar: Calendar = "target") -> np.datetime64:
    """The business day `ahead` business days after `day`; from a day that is none, after the last one before it."""
    found: np.datetime64 = np.busday_offset(day, ahead, roll="backward", busdaycal=_business_days(calendar))
    return found


def n_business_days(after: date, until: date, calendar: Calendar = "target") -> int:
    """Business days after one day, up to and with another; 0 where the other comes first."""
    first, end = after + timedelta(days=1), max(after, until) + timedelta(days=1)
    return int(np.busday_count(first, end, busdaycal=_business_days(calendar)))


def expected_day(now: datetime, deadline: time, calendar: Calendar = "target") -> date:
    """The newest business day whose rate is due.

    Args:
        now: with a zone, any.
        deadline: of each day's rate on that day, with its zone.
        calendar: the days that have a rate.
    """
    today = now.astimezone(deadline.tzinfo).date()
    # of two moments in one zone Python compares what the clocks show, and in autumn these show an hour twice
    due = now.astimezone(UTC) >= datetime.combine(today, deadline).astimezone(UTC)
    newest = np.datetime64(today if due else today - timedelta(days=1))
    return date.fromisoformat(str(next_business_day(newest, 0, calendar)))


def lateness(last_day: date, now: datetime, deadline: time, calendar: Calendar = "target") -> Late | None:
    """What is late at a moment; None where every rate that is due is there. A holiday or weekend is never late.

    Args:
        last_day: of the series.
        now: with a zone, any.
        deadline: of each day's rate on that day, with its zone.
        calendar: the days that have a rate.
    """
    expected = expected_day(now, deadline, calendar)
    n_missing = n_business_days(last_day, expected, calendar)
    if not n_missing:
        return None
    first = date.fromisoformat(str(next_business_day(np.datetime64(last_day), 1, calendar)))
    return Late(last_day, expected, datetime.combine(first, deadline), n_missing)


def late(settings: Settings, source: str, last_day: date, now: datetime) -> Late | None:
    """What is late at a moment by the calendar and deadline that are set; see `lateness`."""
    return lateness(last_day, now, time_of_day(settings.deadline), calendar_of(settings, source))


def stale(settings: Settings, version: DataVersion) -> Late | None:
    """What is late now of a series, where that is more than the setting `stale_after` allows: to be told first."""
    found = late(settings, version.source, version.day, datetime.now(UTC))
    return found if found and found.n_missing > settings.stale_after else None


def way_to_newer_rates(source: str) -> str:
    """What brings them: the ECB's own address, since the copy in the package ends some day; or a newer file."""
    if source.startswith("csv"):
        return "`podium run --source csv:PATH` with a newer file"
    return "`podium run --source ecb-online`"


@cache
def _business_days(calendar: Calendar) -> np.busdaycalendar:
    years = range(1970, 2200) if calendar == "target" else ()
    return np.busdaycalendar(holidays=np.array([day for year in years for day in _closing_days(year)], "datetime64[D]"))


def _closing_days(year: int) -> list[date]:
    from dateutil.easter import easter

    sunday = easter(year)
    fixed = [date(year, month, day) for month, day in ((1, 1), (5, 1), (12, 25), (12, 26))]
    return [*fixed, sunday - timedelta(days=2), sunday + timedelta(days=1)]
