"""An amount of money in one currency of a pair, and what a forecast means for it in the other. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Self

from podium.errors import SettingError
from podium.records import NextDay

WRITTEN = re.compile(r"(\d+|\d{1,3}(?:,\d{3})+)(\.\d+)? ?([A-Za-z]{3})")


@dataclass(frozen=True, slots=True)
class Amount:
    """Money.

    Attributes:
        value: positive.
        currency: three capital letters.
    """

    value: float
    currency: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `1000000 EUR` or `1,000,000.50 eur` says.

        Raises:
            SettingError: it is no amount.
        """
        found = WRITTEN.fullmatch(text.strip())
        value = float(found[1].replace(",", "") + (found[2] or "")) if found else 0.0
        if found is None or not 0 < value < math.inf:
            raise SettingError(f"--amount {text!r}: give a number above zero and a currency, such as '1000000 EUR'")
        return cls(value, found[3].upper())

    def other(self, pair: str) -> str:
        """The other currency of a pair.

        Raises:
            SettingError: this one is not of the pair.
        """
        currencies = [pair[:3], pair[3:]]
        if self.currency not in currencies:
            raise SettingError(f"amount in {self.currency}: {pair} has {' and '.join(currencies)}; give one of these")
        return currencies[1 - currencies.index(self.currency)]

    def at(self, pair: str, rate: float) -> float:
        """What it is in the other currency."""
        return self.value * rate if self.currency == pair[:3] else self.value / rate

    def ahead(self, told: NextDay) -> Mapping[str, float]:
        """In the other currency at the last `close`, at the `forecast`, and at each bound, `lower_80` and so on."""
        found = {
            name: self.at(told.pair, rate) for name, rate in (("close", told.close), ("forecast", told.forecast_rate))
        }
        for coverage in ("80", "95") if told.rates else ():
            sides = [self.at(told.pair, told.rates[f"{side}_{coverage}"]) for side in ("lower", "upper")]
            found[f"lower_{coverage}"], found[f"upper_{coverage}"] = sorted(sides)
        return found

    def told(self, ahead: NextDay, write: Callable[[date], str] = str) -> str:
        """A sentence without its full stop: the day, then what the amount may be worth on it.

        Args:
            ahead: the forecast.
            write: a day as the reader knows it.
        """
        found, other = {name: money(value) for name, value in self.ahead(ahead).items()}, self.other(ahead.pair)
        ranged = [
            f"{found[f'lower_{coverage}']} to {found[f'upper_{coverage}']} {other} on {often}"
            for coverage, often in (("80", "4 days of 5"), ("95", "19 of 20"))
            if ahead.rates
        ]
        expected = f"{found['forecast']} {other} expected, {found['close']} {other} at the last close"
        return f"{money(self.value)} {self.currency} on {write(ahead.target_date)}: {'; '.join([*ranged, expected])}"


def money(value: float) -> str:
    """`1,000,000` or `1,156,603.25`."""
    return f"{value:,.2f}".removesuffix(".00")
