"""The gate of identity: whether a series is the pair it is called, by the ECB's own rates of the same days.

They come with the installation, so no network is asked. Other providers fix their rates at another hour, a fraction of
a day's move away; another pair, an inverse, a factor or another day lies far outside of that. The limits and what was
measured for them stand in docs/decisions/0012-a-series-is-what-it-says.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from podium.data.sources.ecb_table import BASE, EcbTable
from podium.data.table import RawTable
from podium.errors import Fault
from podium.records import Floats

FEWEST_DAYS = 20  # in common with the ECB, to be checked at all
MOST_OFF, MOST_SPREAD = 0.01, 0.015  # medians of log ratios
FAR, FAR_SPREADS, MOST_FAR = 0.03, 12, 0.01  # a log ratio that is no other hour's; the share of days that may have it
MOST_SHIFTED = 0.6  # distance from another day's rate over that from the same day's
MOST_SMOOTH = 0.4  # autocorrelation of daily returns beyond the ECB's own
CLEAR = 0.003  # distance below which no other pair is looked for
SAMPLE = 400  # days, the last ones, by which a pair is looked for among all


@dataclass(frozen=True, slots=True)
class Likeness:
    """How a series compares with a pair of the ECB.

    Attributes:
        pair: six capital letters.
        off: median of the log of series over pair.
        spread: median distance from it.
    """

    pair: str
    off: float
    spread: float

    @classmethod
    def of(cls, pair: str, gap: Floats) -> Likeness:
        """From log ratios, shape (n_days,)."""
        off = float(np.median(gap))
        return cls(pair, off, float(np.median(np.abs(gap - off))))

    @property
    def power(self) -> int:
        """The power of ten that comes nearest to series over pair."""
        return round(self.off / float(np.log(10)))

    @property
    def distance(self) -> float:
        """From that power of ten, all in all."""
        return abs(self.off - self.power * float(np.log(10))) + self.spread

    @property
    def fits(self) -> bool:
        """Whether the series is the pair, or a power of ten of it."""
        return self.distance - self.spread <= MOST_OFF and self.spread <= MOST_SPREAD

    @property
    def told(self) -> str:
        """`this is GBPUSD`, `this is 100 times EURJPY`."""
        times = "" if not self.power else f"{10.0**self.power:g} times "
        return f"this is {times}{self.pair}"


def identify(table: RawTable, ecb: EcbTable) -> tuple[tuple[Fault, ...], tuple[str, ...]]:
    """What contradicts the name of a series that passed the other gates, and what else should be told.

    Args:
        table: dates strictly increasing, closes positive.
        ecb: all that the ECB quotes.
    """
    base, quote = table.pair[:3], table.pair[3:]
    logs, closes = _log_rates(table, ecb), np.log(table.closes)
    rates = logs[quote] - logs[base] if {base, quote} <= {*logs} else np.full(len(table), np.nan)
    days = np.flatnonzero(np.isfinite(rates))
    if len(days) < FEWEST_DAYS:
        return _unchecked(table, ecb, nearest(closes, logs))
    own = Likeness.of(table.pair, (closes - rates)[days])
    found = own if own.fits and own.distance < CLEAR else nearest(closes, logs) or own
    if found.pair != own.pair or found.power or not found.fits:
        return (_other_level(table, rates, days, own, found),), ()
    return (*_days_apart(table, rates, days), *_order(table, closes[days], rates[days])), ()


def nearest(closes: Floats, logs: Mapping[str, Floats]) -> Likeness | None:
    """The pair that a series is, or is a power of ten of; None where the ECB quotes none like it.

    Args:
        closes: logs of the series, shape (n_days,).
        logs: log units per euro by currency, each of shape (n_days,), NaN where the ECB gave none.
    """
    recent = np.flatnonzero(np.isfinite(logs["USD"]))[-SAMPLE:]
    if len(recent) < FEWEST_DAYS:
        return None
    quoted = {code: rates[recent] for code, rates in logs.items() if np.isfinite(rates[recent]).all()}
    alike = []
    for base, quote in permutations(quoted, 2):
        rates = quoted[quote] - quoted[base]
        one = Likeness.of(base + quote, closes[recent] - rates)
        if one.fits and one.spread <= 1.5 * np.median(np.abs(np.diff(rates))):  # day by day, and not by chance
            alike.append(one)
    return min(alike, key=lambda one: one.distance + CLEAR * bool(one.power), default=None)


def _log_rates(table: RawTable, ecb: EcbTable) -> dict[str, Floats]:
    """Log units per euro by currency on the days of the series, NaN where the ECB gave none."""
    _, here, there = np.intersect1d(table.dates, ecb.dates, assume_unique=True, return_indices=True)
    logs = {}
    for code in (BASE, *ecb.columns):
        logs[code] = np.full(len(table), np.nan)
        logs[code][here] = np.log(ecb.rates(code)[there])
    return logs


def _unchecked(table: RawTable, ecb: EcbTable, found: Likeness | None) -> tuple[tuple[Fault, ...], tuple[str, ...]]:
    span = f"the ECB's rates go from {ecb.dates[0]} to {ecb.last_day}"
    if found:
        remedy = f"{found.told}; take --pair {found.pair}, or the right file"
        return (Fault(table.where, table.column, "other_level", len(table), (), remedy),), ()
    if {table.pair[:3], table.pair[3:]} <= {BASE, *ecb.live()}:
        remedy = f"{span}, so nothing says that this is {table.pair}; give it a name of its own with --pair"
        return (Fault(table.where, table.column, "unchecked_level", len(table), (), remedy),), ()
    return (), (
        f"{table.where}: the ECB does not quote {table.pair}, so nothing checks that this series is what it says",
    )


def _other_level(table: RawTable, rates: Floats, days: np.ndarray, own: Likeness, found: Likeness) -> Fault:
    shown = tuple(f"{table.dates[at]}: {table.closes[at]:g}, the ECB has {np.exp(rates[at]):g}" for at in days[-3:])
    if not found.fits:
        times = f"{np.exp(own.off):,.0f}" if own.off > np.log(100) else f"{np.exp(own.off):.3g}"
        remedy = f"about {times} times {own.pair} and no pair that the ECB quotes; take the right file, or "
        remedy += "give the series a name of its own with --pair"
    elif found.pair == own.pair:
        remedy = f"{found.told}; take rates for one unit"
    else:
        remedy = f"{found.told}; take --pair {found.pair}, or the right file"
    return Fault(table.where, table.column, "other_level", len(days), shown, remedy)


def _days_apart(table: RawTable, rates: Floats, days: np.ndarray) -> Iterator[Fault]:
    """A file of two pairs, or of rates on wrong days, is far away on some of them."""
    gap = np.abs(np.log(table.closes) - rates)
    apart = np.flatnonzero(gap > max(FAR, FAR_SPREADS * float(np.median(gap[days]))))
    if len(apart) > MOST_FAR * len(days):
        shown = tuple(f"{table.dates[at]}: {table.closes[at]:g}, the ECB has {np.exp(rates[at]):g}" for at in apart[:5])
        remedy = f"far from the ECB's {table.pair} of the same day; correct these rows"
        yield Fault(table.where, table.column, "differing_days", len(apart), shown, remedy)


def _order(table: RawTable, closes: Floats, rates: Floats) -> Iterator[Fault]:
    """Closes belong to their own days: not those of the days beside, nor an average over several."""
    away = {ahead: _distance(closes, rates, ahead) for ahead in (0, -3, -2, -1, 1, 2, 3)}
    ahead = min(away, key=lambda at: away[at])
    if away[ahead] < MOST_SHIFTED * away[0]:
        days = f"{abs(ahead)} day{'s' * (abs(ahead) > 1)} {'later' if ahead > 0 else 'before'}"
        remedy = f"each close is that of {days} at the ECB; correct the days"
        yield Fault(table.where, table.column, "shifted_days", len(closes), (), remedy)
    elif _smoothness(closes) - _smoothness(rates) > MOST_SMOOTH:
        remedy = (
            "each close holds part of those beside it, as averages and interpolated rates do; take the rates as quoted"
        )
        yield Fault(table.where, table.column, "smoothed", len(closes), (), remedy)


def _distance(closes: Floats, rates: Floats, ahead: int) -> float:
    """Mean distance of closes from the rates so many days ahead."""
    n = len(closes)
    gap = closes[max(0, -ahead) : n - max(0, ahead)] - rates[max(0, ahead) : n - max(0, -ahead)]
    return float(np.mean(np.abs(gap - np.median(gap))))


def _smoothness(logs: Floats) -> float:
    returns = np.diff(logs)
    total = float(np.sum(returns**2))
    return float(np.sum(returns[1:] * returns[:-1])) / total if total else 0.0
