"""The ECB's history file: units of every currency per 1 EUR, and every cross by division."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from podium.data.sources.content import text_of, unpack
from podium.data.table import MAX_GAP_DAYS, RawTable
from podium.errors import SettingError, file_fault
from podium.records import Dates, Floats
from podium.settings.wording import hint

BASE = "EUR"
MISSING = frozenset({"N/A", ""})


@dataclass(frozen=True, slots=True)
class EcbTable:
    """The file `eurofxref-hist.csv`, oldest day first, its numbers still text.

    Attributes:
        where: file or address that was read.
        dates: shape (n_days,), strictly increasing.
        columns: currency code to the position of its cells in each row.
        rows: n_days rows of cells.
        parsed: the columns that were asked for before, as numbers.
    """

    where: str
    dates: Dates
    columns: dict[str, int]
    rows: list[list[str]]
    parsed: dict[str, Floats] = field(default_factory=dict, repr=False, compare=False)

    @property
    def last_day(self) -> np.datetime64:
        """The newest day of the file."""
        return self.dates[-1]  # type: ignore[no-any-return]

    def rates(self, currency: str) -> Floats:
        """Units per 1 EUR, shape (n_days,), NaN where the ECB gave none.

        Raises:
            DataError: a cell is neither a number nor missing.
        """
        if currency == BASE:
            return np.ones(len(self.dates))
        if currency not in self.parsed:
            self.parsed[currency] = self._parse(currency)
        return self.parsed[currency]

    def _parse(self, currency: str) -> Floats:
        at = self.columns[currency]
        try:
            return np.array([np.nan if row[at] in MISSING else float(row[at]) for row in self.rows])
        except ValueError:
            wrong = _unreadable({row[at] for row in self.rows} - MISSING, float)
            bad = [f"{row[0]}: {row[at]!r}" for row in self.rows if row[at] in wrong]
            remedy = "get the file again"
            raise file_fault(self.where, "not_a_number", remedy, *bad, column=currency, count=len(bad)) from None

    def last_quote(self, currency: str) -> np.datetime64:
        """The newest day on which a currency was quoted; NaT if there is none."""
        quoted = self.dates[~np.isnan(self.rates(currency))]
        return quoted[-1] if len(quoted) else np.datetime64("NaT", "D")

    def live(self) -> list[str]:
        """Currencies that are still quoted, in alphabetical order, without the euro."""
        stale = np.timedelta64(MAX_GAP_DAYS, "D")
        return [code for code in sorted(self.columns) if self.last_day - self.last_quote(code) <= stale]

    def pair(self, pair: str, source: str) -> RawTable:
        """One pair by division: `GBPJPY` is JPY per EUR over GBP per EUR.

        A rate that the ECB suspended and resumed (ISK, 2008 to 2018) starts after the suspension: a return
        across it is not a daily return. The file itself tells, since other currencies are quoted on those days.

        Raises:
            SettingError: a currency is not in the file, or its rate has ended.
            DataError: a cell is not a number.
        """
        base, quote = pair[:3], pair[3:]
        for currency in (base, quote):
            self._must_be_live(currency, pair)
        with np.errstate(divide="ignore", invalid="ignore"):  # a zero rate becomes inf, which the gate names
            closes = self.rates(quote) / self.rates(base)
        quoted = ~np.isnan(closes)
        dates, closes = self.dates[quoted], closes[quoted]
        suspended = np.flatnonzero(np.diff(dates) > np.timedelta64(MAX_GAP_DAYS, "D"))
        start = suspended[-1] + 1 if len(suspended) else 0
        notes: tuple[str, ...] = ()
        if start:
            told = f"the ECB gave no rate between {dates[start - 1]} and {dates[start]}"
            notes = (f"{pair}: {told}; the series starts after that",)
        column = f"{quote} / {base}" if base != BASE else quote
        return RawTable(pair, dates[start:], closes[start:], source, self.where, column, notes=notes)

    def _must_be_live(self, currency: str, pair: str) -> None:
        if currency == BASE:
            return
        if currency not in self.columns:
            meant = hint(currency, self.columns)
            raise SettingError(
                f"pair {pair}: the ECB does not quote {currency}; {meant}it quotes EUR, {', '.join(self.live())}"
            )
        last = self.last_quote(currency)
        if np.isnat(last) or self.last_day - last > np.timedelta64(MAX_GAP_DAYS, "D"):
            ended = "has no rate" if np.isnat(last) else f"ended on {last}"
            raise SettingError(
                f"pair {pair}: the ECB's rate of {currency} {ended}, the file goes on to {self.last_day}; "
                "choose a pair that is still quoted"
            )


def read_table(data: bytes, where: str) -> EcbTable:
    """The ECB's zip or CSV file.

    Raises:
        DataError: it is empty, HTML, truncated, or not the ECB's table.
    """
    rows = [line.split(",") for line in text_of(unpack(data, where), where).splitlines() if line.strip()]
    return table_of(rows, where)


def table_of(rows: list[list[str]], where: str) -> EcbTable:
    """The ECB's table from its header and rows, in either order of days.

    Raises:
        DataError: the columns, the dates or the length of a row are wrong.
    """
    header = [name.strip() for name in rows[0]]
    columns = {name: at for at, name in enumerate(header) if at and name}
    if header[0].lower() != "date" or not columns or not all(len(c) == 3 and c.isupper() for c in columns):
        raise file_fault(where, "wrong_columns", "the ECB's file starts with Date,USD,JPY,...", ",".join(header)[:80])
    body = rows[1:]
    width = max(columns.values()) + 1
    short = [row[0] for row in body if len(row) < width]
    if not body or short:
        raise file_fault(where, "truncated_file", "rows are cut short; get it again", *short, count=len(short))
    dates = _dates([row[0] for row in body], where)
    if len(dates) > 1 and dates[0] > dates[-1]:
        body, dates = body[::-1], dates[::-1]
    return EcbTable(where, dates, columns, body)


def _dates(cells: list[str], where: str) -> Dates:
    if all(len(cell) == 10 for cell in cells):
        with suppress(ValueError):
            return np.array(cells, dtype="datetime64[D]")
    bad = [cell for cell in cells if len(cell) != 10] or _unreadable(cells, np.datetime64)
    raise file_fault(where, "bad_dates", "get the file again", *map(repr, bad), column="Date", count=len(bad))


def _unreadable(cells: Iterable[str], read: Callable[[str], object]) -> list[str]:
    found = []
    for cell in cells:
        try:
            read(cell)
        except ValueError:
            found.append(cell)
    return found
