"""What a source hands to the quality gate, the gate's limits, and what it hands on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from podium.errors import Fault
from podium.records import Dates, Floats, Series

MAX_GAP_DAYS = 14


@dataclass(frozen=True, slots=True)
class Limits:
    """What counts as plausible.

    Attributes:
        min_days: fewest days of history.
        max_gap_days: most calendar days between two neighbouring days; real markets close for up to 11.
        max_factor: most that a price may change by in one day, up or down, as a factor; the live ECB
            crosses reach 1.37 (TRY, 2021), Argentina's devaluation of 2023 2.2, a decimal slip 10.
        max_spike: largest log return that may be undone the next day; the ECB crosses reach 0.106 (2008).
        max_rounding: largest step that prices are rounded to, in standard deviations of a day's move; EUR/DKK has 0.09.
        max_still_days: days with the same price that are always plausible.
        max_pegged_days: days with the same price that are plausible beside a peg, where they are frequent.
        pegged_share: share of unchanged days around a still run from which the price counts as pegged.
        last_day: no rate is of a later day; None where any day will do.
    """

    min_days: int = 284
    max_gap_days: int = MAX_GAP_DAYS
    max_factor: float = 3.0
    max_spike: float = 0.15
    max_rounding: float = 0.5
    max_still_days: int = 10
    max_pegged_days: int = 60
    pegged_share: float = 0.10
    last_day: np.datetime64 | None = None


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
