"""Which columns of a CSV file are the dates, the price of the pair, and the rest; nothing is guessed."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from podium.data.sources.content import file_fault
from podium.data.sources.naming import CURRENCIES, DATE_NAMES, PRICE_NAMES, SYMBOL_NAMES, find, pair_named
from podium.errors import DataError, Fault

Row = tuple[int, list[str]]  # line number in the file, stripped cells


@dataclass(frozen=True, slots=True)
class Grid:
    """A file as header and rows.

    Attributes:
        where: file that was read.
        header: column names.
        rows: each with its line number.
    """

    where: str
    header: list[str]
    rows: list[Row]

    def is_ecb(self) -> bool:
        """Whether this is the ECB's own layout: a date, then currencies as columns, in units per 1 EUR."""
        codes = [name for name in self.header[1:] if name]
        return (
            len(codes) > 1
            and self.header[0].lower() == "date"
            and all(code in CURRENCIES for code in codes)
            and "EUR" not in codes
        )


@dataclass(frozen=True, slots=True)
class Layout:
    """Positions of the columns that matter.

    Attributes:
        date: the dates.
        price: the closes of the pair.
        others: what may be kept as extras.
    """

    date: int
    price: int
    others: tuple[int, ...]


def read_grid(text: str, where: str, pair: str) -> Grid:
    """Header and rows; of a download with a header of two levels, the columns of the pair.

    Raises:
        DataError: the file is no table, or only of other pairs.
    """
    delimiter = max(",;\t|", key=text.partition("\n")[0].count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        rows = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise file_fault(where, "not_csv", f"{error}; save it as a plain CSV file") from error
    rows = [(line, cells) for line, cells in rows if any(cells) and not cells[0].startswith("#")]
    if len(rows) < 2:
        raise file_fault(where, "empty_file", "no rows below the header; get the file again")
    if _has_two_levels(rows[0][1], rows[1][1]):
        return _two_levels(rows, where, pair)
    return Grid(where, [name.strip("<>") for name in rows[0][1]], rows[1:])  # MetaTrader writes <DATE>,<CLOSE>


def find_layout(grid: Grid, pair: str) -> Layout:
    """Positions of date and price.

    Raises:
        DataError: there is no such column, or the file says that it holds another pair.
    """
    date = find(grid.header, DATE_NAMES)
    if date is None and not grid.header[0]:
        date = 0  # an index without a name, as pandas writes it
    named = {at: found for at, name in enumerate(grid.header) if at != date and (found := pair_named(name))}
    price = next((at for at, found in named.items() if found == pair), None)
    if named and price is None:
        raise _other_pair(grid.where, pair, {grid.header[at]: found for at, found in named.items()})
    if price is None:
        price = find(grid.header, PRICE_NAMES)
    if date is None or price is None:
        wanted = f"a date ({', '.join(DATE_NAMES[:5])}) and a price ({', '.join(PRICE_NAMES[:6])}, {pair})"
        remedy = f"needs a column for {wanted}; its first row is shown here"
        raise file_fault(grid.where, "wrong_columns", remedy, *[repr(name) for name in grid.header])
    others = [at for at in range(len(grid.header)) if at not in named and at not in {date, price}]
    return Layout(date, price, tuple(others))


def rows_of_pair(grid: Grid, pair: str) -> Grid:
    """The rows of the pair, where a column says for each row which pair it is.

    Raises:
        DataError: all rows are of other pairs.
    """
    names = _names_by_row(grid)
    pairs = [pair_named(name) for name in names]
    if not any(pairs):
        return grid
    rows = [row for row, found in zip(grid.rows, pairs, strict=True) if found == pair]
    if not rows:
        raise _other_pair(grid.where, pair, {n: p for n, p in zip(names, pairs, strict=True) if p})
    return Grid(grid.where, grid.header, rows)


def _names_by_row(grid: Grid) -> list[str]:
    quote, base = find(grid.header, ("currency",)), find(grid.header, ("currency_denom",))
    if quote is not None and base is not None:  # the ECB's SDMX: units of CURRENCY per 1 CURRENCY_DENOM
        return [_cell(cells, base) + "/" + _cell(cells, quote) for _, cells in grid.rows]
    symbol = find(grid.header, SYMBOL_NAMES)
    return [] if symbol is None else [_cell(cells, symbol) for _, cells in grid.rows]


def _has_two_levels(first: list[str], second: list[str]) -> bool:
    if {first[0], second[0]} == {"Price", "Ticker"}:
        return True
    return first[0].lower() in DATE_NAMES and not second[0] and any(pair_named(cell) for cell in second)


def _two_levels(rows: list[Row], where: str, pair: str) -> Grid:
    """The columns of the pair in a download of yfinance, which puts each price's name above its ticker.

    Its rows are `Price,Close,High,...`, `Ticker,EURUSD=X,...`, `Date,,...`; the first two swapped when grouped by
    ticker; `Date,Close,High,...` and `,EURUSD=X,...` when the index was made a column.
    """
    levels = {"Ticker" if cells[0] in {"Ticker", ""} else "Price": cells[1:] for _, cells in rows[:2]}
    body = rows[2:]
    if body and not any(body[0][1][1:]):
        body = body[1:]  # the name of the index, alone in its row
    columns = zip(levels["Price"], levels["Ticker"], strict=False)
    mine = [(at, price) for at, (price, ticker) in enumerate(columns, 1) if pair_named(ticker) == pair]
    if not mine:
        raise _other_pair(where, pair, {ticker: pair_named(ticker) for ticker in levels["Ticker"] if ticker})
    # A row that is cut short stays short here, for `ragged_rows` to find.
    cut = [(line, [cells[0], *(cells[at] for at, _ in mine if at < len(cells))]) for line, cells in body]
    return Grid(where, ["Date", *(price for _, price in mine)], cut)


def _cell(cells: list[str], at: int) -> str:
    return cells[at] if at < len(cells) else ""


def _other_pair(where: str, pair: str, found: dict[str, str | None]) -> DataError:
    pairs = [name for name in dict.fromkeys(found.values()) if name]
    remedy = f"the file does not hold {pair}; "
    remedy += f"take --pair {' or '.join(pairs[:5])}, or another file" if pairs else "take another file"
    return DataError([Fault(where, "", "other_pair", 0, tuple(found)[:5], remedy)])
