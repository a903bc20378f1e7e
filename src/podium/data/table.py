"""What a source hands to the quality gate, and what the gate hands on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from podium.errors import Fault
from podium.records import Dates, Floats, Series

MAX_GAP_DAYS = 14  # between two neighbouring days; real markets close for up to 11


@dataclass(frozen=True, slots=True)
class RawTable:
    """Rates as a source found them: any order, not yet examined.

    Attributes:
        pair: six capital letters, `EURUSD`.
        dates: shape (n_rows,), `datetime64[D]`; `datetime64[s]` where the source tells times of day, as it writes them.
        closes: shape (n_rows,), float64.
        source: short name of the provider, `ecb`; part of the data version.
        where: file or address that was read, as a reader would name it; never holds a password.
        column: name of the price column in it.
        extras: further columns by name, each of shape (n_rows,).
        notes: what the reader should know about how the table came about, one line each.
    """

    pair: str
    dates: Dates
    closes: Floats
    source: str
    where: str
    column: str = "close"
    extras: Mapping[str, Floats] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.dates)

    def faults(
        self, check: str, bad: NDArray[np.bool_], remedy: str, column: str | None = None, values: Floats | None = None
    ) -> Iterator[Fault]:
        """The fault of some rows, with the first five of them; none where no row is bad.

        Args:
            check: its name.
            bad: shape (n_rows,).
            remedy: what the reader can do about it.
            column: at fault; that of the closes if not given.
            values: shape (n_rows,), to be shown; the closes if not given.
        """
        rows = np.flatnonzero(bad)
        shown = tuple(f"{self.dates[at]}: {(self.closes if values is None else values)[at]:g}" for at in rows[:5])
        if len(rows):
            yield Fault(self.where, self.column if column is None else column, check, len(rows), shown, remedy)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A series that passed the quality gate, with everything that was repaired or fallen back on.

    Attributes:
        series: the series.
        notes: one line each; empty when nothing is worth saying.
    """

    series: Series
    notes: tuple[str, ...] = ()
