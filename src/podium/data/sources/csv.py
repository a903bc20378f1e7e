"""Any file with a date and a close column: yfinance, FRED, the ECB, MetaTrader, a spreadsheet, or one's own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from urllib.parse import parse_qsl

import numpy as np

from podium.data.sources.content import MAX_BYTES
from podium.data.sources.csv_grid import Grid, read_grid
from podium.data.sources.csv_layout import Layout, find_layout, read_moments
from podium.data.sources.csv_numbers import decimal_mark, parse_numbers
from podium.data.sources.csv_pairs import must_be_for_one_unit, rows_of_pair
from podium.data.sources.ecb_table import table_of
from podium.data.sources.naming import MISSING, RESERVED
from podium.data.sources.source import Source
from podium.data.table import RawTable
from podium.errors import SettingError, file_fault
from podium.records import Floats
from podium.settings import Settings

SOURCE = "csv"


@dataclass(frozen=True, slots=True)
class Meant:
    """What the reader says about a file, `csv:rates.csv?date=Datum&close=Kurs&decimal=,`.

    Attributes:
        date: name or number, from 1, of the column of dates.
        close: the same of the closes.
        decimal: the decimal mark.
    """

    date: str = ""
    close: str = ""
    decimal: str = ""


class CsvFile(Source):
    """`csv:PATH[?date=COLUMN&close=COLUMN&decimal=MARK]`: one row a day, or the ECB's own table; packed or not."""

    def __init__(self, argument: str, settings: Settings) -> None:
        if not argument:
            raise SettingError("setting source = 'csv': write the file after a colon, csv:rates.csv")
        super().__init__(argument, settings)
        self.path, self.meant = _split(argument)

    def fetch(self, pair: str) -> RawTable:
        """See `Source.fetch`.

        Rows without a price (a holiday) are left out and counted in the notes. Further columns are kept as
        extras, in lower case, where every cell is a positive number and not always the same one.
        """
        return parse(self._read(), str(self.path), pair, self.meant, self.settings.allow)

    def _read(self) -> bytes:
        try:
            if self.path.stat().st_size > MAX_BYTES:
                raise file_fault(str(self.path), "too_large", f"more than {MAX_BYTES} bytes are no daily series")
            return self.path.read_bytes()
        except OSError as error:
            raise SettingError(
                f"source csv:{self.path} cannot be read: {error.strerror or error}; name a file that is there"
            ) from error


def parse(data: bytes, where: str, pair: str, meant: Meant = Meant(), allow: Collection[str] = ()) -> RawTable:
    """The rates of a pair in the bytes of a file.

    Args:
        data: the file, CSV or Parquet, packed or not.
        where: its name.
        pair: whose rates are wanted.
        meant: what the reader says about the file.
        allow: checks whose findings are meant.

    Raises:
        DataError: it is not a table of rates, has two readings, or is of another pair.
        SettingError: the reader names a column that is not there.
    """
    grid = read_grid(data, where, by_number=meant.date.isdecimal() and meant.close.isdecimal())
    if grid.is_ecb() and not meant.close:
        if missing := {pair[:3], pair[3:]} - {"EUR", *grid.header}:
            remedy = (
                f"no column {' or '.join(sorted(missing))} among rates per euro; take another file, or, where they "
            )
            remedy += "are for another currency, csv:FILE?close=NAME"
            raise file_fault(where, "wrong_columns", remedy, *grid.header)
        return table_of([grid.header, *(cells for _, cells in grid.rows)], where).pair(pair, SOURCE)
    layout = find_layout(grid, pair, meant.date, meant.close)
    if "other_pair" not in allow:
        grid = rows_of_pair(grid, pair, {layout.date, layout.price}, layout.says_pair)
    if "other_unit" not in allow:
        must_be_for_one_unit(grid)
    priced = [row for row in grid.rows if row[1][layout.price].lower() not in MISSING]
    left_out = len(grid.rows) - len(priced)
    column, grid = grid.header[layout.price], replace(grid, rows=priced)
    notes: tuple[str, ...] = ()
    if left_out:
        notes = (f"{where}: {left_out} row{'s' * (left_out != 1)} without a value in column {column!r} left out",)
    moments = read_moments(grid, layout.date, layout.clock)
    mark = meant.decimal or _mark(grid, layout)
    closes = _closes(grid, layout.price, mark)
    return RawTable(pair, moments, closes, SOURCE, where, column, _extras(grid, layout, mark), notes)


def _split(argument: str) -> tuple[Path, Meant]:
    path, mark, query = argument.rpartition("?")
    if not mark or Path(argument).expanduser().exists():
        return Path(argument).expanduser(), Meant()
    try:
        meant = Meant(**dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True)))
    except (TypeError, ValueError):
        raise SettingError(
            f"setting source = 'csv:{argument}': after the question mark come date=, close= or decimal=, with & between"
        ) from None
    if meant.decimal not in {"", ".", ","}:
        raise SettingError(f"setting source = 'csv:{argument}': decimal is . or ,")
    return Path(path).expanduser(), meant


def _mark(grid: Grid, layout: Layout) -> str:
    columns = (layout.price, *layout.others.values())  # what the price itself proves comes first
    return decimal_mark((cell for at in columns for cell in grid.cells(at)), grid.delimiter)


def _closes(grid: Grid, at: int, mark: str) -> Floats:
    closes = parse_numbers(grid.cells(at), mark)
    if bad := np.flatnonzero(np.isnan(closes)).tolist():
        remedy = "write numbers as 1.1172" if mark else "thousands or decimals? write 1.1172, or csv:FILE?decimal=,"
        raise grid.fault("not_a_number", remedy, bad, at)
    if len(closes) and np.all((closes > 1900_00_00) & (closes < 2100_00_00)):
        raise grid.fault("dates_for_prices", "these are dates; name the column of prices, csv:FILE?close=NAME", [0], at)
    return closes


def _extras(grid: Grid, layout: Layout, mark: str) -> MappingProxyType[str, Floats]:
    columns = {name: parse_numbers(grid.cells(at), mark) for name, at in layout.others.items() if name not in RESERVED}
    whole = {name: column for name, column in columns.items() if np.all(np.isfinite(column) & (column > 0))}
    return MappingProxyType({name: column for name, column in whole.items() if len(np.unique(column)) > 1})
