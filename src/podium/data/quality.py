"""The quality gate: what a valid series is, as small named checks that return faults.

The limits are set against every cross of the ECB's 29 live currencies (870 ordered pairs with the euro, 1999 to
2026); docs/decisions/0010-limits-of-the-quality-gate.md has the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from podium.data.allow import let_pass
from podium.data.identity import identify
from podium.data.sources.ecb_table import EcbTable
from podium.data.table import MAX_GAP_DAYS, Fetched, RawTable
from podium.data.timing import (
    ROWS,
    check_calendar,
    check_straight,
    check_weekends,
    drop_short_sundays,
    resolution,
    settle_clock,
)  # fmt: skip
from podium.errors import Fault
from podium.records import Floats, Series

DAY = np.timedelta64(1, "D")
MAX_FACTOR = 3.0  # of a day's change; ECB crosses reach 1.37 (TRY, 2021), Argentina's of 2023 2.2, a decimal slip 10
MAX_SPIKE = 0.15  # log return that may be undone the next day; the ECB crosses reach 0.106 (2008)
MAX_ROUNDING = 0.5  # step that prices are rounded to, in standard deviations of a day's move; EUR/DKK has 0.09
MAX_STILL_DAYS = 10  # days with the same price that are always plausible
MAX_PEGGED_DAYS = 60  # the same beside a peg, where they are frequent
PEGGED_SHARE = 0.10  # of unchanged days around a standstill, from which the price counts as pegged
AROUND = 60  # days before and after a standstill in which others make a peg of it

Bools = NDArray[np.bool_]

Check = Callable[[RawTable], Iterable[Fault]]


def examine(
    raw: RawTable,
    *,
    min_days: int = 284,
    last_day: np.datetime64 | None = None,
    allow: Collection[str] = (),
    ecb: EcbTable | None = None,
) -> Fetched:
    """Repair what is repairable without guessing, check the rest.

    Rows out of order are sorted, exact duplicates dropped, Sundays of two hours left out, and days that begin on the
    evening before named rightly; all of it is told in the notes. Nothing is filled in, interpolated or corrected.

    Args:
        raw: as the source found it.
        min_days: fewest days of history.
        last_day: no rate is of a later day; None where any day will do.
        allow: checks whose findings are meant; they become notes.
        ecb: rates by which the series must be what it is called; None where it comes from there itself.

    Raises:
        DataError: one or more checks failed; carries every fault found.
    """
    table, moved, found = settle_clock(raw)
    table, repairs = repair(table)
    faults = [*found, *(fault for check in ROW_CHECKS for fault in check(table))]
    faults += [*check_future(table, last_day), *check_history(table, min_days)]
    if not any(fault.check in UNSOUND for fault in faults):  # logarithms need sound prices, one a day
        table, dropped = (table, ()) if "weekend_days" in allow else drop_short_sundays(table)
        repairs += dropped
        faults += [fault for check in PRICE_CHECKS for fault in check(table)]
    notes = raw.notes + moved + repairs + let_pass(faults, allow)
    if ecb is not None:
        contradictions, told = identify(table, ecb)
        notes += told + let_pass(contradictions, allow)
    return Fetched(Series(table.pair, table.dates, table.closes, table.source, table.extras), notes)


def repair(raw: RawTable) -> tuple[RawTable, tuple[str, ...]]:
    """Rows in order of date, exact duplicates dropped, with a note on each repair made."""
    dates = np.asarray(raw.dates, dtype="datetime64[D]")
    columns = [np.asarray(column, dtype=np.float64) for column in (raw.closes, *raw.extras.values())]
    notes = []
    if np.any(np.diff(dates) < 0 * DAY):
        notes.append(f"{raw.where}: rows were not in order of date; sorted")
    # Sorted by every column, so that equal rows are neighbours whatever stands between them.
    order = np.lexsort([*reversed(columns), dates])
    dates, columns = dates[order], [column[order] for column in columns]
    keep = np.ones(len(dates), dtype=bool)
    keep[1:] = (np.diff(dates) != 0 * DAY) | ~_same_rows(columns)
    dropped = int(np.count_nonzero(~keep))
    if dropped:
        days = _examples(np.unique(dates[~keep]))
        notes.append(f"{raw.where}: {dropped} exact duplicate row{'s' * (dropped != 1)} dropped ({', '.join(days)})")
    closes, *extras = [np.ascontiguousarray(column[keep]) for column in columns]
    named = MappingProxyType(dict(zip(raw.extras, extras, strict=True)))
    return replace(raw, dates=dates[keep], closes=closes, extras=named), tuple(notes)


def check_finite(table: RawTable) -> Iterable[Fault]:
    """Every value of every column is a finite number."""
    for name, column in _columns(table):
        yield from table.faults("not_finite", ~np.isfinite(column), "correct or remove these rows", name, column)


def check_positive(table: RawTable) -> Iterable[Fault]:
    """A price is above zero."""
    for name, column in _columns(table):
        bad = np.isfinite(column) & (column <= 0)
        yield from table.faults("not_positive", bad, "correct or remove these rows", name, column)


def check_dates(table: RawTable) -> Iterable[Fault]:
    """Every row has a date."""
    yield from table.faults("missing_dates", np.isnat(table.dates), "every row needs a date", "date")


def check_future(table: RawTable, last_day: np.datetime64 | None) -> Iterable[Fault]:
    """No rate is of a day that is still to come."""
    if last_day is not None:
        later = table.dates > last_day
        remedy = f"days after {last_day} are still to come; correct the dates or this machine's clock"
        yield from table.faults("future_dates", later, remedy, "date")


def check_conflicts(table: RawTable) -> Iterable[Fault]:
    """No day has two different rows: which one is right cannot be known."""
    same = np.concatenate(([False], np.diff(table.dates) == 0 * DAY, [False]))
    again = (same[1:] | same[:-1])[: len(table)]
    remedy = "keep one row a day; which one is right cannot be known here"
    yield from table.faults("conflicting_dates", again, remedy, "date")


def check_history(table: RawTable, min_days: int) -> Iterable[Fault]:
    """There are enough days to train and to score on."""
    days = len(np.unique(table.dates))
    if days < min_days:
        remedy = f"{min_days} days are needed, {days} are there; take a longer history or a smaller --n-lags"
        yield Fault(table.where, "", "enough_history", 0, (), remedy)


def check_gaps(table: RawTable) -> Iterable[Fault]:
    """No two neighbouring days are further apart than markets ever close for."""
    long = np.flatnonzero(np.diff(table.dates) > MAX_GAP_DAYS * DAY)
    if len(long):
        examples = tuple(f"{table.dates[i]} to {table.dates[i + 1]}" for i in long[:5])
        remedy = f"over {MAX_GAP_DAYS} days without a rate; add the missing days or start after the gap"
        yield Fault(table.where, "date", "gap", len(long), examples, remedy)


def check_jumps(table: RawTable) -> Iterable[Fault]:
    """No price moves by a factor that only a slipped decimal point or a changed unit explains."""
    jump = np.abs(_returns(table)) > np.log(MAX_FACTOR)
    remedy = f"over {MAX_FACTOR:g} times the day before, or under 1/{MAX_FACTOR:g}; look for a slipped "
    yield from table.faults("implausible_jump", jump, remedy + "decimal point or a changed unit")


def check_spikes(table: RawTable) -> Iterable[Fault]:
    """No price leaps and is back the next day: that is a wrong cell, not a market."""
    out = _returns(table)
    back = np.append(out[1:], 0.0)
    smaller = np.minimum(np.abs(out), np.abs(back))
    spike = (out * back < 0) & (smaller > MAX_SPIKE) & (np.abs(out + back) < smaller / 2)
    remedy = "a leap that is undone the next day; correct or remove these rows"
    yield from table.faults("spike", spike, remedy)


def check_direction(table: RawTable) -> Iterable[Fault]:
    """The price does not turn into its reciprocal: EURUSD to one day, USDEUR from the next."""
    logs = np.log(table.closes)
    both = logs + np.append(logs[:1], logs[:-1])
    flip = (np.abs(_returns(table)) > MAX_SPIKE) & (np.abs(both) < 0.03)
    remedy = "the price becomes 1/price; the file mixes both directions of the pair"
    yield from table.faults("direction_flips", flip, remedy)


def check_coarse(table: RawTable) -> Iterable[Fault]:
    """Prices are not rounded until nothing of a day's move is left: whole yen, or cells cut at a decimal comma."""
    if len(table) < ROWS:
        return
    step = resolution(table.closes) / float(np.median(table.closes))
    if step > MAX_ROUNDING * float(np.std(_returns(table)[1:])):
        shown = tuple(f"{table.dates[at]}: {table.closes[at]:g}" for at in range(min(5, len(table))))
        remedy = "rounded to steps of about a day's move; take rates with all their decimals"
        yield Fault(table.where, table.column, "coarse", len(table), shown, remedy)


