"""The quality gate: what a valid series is, as small named checks that return faults.

The limits are set against every cross of the ECB's 29 live currencies (870 ordered pairs with the euro, 1999 to
2026); docs/decisions/0010-limits-of-the-quality-gate.md has the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from podium.data.table import Fetched, RawTable
from podium.errors import DataError, Fault
from podium.records import Floats, Series

MAX_GAP_DAYS = 14
DAY = np.timedelta64(1, "D")

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Limits:
    """What counts as plausible.

    Attributes:
        min_days: fewest days of history.
        max_gap_days: most calendar days between two neighbouring days; real markets close for up to 11.
        max_factor: most that a price may change by in one day, up or down, as a factor; the live ECB
            crosses reach 1.37 (TRY, 2021), Argentina's devaluation of 2023 2.2, a decimal slip 10.
        max_spike: largest log return that may be undone the next day; the ECB crosses reach 0.106 (2008).
        max_still_days: days with the same price that are always plausible.
        max_pegged_days: days with the same price that are plausible beside a peg, where they are frequent.
        pegged_share: share of unchanged days around a still run from which the price counts as pegged.
        last_day: no rate is of a later day; None where any day will do.
    """

    min_days: int = 284
    max_gap_days: int = MAX_GAP_DAYS
    max_factor: float = 3.0
    max_spike: float = 0.15
    max_still_days: int = 10
    max_pegged_days: int = 60
    pegged_share: float = 0.10
    last_day: np.datetime64 | None = None


DEFAULT = Limits()

Check = Callable[[RawTable, Limits], Iterable[Fault]]


def examine(raw: RawTable, limits: Limits = DEFAULT) -> Fetched:
    """Repair what is repairable without guessing, check the rest.

    Rows out of order are sorted and exact duplicates dropped; both are told in the notes. Nothing is filled in,
    interpolated or corrected.

    Raises:
        DataError: one or more checks failed; carries every fault found.
    """
    table, repairs = repair(raw)
    faults = [fault for check in VALUE_CHECKS + DATE_CHECKS for fault in check(table, limits)]
    if not any(fault.check in UNSOUND for fault in faults):  # logarithms need sound prices, one a day
        faults += [fault for check in PRICE_CHECKS for fault in check(table, limits)]
    if faults:
        raise DataError(faults)
    series = Series(table.pair, table.dates, table.closes, table.source, table.extras)
    return Fetched(series, raw.notes + repairs)


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


def check_finite(table: RawTable, _: Limits) -> Iterable[Fault]:
    """Every value of every column is a finite number."""
    for name, column in _columns(table):
        yield from _fault(
            table, "not_finite", ~np.isfinite(column), column, "correct or remove these rows", column=name
        )


def check_positive(table: RawTable, _: Limits) -> Iterable[Fault]:
    """A price is above zero."""
    for name, column in _columns(table):
        bad = np.isfinite(column) & (column <= 0)
        yield from _fault(table, "not_positive", bad, column, "correct or remove these rows", column=name)


def check_dates(table: RawTable, _: Limits) -> Iterable[Fault]:
    """Every row has a date."""
    missing = np.isnat(table.dates)
    yield from _fault(table, "missing_dates", missing, table.closes, "every row needs a date", column="date")


def check_future(table: RawTable, limits: Limits) -> Iterable[Fault]:
    """No rate is of a day that is still to come."""
    if limits.last_day is not None:
        later = table.dates > limits.last_day
        remedy = f"days after {limits.last_day} are still to come; correct the dates or this machine's clock"
        yield from _fault(table, "future_dates", later, table.closes, remedy, column="date")


def check_conflicts(table: RawTable, _: Limits) -> Iterable[Fault]:
    """No day has two different rows: which one is right cannot be known."""
    again = np.zeros(len(table), dtype=bool)
    again[1:] = np.diff(table.dates) == 0 * DAY
    again[:-1] |= again[1:]
    remedy = "keep one row a day; which one is right cannot be known here"
    yield from _fault(table, "conflicting_dates", again, table.closes, remedy, column="date")


def check_history(table: RawTable, limits: Limits) -> Iterable[Fault]:
    """There are enough days to train and to score on."""
    days = len(np.unique(table.dates))
    if days < limits.min_days:
        remedy = f"{limits.min_days} days are needed, {days} are there; take a longer history or a smaller --n-lags"
        yield Fault(table.where, "", "enough_history", 0, (), remedy)


def check_daily(table: RawTable, _: Limits) -> Iterable[Fault]:
    """The series is daily, not weekly or monthly."""
    steps = np.diff(np.unique(table.dates))
    if len(steps) and np.median(steps.astype(np.int64)) > 2:
        step = int(np.median(steps.astype(np.int64)))
        yield Fault(table.where, "date", "not_daily", 0, (), f"the usual step is {step} days; take daily rates")


def check_gaps(table: RawTable, limits: Limits) -> Iterable[Fault]:
    """No two neighbouring days are further apart than markets ever close for."""
    long = np.flatnonzero(np.diff(table.dates) > limits.max_gap_days * DAY)
    if len(long):
        examples = tuple(f"{table.dates[i]} to {table.dates[i + 1]}" for i in long[:5])
        remedy = f"over {limits.max_gap_days} days without a rate; add the missing days or start after the gap"
        yield Fault(table.where, "date", "gap", len(long), examples, remedy)


def check_jumps(table: RawTable, limits: Limits) -> Iterable[Fault]:
    """No price moves by a factor that only a slipped decimal point or a changed unit explains."""
    jump = np.zeros(len(table), dtype=bool)
    jump[1:] = np.abs(_returns(table)) > np.log(limits.max_factor)
    remedy = f"over {limits.max_factor:g} times the day before, or under 1/{limits.max_factor:g}; look for a slipped "
    yield from _fault(table, "implausible_jump", jump, table.closes, remedy + "decimal point or a changed unit")


def check_spikes(table: RawTable, limits: Limits) -> Iterable[Fault]:
    """No price leaps and is back the next day: that is a wrong cell, not a market."""
    returns = _returns(table)
    out, back = returns[:-1], returns[1:]
    smaller = np.minimum(np.abs(out), np.abs(back))
    spike = np.zeros(len(table), dtype=bool)
    spike[1:-1] = (out * back < 0) & (smaller > limits.max_spike) & (np.abs(out + back) < smaller / 2)
    remedy = "a leap that is undone the next day; correct or remove these rows"
    yield from _fault(table, "spike", spike, table.closes, remedy)


def check_direction(table: RawTable, limits: Limits) -> Iterable[Fault]:
    """The price does not turn into its reciprocal: EURUSD to one day, USDEUR from the next."""
    logs = np.log(table.closes)
    flip = np.zeros(len(table), dtype=bool)
    flip[1:] = (np.abs(np.diff(logs)) > limits.max_spike) & (np.abs(logs[1:] + logs[:-1]) < 0.03)
    remedy = "the price becomes 1/price; the file mixes both directions of the pair"
    yield from _fault(table, "direction_flips", flip, table.closes, remedy)


def check_still(table: RawTable, limits: Limits) -> Iterable[Fault]:
    """No price that moves otherwise stands still for weeks: a dead feed, carried forward."""
    still = _returns(table) == 0
    starts, lengths = _runs(still)
    bad = [
        (start, length + 1)
        for start, length in zip(starts, lengths, strict=True)
        if length + 1 > limits.max_pegged_days
        or (length + 1 > limits.max_still_days and _share_around(still, start, length) < limits.pegged_share)
    ]
    if bad:
        examples = tuple(f"{table.dates[start]} for {days} days at {table.closes[start]:g}" for start, days in bad[:5])
        remedy = "the same price day after day; a dead feed, or a peg, which leaves nothing to forecast"
        yield Fault(table.where, table.column, "stale", sum(days for _, days in bad), examples, remedy)


def check_weekends(table: RawTable, _: Limits) -> Iterable[Fault]:
    """Weekends are not filled with Friday's price: such days are no observations."""
    days = table.dates.astype("datetime64[D]").astype(np.int64)
    weekend = np.isin((days + 3) % 7, (5, 6))  # 1970-01-01 was a Thursday; Monday is 0
    carried = np.zeros(len(table), dtype=bool)
    carried[1:] = weekend[1:] & (np.diff(table.closes) == 0)
    if np.count_nonzero(weekend) >= 20 and np.count_nonzero(carried) > 0.9 * np.count_nonzero(weekend):
        remedy = "weekends carry Friday's price; remove Saturdays and Sundays"
        yield from _fault(table, "carried_forward", carried, table.closes, remedy)


