"""The gate of time: whether the rows of a series lie on the days they say, one a working day, all through.

Each fault is known by its own sign; docs/decisions/0012-a-series-is-what-it-says.md has the measured limits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from podium.data.table import MAX_GAP_DAYS, RawTable
from podium.errors import Fault
from podium.records import Dates, Floats

DAY = np.timedelta64(1, "D")
HOUR = 3600
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MON, WED, FRI, SAT, SUN = 0, 2, 4, 5, 6
MOST_SPREAD = 2 * HOUR  # of one closing time over the year: summer time moves it by one, twice where two zones differ
EVENING = 17 * HOUR  # where a bar begins that is named after the evening before
SHORT_BAR = 0.5  # of the usual size; a Sunday's two hours move by about a fifth of a day's
FEWEST_SHORT = 5  # Sundays by which they are known to be short
WORKING_DAYS, MOST_MISSING = 30, 12  # real series miss up to 4 of 30, with a golden week about 8
ROWS, FEWEST_A_WEEKDAY = 60, 5  # of 12; real series have 10 or more
MOST_STRAIGHT = 25  # of 60 steps; real series have 11 or fewer


def settle_clock(raw: RawTable) -> tuple[RawTable, tuple[str, ...], tuple[Fault, ...]]:
    """Days from clock readings, what was moved, and what cannot be settled.

    Readings within two hours of each other are one closing time. Where all of them lie in the evening, Sundays to
    Thursdays, each names the start of the next day's bar, and only one reading is possible: the day is the next one.
    """
    days: Dates = raw.dates.astype("datetime64[D]")
    table = replace(raw, dates=days)
    clock = (raw.dates - days).astype("timedelta64[s]").astype(np.int64)[~np.isnat(days)]
    if not clock.any():
        return table, (), ()
    times, counts = np.unique(clock, return_counts=True)
    if times[-1] - times[0] > MOST_SPREAD:
        order = np.argsort(-counts, kind="stable")
        shown = tuple(f"{_told(times[at])} in {counts[at]}" for at in order[:5])
        remedy = "rows of different times of day are not one close a day, or their zone shifts them to another day; "
        remedy += "write the day that each row closes"
        return table, (), (Fault(raw.where, "date", "mixed_times", int(counts.sum() - counts.max()), shown, remedy),)
    weekday = _weekday(days)
    if times[0] >= EVENING and np.isin(weekday, (SUN, 0, 1, 2, 3)).all() and np.mean(weekday == SUN) > 0.1:
        told = " or ".join(dict.fromkeys((_told(times[0]), _told(times[-1]))))
        note = (
            f"{raw.where}: rows stamped {told} from Sunday to Thursday are days that begin then; each moved to the next"
        )
        return replace(raw, dates=days + DAY), (note,), ()
    return table, (), ()


def drop_short_sundays(table: RawTable) -> tuple[RawTable, tuple[str, ...]]:
    """Without the Sundays of an hour or two that some brokers make a bar of; Monday's close stays right."""
    weekday = _weekday(table.dates)
    sunday = weekday == SUN
    if np.count_nonzero(sunday) < FEWEST_SHORT or (weekday == SAT).any() or _weekend_sign(table):
        return table, ()
    if not np.median(_sizes(table)[sunday]) < SHORT_BAR * np.median(_sizes(table)[~sunday]):
        return table, ()
    extras = MappingProxyType({name: column[~sunday] for name, column in table.extras.items()})
    days = ", ".join(str(day) for day in table.dates[sunday][:3])
    note = f"{table.where}: {np.count_nonzero(sunday)} Sundays of an hour or two left out ({days}, ...)"
    return replace(table, dates=table.dates[~sunday], closes=table.closes[~sunday], extras=extras), (note,)


def check_weekends(table: RawTable) -> Iterable[Fault]:
    """No day is a Saturday or Sunday: none is a day of trading, whatever put it there."""
    remedy = _weekend_sign(table) or "no market sets a rate on Saturdays and Sundays; remove these rows"
    yield from table.faults("weekend_days", _weekday(table.dates) >= SAT, f"{remedy}")


def check_calendar(table: RawTable) -> Iterable[Fault]:
    """All through, nearly every working day has a row, and every weekday has its share."""
    days = np.unique(table.dates[~np.isnat(table.dates)])
    days = days[_weekday(days) < SAT]
    yield from _sparse_stretches(table, days) or _missing_weekdays(table, days)


def check_straight(table: RawTable) -> Iterable[Fault]:
    """Days are not filled in on straight lines between rarer ones: such a day contains the next."""
    if len(table) < ROWS:
        return
    steps = np.diff(table.closes)
    unit = max(resolution(table.closes), 1e-9 * float(np.median(table.closes)))
    straight = np.zeros(len(table), dtype=bool)
    straight[2:] = (np.abs(np.diff(steps)) <= 2.01 * unit + 0.01 * np.abs(steps[1:])) & (np.abs(steps[1:]) >= 5 * unit)
    if _rolling(straight, ROWS).max() >= MOST_STRAIGHT:
        remedy = (
            "days on straight lines between rarer ones are made up, and each contains what comes after it; take the "
        )
        remedy += "days that were quoted"
        yield from table.faults("straight_lines", straight, remedy)


