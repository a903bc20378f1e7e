"""A file as header and rows of text, whatever it was written by; a shape that has two readings is refused."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from podium.data.sources.content import text_of, unpack
from podium.data.sources.naming import CLOSE_NAMES, CURRENCIES, DATE_NAMES, RATE_NAMES, pairs_in, plain
from podium.errors import DataError, Fault, file_fault

Row = tuple[int, list[str]]  # line number in the file, stripped cells
INDEX_NAMES = frozenset({"", "index", "unnamed"})  # what pandas calls an index without a name
NUMERIC = re.compile(r"[\d\s.,:/+-]*\d[\d\s.,:/+-]*")
INDEX = "__index_level_"  # the same in Parquet, where it stands last
KNOWN_NAMES = frozenset({*DATE_NAMES, *CLOSE_NAMES, *RATE_NAMES})
BY_NUMBER = "name columns by number, csv:FILE?date=1&close=6"
PREAMBLE = 60  # lines in which a header is looked for


@dataclass(frozen=True, slots=True)
class Grid:
    """A file as header and rows.

    Attributes:
        where: file that was read.
        header: column names; their numbers, from 1, where the file has none.
        rows: each with its line number, and as many cells as the header has names.
        delimiter: between cells; empty where the file has none.
    """

    where: str
    header: list[str]
    rows: list[Row]
    delimiter: str = ","

    def cells(self, at: int) -> list[str]:
        """One column, shape (n_rows,)."""
        return [cells[at] for _, cells in self.rows]

    def is_ecb(self) -> bool:
        """Whether this is the ECB's own layout: a date, then currencies as columns, in units per 1 EUR."""
        codes = [name for name in self.header[1:] if name]
        return (
            len(codes) > 1
            and self.header[0].lower() == "date"
            and all(code in CURRENCIES for code in codes)
            and "EUR" not in codes
        )

    def fault(self, check: str, remedy: str, rows: Sequence[int], column: int | None = None) -> DataError:
        """An error that shows some rows, or a column's cells in them."""
        lines = [self.rows[row] for row in rows[:5]]
        shown = [cells[column] if column is not None else ",".join(cells)[:60] for _, cells in lines]
        examples = tuple(f"line {line}: {text!r}" for (line, _), text in zip(lines, shown, strict=True))
        name = "" if column is None else self.header[column] or "date"
        return DataError([Fault(self.where, name, check, len(rows), examples, remedy)])


def read_grid(data: bytes, where: str, by_number: bool = False) -> Grid:
    """Header and rows of a CSV or Parquet file, packed or not.

    Args:
        data: the file.
        where: its name.
        by_number: whether the reader knows its columns by number, so that nothing hangs on their names.

    Raises:
        DataError: the file is no table; rows and header do not fit; two columns have one name.
    """
    data = unpack(data, where)
    rows, delimiter = _parquet(data, where) if data[:4] == b"PAR1" else _text(text_of(data, where), where)
    header, rows = _header(rows)
    if not rows:
        raise file_fault(where, "empty_file", "no rows below the header; get the file again")
    if by_number:
        width = max(len(cells) for _, cells in rows)
        padded = [(line, [*cells, *[""] * (width - len(cells))]) for line, cells in rows]
        return Grid(where, _numbers(width), padded, delimiter)
    while header and not header[-1]:  # the ECB ends its lines with a comma
        header.pop()
    grid = Grid(where, header, [(line, _trimmed(cells, len(header))) for line, cells in rows], delimiter)
    _must_fit(grid)
    _must_be_unique(grid)
    return grid


def _must_fit(grid: Grid) -> None:
    width = len(grid.header)
    uneven = [at for at, (_, cells) in enumerate(grid.rows) if len(cells) != width]
    if uneven:
        cells = len(grid.rows[uneven[0]][1])
        remedy = (
            f"the header has {width} names and these rows {cells} cells; {BY_NUMBER}; a decimal comma needs quotes, "
        )
        remedy += "or semicolons between the cells"
        raise grid.fault("ragged_rows", remedy, uneven)


