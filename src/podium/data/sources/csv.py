"""Any CSV file with a date and a close column: yfinance, FRED, the ECB, or one's own."""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType

import numpy as np

from podium.data.sources.base import Source
from podium.data.sources.content import MAX_BYTES, file_fault, text_of
from podium.data.sources.csv_dates import parse_dates
from podium.data.sources.csv_layout import Grid, Layout, find_layout, read_grid, rows_of_pair
from podium.data.sources.ecb_table import table_of
from podium.data.sources.naming import MISSING, RESERVED
from podium.data.table import RawTable
from podium.errors import DataError, Fault, SettingError
from podium.records import Dates, Floats
from podium.settings import Settings

SOURCE = "csv"


class CsvFile(Source):
    """`csv:PATH`: one row a day, or the ECB's own table of all currencies, or a zip with one such file."""

    def __init__(self, argument: str, settings: Settings) -> None:
        if not argument:
            raise SettingError("setting source = 'csv': write the file after a colon, csv:rates.csv")
        super().__init__(argument, settings)
        self.path = Path(argument).expanduser()

    def fetch(self, pair: str) -> RawTable:
        """See `Source.fetch`.

        Rows without a price (a holiday) are left out and counted in the notes. Further columns are kept as
        extras, in lower case, where every cell is a positive number and not always the same one.
        """
        return parse(self._read(), str(self.path), pair)

    def _read(self) -> bytes:
        try:
            if self.path.stat().st_size > MAX_BYTES:
                raise file_fault(str(self.path), "too_large", f"more than {MAX_BYTES} bytes are no daily series")
            return self.path.read_bytes()
        except OSError as error:
            raise SettingError(f"source csv:{self.path} cannot be read: {error.strerror or error}") from error


def parse(data: bytes, where: str, pair: str) -> RawTable:
    """The rates of a pair in the bytes of a file.

    Raises:
        DataError: it is not a table of rates, or of another pair.
    """
    grid = read_grid(text_of(data, where), where, pair)
    if grid.is_ecb():
        return table_of([grid.header, *(cells for _, cells in grid.rows)], where).pair(pair, SOURCE)
    layout = find_layout(grid, pair)
    grid = rows_of_pair(grid, pair)
    _must_be_whole(grid, layout)
    priced = [row for row in grid.rows if row[1][layout.price].lower() not in MISSING]
    left_out = len(grid.rows) - len(priced)
    column = grid.header[layout.price]
    grid = Grid(where, grid.header, priced)
    dates = _dates(grid, layout.date)
    notes: tuple[str, ...] = ()
    if left_out:
        notes = (f"{where}: {left_out} row{'s' * (left_out != 1)} without a value in column {column!r} left out",)
    return RawTable(pair, dates, _closes(grid, layout.price), SOURCE, where, column, _extras(grid, layout), notes)


def _must_be_whole(grid: Grid, layout: Layout) -> None:
    needed = max(layout.date, layout.price)
    short = [f"line {line}: {','.join(cells)[:40]!r}" for line, cells in grid.rows if len(cells) <= needed]
    if short:
        remedy = "rows are cut short; get the file again"
        raise DataError([Fault(grid.where, "", "ragged_rows", len(short), tuple(short[:5]), remedy)])


def _dates(grid: Grid, at: int) -> Dates:
    found, remedy = parse_dates([cells[at] for _, cells in grid.rows])
    bad = [f"line {line}: {cells[at]!r}" for (line, cells), day in zip(grid.rows, found, strict=True) if day is None]
    if bad:
        name = grid.header[at] or "date"
        remedy = remedy or "no date; write dates as 2026-10-30"
        raise DataError([Fault(grid.where, name, "bad_dates", len(bad), tuple(bad[:5]), remedy)])
    return np.array(found, dtype="datetime64[D]")


def _closes(grid: Grid, at: int) -> Floats:
    numbers = [_number(cells[at]) for _, cells in grid.rows]
    bad = [f"line {line}: {cells[at]!r}" for (line, cells), x in zip(grid.rows, numbers, strict=True) if x is None]
    if bad:
        remedy = "write numbers as 1.1172, without separators of thousands"
        raise DataError([Fault(grid.where, grid.header[at], "not_a_number", len(bad), tuple(bad[:5]), remedy)])
    return np.array(numbers, dtype=np.float64)


def _extras(grid: Grid, layout: Layout) -> MappingProxyType[str, Floats]:
    extras: dict[str, Floats] = {}
    for at in layout.others:
        name = re.sub(r"\W+", "_", grid.header[at].lower()).strip("_")
        numbers = [_number(cells[at]) if at < len(cells) else None for _, cells in grid.rows]
        if not name or name in RESERVED or name in extras or None in numbers:
            continue
        column = np.array(numbers, dtype=np.float64)
        if np.all(np.isfinite(column) & (column > 0)) and len(np.unique(column)) > 1:
            extras[name] = column
    return MappingProxyType(extras)


def _number(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None
