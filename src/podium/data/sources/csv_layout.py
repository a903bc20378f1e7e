"""Which columns of a file are the dates, the price of the pair, and the rest; nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from podium.data.sources.csv_dates import is_clock, parse_dates
from podium.data.sources.csv_grid import INDEX_NAMES, Grid
from podium.data.sources.csv_pairs import other_pair
from podium.data.sources.naming import CLOSE_NAMES, DATE_NAMES, OTHER_PRICES, RATE_NAMES, pairs_in, plain
from podium.errors import DataError, SettingError, file_fault
from podium.records import Dates


@dataclass(frozen=True, slots=True)
class Layout:
    """Positions of the columns that matter.

    Attributes:
        date: the dates.
        clock: times of day beside them; None where there is no such column.
        price: the closes of the pair.
        others: what may be kept as extras, by name.
        says_pair: whether a column is named after the pair.
    """

    date: int
    clock: int | None
    price: int
    others: Mapping[str, int]
    says_pair: bool


def find_layout(grid: Grid, pair: str, date: str = "", close: str = "") -> Layout:
    """Positions of date and price.

    Args:
        grid: the file.
        pair: whose closes are wanted.
        date: name or number of the column of dates, where the reader says it.
        close: the same of the closes.

    Raises:
        DataError: there is no such column, or more than one; or the file says that it holds another pair.
        SettingError: the file has no column of the name that the reader says.
    """
    dates = [_named(grid, date, "date")] if date else _date_columns(grid)
    clock = next(
        (at for at, name in enumerate(grid.header) if plain(name) == "time" and is_clock(grid.cells(at))), None
    )
    speaking = {at: found for at, name in enumerate(grid.header) if at not in dates and (found := pairs_in(name))}
    mine = [at for at, found in speaking.items() if pair in found]
    if speaking and not mine and not close:
        raise other_pair(grid.where, "", pair, {grid.header[at]: found for at, found in speaking.items()})
    fields = {
        at: _without(pair, plain(name.replace(":", " "))) if at in mine else plain(name)
        for at, name in enumerate(grid.header)
        if name and at not in {*dates, clock} and (at in mine or at not in speaking)
    }
    price = (
        _named(grid, close, "close") if close else _price(grid, {at: fields[at] for at in mine} or fields, bool(mine))
    )
    if not dates or price is None:
        raise _wrong_columns(grid, pair)
    others: dict[str, int] = {}
    for at, field in fields.items():
        if at != price and not field.isdecimal():
            others.setdefault(field.replace(" ", "_"), at)
    return Layout(dates[0], clock, price, others, pair in pairs_in(grid.header[price]))


def read_moments(grid: Grid, date: int, clock: int | None) -> Dates:
    """The dates of a column as `datetime64[s]`, with the times of day beside it.

    Raises:
        DataError: a cell is no date, or the column cannot be decided.
    """
    cells = grid.cells(date)
    if clock is not None:
        cells = [f"{day} {time}" for day, time in zip(cells, grid.cells(clock), strict=True)]
    found = parse_dates(cells)
    if found.fault:
        raise grid.fault(found.fault, found.remedy, found.shown, date)
    bad = np.flatnonzero(np.isnat(found.moments)).tolist()
    if bad:
        raise grid.fault("bad_dates", "no date; write dates as 2026-10-30", bad, date)
    return found.moments


def _date_columns(grid: Grid) -> list[int]:
    """The column of dates, and others that say the same; empty where there is none."""
    names = [plain(name) for name in grid.header]
    called = [at for at, name in enumerate(names) if name in DATE_NAMES or (at == 0 and name in INDEX_NAMES)]
    called = [at for at in called if names[at] != "time" or not is_clock(grid.cells(at))]
    dated = [at for at in called if not np.isnat(parse_dates(grid.cells(at)[:1]).moments[0])]
    if len(dated) < 2:
        return dated or called[:1]
    days = [read_moments(grid, at, None).astype("datetime64[D]") for at in dated]
    if any(not np.array_equal(days[0], other) for other in days[1:]):
        shown = [f"{grid.header[at]}: {grid.cells(at)[0]!r}" for at in dated]
        remedy = "two columns of dates that differ; name the right one, csv:FILE?date=NAME"
        raise file_fault(grid.where, "two_date_columns", remedy, *shown)
    return dated


def _price(grid: Grid, fields: Mapping[int, str], said: bool) -> int | None:
    """The column of closes by its name; else the one that is named after the pair, if it is no high or volume."""
    for name in CLOSE_NAMES:
        if found := [at for at, field in fields.items() if field == name]:
            return found[0]
    rates = [at for at, field in fields.items() if field in RATE_NAMES]
    if said and not rates:
        rates = [at for at, field in fields.items() if not OTHER_PRICES & {*field.split()}]
    if len(rates) > 1:
        remedy = "each of these may be the price; name the right one, csv:FILE?close=NAME"
        raise file_fault(grid.where, "several_prices", remedy, *[repr(grid.header[at]) for at in rates])
    return rates[0] if rates else None


def _without(pair: str, field: str) -> str:
    """What a column named after the pair says beside it: `close eurusd x` says `close`."""
    own = {pair[:3].lower(), pair[3:].lower(), "x"}
    return " ".join(word for word in field.split() if word not in own and pair.lower() not in word)


def _named(grid: Grid, name: str, what: str) -> int:
    if name in grid.header:
        return grid.header.index(name)
    if name.isdecimal() and 1 <= int(name) <= len(grid.header):
        return int(name) - 1
    there = ", ".join(repr(one) for one in grid.header)
    raise SettingError(f"source csv:{grid.where}?{what}={name}: there is no such column; there are {there}")


def _wrong_columns(grid: Grid, pair: str) -> DataError:
    wanted = (
        f"a date ({', '.join(DATE_NAMES[:4])}) and a price ({', '.join((*CLOSE_NAMES[:2], *RATE_NAMES[:3]))}, {pair})"
    )
    remedy = f"needs a column for {wanted}, or csv:FILE?date=NAME&close=NAME, by name or number; its first row is shown"
    first: Sequence[str] = grid.rows[0][1] if grid.header[0] == "1" else grid.header
    return file_fault(grid.where, "wrong_columns", remedy, *[repr(name) for name in first])