def _must_be_unique(grid: Grid) -> None:
    # what pandas renames when it reads two columns Close: Close, Close.1
    names = [bare if (bare := re.sub(r"\.\d+$", "", name)) in grid.header else name for name in grid.header]
    names = [plain(name) if plain(name) in KNOWN_NAMES else name for name in names]
    twice = [name for name, count in Counter(names).items() if name and count > 1]
    if twice:
        shown = [repr(name) for name, bare in zip(grid.header, names, strict=True) if bare in twice]
        raise file_fault(
            grid.where, "columns_twice", f"columns of one name; keep the right one, or {BY_NUMBER}", *shown
        )


def _header(rows: list[Row]) -> tuple[list[str], list[Row]]:
    """Names of the columns, and the rows below them."""
    if len(rows) < 2:
        return [], []
    first, second = rows[0][1], rows[1][1]
    if {first[0], second[0]} == {"Price", "Ticker"} or (
        plain(first[0]) in DATE_NAMES and not second[0] and any(map(pairs_in, second))
    ):
        # yfinance puts each price's name above its ticker; below may stand the name of the index, alone in its row
        body = rows[3:] if len(rows) > 2 and not any(rows[2][1][1:]) else rows[2:]
        return ["Date", *map(" ".join, zip(first[1:], second[1:], strict=False))], body
    if all(NUMERIC.fullmatch(cell) for cell in first if cell):
        return _numbers(len(first)), rows
    return [name.strip("<>") for name in first], rows[1:]  # MetaTrader writes <DATE>,<CLOSE>


def _numbers(width: int) -> list[str]:
    return [str(at + 1) for at in range(width)]


def _trimmed(cells: list[str], width: int) -> list[str]:
    """Without the empty cells beyond the header."""
    end = len(cells)
    while end > width and not cells[end - 1]:
        end -= 1
    return cells[:end]


def _text(text: str, where: str) -> tuple[list[Row], str]:
    lines = text.splitlines(keepends=True)
    start, delimiter = _start(lines)
    try:
        reader = csv.reader(io.StringIO("".join(lines[start:]), newline=""), delimiter=delimiter)
        rows = [(reader.line_num + start, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise file_fault(where, "not_csv", f"{error}; save it as a plain CSV file") from error
    return [(line, cells) for line, cells in rows if any(cells) and not cells[0].startswith("#")], delimiter


def _start(lines: list[str]) -> tuple[int, str]:
    """The line of the header and its delimiter: the first that names a date, else the first that is no comment.

    What a person or a program wrote above it is passed over, but for the `sep=;` by which Excel is told the delimiter.
    """
    told = next((line[4:5] for line in lines[:PREAMBLE] if line.lower().startswith("sep=")), "")
    candidates = [
        (at, told or _delimiter(line), line)
        for at, line in enumerate(lines[:PREAMBLE])
        if line.strip() and not line.lower().startswith(("#", "sep="))
    ]
    named = [(at, delimiter) for at, delimiter, line in candidates if _names_a_date(line.split(delimiter))]
    return next(iter(named or [one[:2] for one in candidates]), (0, ","))


def _names_a_date(cells: list[str]) -> bool:
    names = [cell.strip('" \r\n') for cell in cells]
    dated = any(plain(name) in DATE_NAMES and not re.search(r"\d", name) for name in names)
    return len(names) > 1 and (dated or names[0] in {"Price", "Ticker"}) and not any(map(NUMERIC.fullmatch, names))


def _delimiter(line: str) -> str:
    return max(",;\t|", key=re.sub(r'"[^"]*"', "", line).count)


def _parquet(data: bytes, where: str) -> tuple[list[Row], str]:
    """Each column as text, as a CSV file would have it; an index of pandas is a column too."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False)
        columns = [column.cast(pa.string()).to_pylist() for column in table.columns]
    except (pa.ArrowException, OSError) as error:
        first = str(error).partition("\n")[0]
        raise file_fault(where, "damaged_file", f"not a Parquet table of rates ({first}); get it again") from error
    named = sorted(zip(table.column_names, columns, strict=True), key=lambda column: not column[0].startswith(INDEX))
    names = ["" if name.startswith(INDEX) else name for name, _ in named]
    rows = zip(*([cell or "" for cell in column] for _, column in named), strict=True)
    return [(at, [cell.strip() for cell in cells]) for at, cells in enumerate([names, *rows], 1)], ""
