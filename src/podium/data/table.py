"""What a source hands to the quality gate, and what the gate hands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from podium.records import Dates, Floats, Series


@dataclass(frozen=True, slots=True)
class RawTable:
    """Rates as a source found them: any order, not yet examined.

    Attributes:
        pair: six capital letters, `EURUSD`.
        dates: shape (n_rows,), `datetime64[D]`.
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


@dataclass(frozen=True, slots=True)
class Fetched:
    """A series that passed the quality gate, with everything that was repaired or fallen back on.

    Attributes:
        series: the series.
        notes: one line each; empty when nothing is worth saying.
    """

    series: Series
    notes: tuple[str, ...] = ()