VALUE_CHECKS: tuple[Check, ...] = (check_finite, check_positive)
DATE_CHECKS: tuple[Check, ...] = (check_dates, check_future, check_conflicts, check_history, check_daily, check_gaps)
PRICE_CHECKS: tuple[Check, ...] = (check_jumps, check_spikes, check_direction, check_still, check_weekends)
UNSOUND = frozenset({"not_finite", "not_positive", "missing_dates", "conflicting_dates"})


def _columns(table: RawTable) -> list[tuple[str, Floats]]:
    return [(table.column, table.closes), *table.extras.items()]


def _returns(table: RawTable) -> Floats:
    return np.diff(np.log(table.closes))


def _same_rows(columns: list[Floats]) -> Bools:
    """Shape (n_rows - 1,): each row against the one before; NaN equals NaN."""
    pairs = [(column[1:], column[:-1]) for column in columns]
    same: Bools = np.logical_and.reduce([(new == old) | (np.isnan(new) & np.isnan(old)) for new, old in pairs])
    return same


def _runs(flags: Bools) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each run of true flags starts, and how long it is."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return edges[::2], edges[1::2] - edges[::2]


def _share_around(flags: Bools, start: int, length: int, span: int = 60) -> float:
    around = np.concatenate((flags[max(0, start - span) : start], flags[start + length : start + length + span]))
    return float(around.mean()) if len(around) else 0.0


def _examples(dates: NDArray[np.datetime64]) -> list[str]:
    return [str(day) for day in dates[:5]] + (["..."] if len(dates) > 5 else [])


def _fault(
    table: RawTable, check: str, bad: Bools, values: Floats, remedy: str, *, column: str | None = None
) -> Iterable[Fault]:
    rows = np.flatnonzero(bad)
    if len(rows):
        examples = tuple(f"{table.dates[i]}: {values[i]:g}" for i in rows[:5])
        yield Fault(table.where, table.column if column is None else column, check, len(rows), examples, remedy)