def resolution(closes: Floats) -> float:
    """The unit that all closes are multiples of, such as 0.0001; 0 where they have no common one of 8 decimals."""
    for decimals in range(9):
        if np.allclose(closes, np.round(closes, decimals), rtol=0, atol=1e-10):
            return float(10.0**-decimals)
    return 0.0


def _weekend_sign(table: RawTable) -> str:
    """What put the weekends there and what to do about it; empty where nothing tells."""
    weekday = _weekday(table.dates)
    counts = np.bincount(weekday[weekday >= 0], minlength=7)
    weekend = np.flatnonzero(weekday >= SAT)
    inner = weekend[(weekend > 0) & (weekend < len(table) - 1)]
    if not len(inner):
        return ""
    closes, before, after = table.closes[inner], table.closes[inner - 1], table.closes[inner + 1]
    apart = (table.dates[inner + 1] - table.dates[inner - 1]).astype(np.int64)
    line = before + (after - before) * (table.dates[inner] - table.dates[inner - 1]).astype(np.int64) / np.maximum(
        apart, 1
    )
    monthday = (table.dates[weekend] - table.dates[weekend].astype("datetime64[M]")).astype(np.int64)
    rounding = 2.01 * max(resolution(table.closes), 1e-9 * closes.max())
    on_line = np.abs(closes - line) <= rounding + 0.02 * np.abs(after - before)  # or on one of logs
    several = len(weekend) >= FEWEST_SHORT
    few_fridays, few_mondays = counts[FRI] < 0.75 * counts[WED], counts[MON] < 0.75 * counts[WED]
    signs = {
        "rows lie a day early, by a time zone or by a bar's start, and Fridays are few; correct the days": few_fridays,
        "rows lie a day late, and Mondays are few; correct the days": few_mondays,
        "all are up to the 12th of a month: day and month are swapped there; read the dates again": monthday.max() < 12,
    }
    fills = {
        "weekends carry Friday's price; remove Saturdays and Sundays": np.mean(closes == before) > 0.9,
        "weekends lie on a line from Friday to Monday, which they contain; remove them": np.mean(on_line) > 0.9,
    }
    seen = [told for told, found in {**(signs if several else {}), **fills}.items() if found]
    return next(iter(seen), "")


def _sizes(table: RawTable) -> Floats:
    """How far each bar reaches, from low to high where they are there, else from the close before."""
    if {"high", "low"} <= {*table.extras}:
        return table.extras["high"] - table.extras["low"]
    moves = np.abs(np.diff(np.log(table.closes)))
    return np.concatenate((moves[:1], moves))


def _sparse_stretches(table: RawTable, days: Dates) -> list[Fault]:
    if len(days) < 2:
        return []
    place = np.busday_count(days[0], days)
    there = np.zeros(place[-1] + 1, dtype=bool)
    there[place] = True
    for gap in np.flatnonzero(np.diff(days) > MAX_GAP_DAYS * DAY):  # a fault of its own
        there[place[gap] : place[gap + 1]] = True
    sparse = WORKING_DAYS - _rolling(there, WORKING_DAYS) >= MOST_MISSING
    edges = np.flatnonzero(np.diff(sparse, prepend=False, append=False))
    stretches = [(start, end + WORKING_DAYS - 1) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    shown, rows = [], 0
    for start, end in stretches:
        found = days[(place >= start) & (place < end)]
        apart = np.flatnonzero(np.busday_count(found[:-1], found[1:]) > 1)  # daily rows at its edges are none of it
        found = found[apart[0] : apart[-1] + 2]
        rows += len(found)
        shown.append(f"{found[0]} to {found[-1]}: {len(found)} rows")
    if not stretches:
        return []
    remedy = "rows a week or so apart are no daily rates; take daily ones all through, or start after them"
    return [Fault(table.where, "date", "not_daily", rows, tuple(shown[:5]), f"{remedy}")]


def _missing_weekdays(table: RawTable, days: Dates) -> list[Fault]:
    weekday = _weekday(days)
    shown = []
    for day in range(SAT):
        held = _rolling(weekday == day, ROWS)
        if len(held) and held.min() < FEWEST_A_WEEKDAY:
            at = int(held.argmin())
            last = at + min(ROWS, len(days)) - 1
            shown.append(f"{held[at]} {WEEKDAYS[day]}s in {min(ROWS, len(days))} rows, {days[at]} to {days[last]}")
    remedy = "a weekday is missing, so days are shifted or left out; correct the days"
    return [Fault(table.where, "date", "missing_weekdays", 0, tuple(shown[:5]), remedy)] if shown else []


def _weekday(days: Dates) -> NDArray[np.int64]:
    """Monday is 0; -1 where there is no day."""
    number = (days.astype("datetime64[D]").astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    return np.where(np.isnat(days), -1, number)


def _rolling(flags: NDArray[np.bool_], width: int) -> NDArray[np.int64]:
    """How many flags are set in each stretch of `width`, shape (n - width + 1,); empty where there are fewer."""
    if len(flags) < width:
        return np.empty(0, dtype=np.int64)
    total = np.concatenate(([0], np.cumsum(flags)))
    return total[width:] - total[:-width]


def _told(seconds: int) -> str:
    return f"{seconds // HOUR:02d}:{seconds % HOUR // 60:02d}"
