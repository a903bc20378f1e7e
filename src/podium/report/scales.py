"""Where values fall on a chart, and which of them are written on its axes. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from podium.records import Dates, Floats

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
N_TICKS = 5  # about


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear scale whose ends are round numbers.

    Attributes:
        low: lower end.
        high: upper end, above `low`.
        ticks: round values from end to end.
        digits: decimal places that tell the ticks apart.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    digits: int

    def share(self, values: Floats | float) -> Floats:
        """Where values fall between the ends, 0 to 1; of the shape of `values`."""
        return np.asarray((np.asarray(values, dtype=np.float64) - self.low) / (self.high - self.low))


def round_scale(values: Sequence[Floats], tight: bool = False) -> Scale:
    """A scale over all finite values.

    Args:
        values: arrays of any length; NaN is passed over.
        tight: end at the values rather than at round numbers, ticks staying round.
    """
    finite = np.concatenate([column[np.isfinite(column)] for column in map(np.ravel, values)] or [np.zeros(0)])
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    if high - low < 1e-12 * max(1.0, abs(high)):
        low, high = low - max(abs(low), 1.0) * 0.05, high + max(abs(high), 1.0) * 0.05
    step = _round_step((high - low) / N_TICKS)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    digits += int(round(step * 10**digits, 6) % 1 != 0)
    if tight:
        pad = 0.04 * (high - low)
        low, high = low - pad, high + pad
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    else:
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        low, high = first * step, last * step
    return Scale(low, high, tuple(round(at * step, 12) for at in range(first, last + 1)), digits)


def _round_step(rough: float) -> float:
    """1, 2, 2.5 or 5 times a power of ten, at least `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if factor * power >= rough * (1 - 1e-9))


def date_ticks(dates: Dates, most: int = 8) -> list[tuple[np.datetime64, str]]:
    """Beginnings of years, quarters, months or weeks between the first date and the last, with their labels.

    Args:
        dates: shape (n_days,), increasing.
        most: how many at most.
    """
    first, last = dates[0], dates[-1]
    for months in (1, 2, 3, 6, 12, 24, 60, 120, 240):
        ticks = _month_ticks(first, last, months)
        if len(ticks) <= most:
            break
    if len(ticks) >= 3:
        return _with_years(ticks)
    n_days = int((last - first).astype(int))
    step = 7 * max(1, math.ceil(n_days / 7 / most))
    monday = first + (4 - first.astype("datetime64[D]").astype(int)) % 7  # day 4 of the epoch was a Monday
    days = np.arange(monday, last + 1, step)
    if len(days) < 2:
        days = np.unique(dates[[0, -1]])
    return _with_years([(day, f"{day.item().day} {MONTHS[day.item().month - 1]}") for day in days])


def _with_years(ticks: list[tuple[np.datetime64, str]]) -> list[tuple[np.datetime64, str]]:
    """The same, the first label and the first of each later year naming it."""
    told, last = [], ""
    for day, label in ticks:
        year = str(day.astype("datetime64[Y]"))
        told.append((day, label if year in {last, label} else f"{label} {year}"))
        last = year
    return told


def _month_ticks(first: np.datetime64, last: np.datetime64, months: int) -> list[tuple[np.datetime64, str]]:
    start = first.astype("datetime64[M]").astype(int)
    start += (-start) % months
    ticks = [np.datetime64(month, "M") for month in range(start, last.astype("datetime64[M]").astype(int) + 1, months)]
    return [(tick.astype("datetime64[D]"), _month_label(tick.item(), months)) for tick in ticks if tick >= first]


def _month_label(month: date, step: int) -> str:
    return str(month.year) if step >= 12 or month.month == 1 else MONTHS[month.month - 1]