def check_still(table: RawTable) -> Iterable[Fault]:
    """No price that moves otherwise stands still for weeks: a dead feed, carried forward."""
    still = _returns(table)[1:] == 0
    starts, lengths = _runs(still)
    bad = [
        (start, length + 1)
        for start, length in zip(starts, lengths, strict=True)
        if length + 1 > MAX_PEGGED_DAYS
        or (length + 1 > MAX_STILL_DAYS and _share_around(still, start, length) < PEGGED_SHARE)
    ]
    if bad:
        examples = tuple(f"{table.dates[start]} for {days} days at {table.closes[start]:g}" for start, days in bad[:5])
        remedy = "the same price day after day; a dead feed, or a peg, which leaves nothing to forecast"
        yield Fault(table.where, table.column, "stale", sum(days for _, days in bad), examples, remedy)


ROW_CHECKS: tuple[Check, ...] = (
    check_finite, check_positive, check_dates, check_conflicts, check_gaps, check_calendar
)  # fmt: skip
PRICE_CHECKS: tuple[Check, ...] = (
    check_weekends, check_straight, check_jumps, check_spikes, check_direction, check_coarse, check_still
)  # fmt: skip
UNSOUND = frozenset({"not_finite", "not_positive", "missing_dates", "conflicting_dates"})


def _columns(table: RawTable) -> list[tuple[str, Floats]]:
    return [(table.column, table.closes), *table.extras.items()]


def _returns(table: RawTable) -> Floats:
    """Log return of each row over the one before, 0 for the first; shape (n_rows,)."""
    logs = np.log(table.closes)
    return np.diff(logs, prepend=logs[:1])


def _same_rows(columns: list[Floats]) -> Bools:
    """Shape (n_rows - 1,): each row against the one before; NaN equals NaN."""
    pairs = [(column[1:], column[:-1]) for column in columns]
    same: Bools = np.logical_and.reduce([(new == old) | (np.isnan(new) & np.isnan(old)) for new, old in pairs])
    return same


def _runs(flags: Bools) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each run of true flags starts, and how long it is."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return edges[::2], edges[1::2] - edges[::2]


def _share_around(flags: Bools, start: int, length: int) -> float:
    end = start + length
    around = np.concatenate((flags[max(0, start - AROUND) : start], flags[end : end + AROUND]))
    return float(around.mean()) if len(around) else 0.0


def _examples(dates: NDArray[np.datetime64]) -> list[str]:
    return [str(day) for day in dates[:5]] + (["..."] if len(dates) > 5 else [])
