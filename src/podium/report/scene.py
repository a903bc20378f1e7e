"""What a report is drawn from: plain values, gathered by whoever knows where they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Protocol

import numpy as np

from podium.evaluate.economics import COST_BPS
from podium.evaluate.judgement import Judgement, Standing
from podium.records import DataVersion, Forecasts, Late, NextDay, Series, slashed
from podium.report.charts import inks_of
from podium.report.scales import MONTHS

RANDOM_WALK = "random walk"


class Entry(Protocol):
    """What the pages take from an entry of the history of titles."""

    @property
    def at(self) -> str:
        """When, UTC, ISO 8601."""

    @property
    def verdict(self) -> str:
        """One word."""

    @property
    def why(self) -> str:
        """One sentence."""

    @property
    def data_version(self) -> DataVersion | None:
        """On which it was decided."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the title now.

    Attributes:
        model_name: registered model, `EURUSD_LSTM`.
        model_version: its version.
        title: the entry of the history by which this version came to it; None where the alias was moved without one.
        taken: the entry by which its model took it; None as above.
    """

    model_name: str
    model_version: int
    title: Entry | None = None
    taken: Entry | None = None

    @property
    def verdict(self) -> str:
        """Of its entry, such as `promoted` or `rolled back`; empty without one."""
        return self.title.verdict if self.title else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that the page shows.

    Attributes:
        judgement: of the championship.
        forecasts: by family, on the scored days; a contestant whose record is lost is left out.
        series: the stored rates; None where `untold["series"]` says why.
        next_day: the champion's open forecast; None where `untold["next_day"]` says why.
        further: its open forecasts of days after that.
        untold: why something is missing, by its name: `series`, `next_day`, or a family.
        notices: lines that a reader must see first.
        holder: of the title, now; None takes the one that the championship named.
        stale: what is late of the stored rates, where that must be told first.
        aliases: held now, by registered model and version; None takes those that the championship gave.
        cost_bps: cost of changing a position by one unit, in basis points.
        written_at: when the page is made, UTC.
        versions: of the software that made it, by name.
    """

    judgement: Judgement
    forecasts: Mapping[str, Forecasts]
    series: Series | None
    next_day: NextDay | None
    written_at: datetime
    versions: Mapping[str, str]
    cost_bps: float = COST_BPS
    untold: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    notices: tuple[str, ...] = ()
    further: tuple[NextDay, ...] = ()
    holder: Holder | None = None
    stale: Late | None = None
    aliases: Mapping[tuple[str, int], str] | None = None

    @property
    def champion(self) -> tuple[str | None, int | None]:
        """Registered model and version that hold the title, as far as a championship did not stop before giving it."""
        if self.holder is None or self.judgement.refused:
            return self.judgement.champion, self.judgement.champion_version
        return self.holder.model_name, self.holder.model_version

    @property
    def moved(self) -> Holder | None:
        """The holder of the title where it is another than the championship named."""
        named = (self.judgement.champion, self.judgement.champion_version)
        return self.holder if self.champion != named else None

    @property
    def leader(self) -> Standing:
        """Whom the page is about: who holds the title, or the first in rank where no alias was given."""
        ranking = self.judgement.ranking
        same = (row for row in ranking if (row.model_name, row.model_version) == self.champion)
        named = (row for row in ranking if row.model_name == self.champion[0])
        return next(same, next(named, ranking[0]))

    @property
    def absent(self) -> str:
        """The holder of the title where it did not take part, so that no figure is about it; else empty."""
        name, version = self.champion
        took_part = any((row.model_name, row.model_version) == (name, version) for row in self.judgement.ranking)
        return "" if took_part or name is None or self.judgement.refused else f"{name} v{version}"

    def alias_of(self, row: Standing) -> str:
        """What a contestant holds; empty for nothing."""
        if self.aliases is None:
            return row.alias or ""
        return self.aliases.get((row.model_name, row.model_version), "")

    @property
    def told_cost(self) -> str:
        """`1 basis point`."""
        return f"{self.cost_bps:g} basis point{'' if self.cost_bps == 1 else 's'}"

    @property
    def proven(self) -> bool:
        """Whether the champion beats the random walk on the scored days; never of one under suspicion."""
        if self.judgement.leaks or not self.moved:
            return self.judgement.proven and not self.judgement.leaks
        p_value = self.leader.skill.diebold_mariano.p_value
        return not self.absent and p_value is not None and p_value <= self.judgement.alpha_needed

    @property
    def equals_walk(self) -> bool:
        """Whether the leader makes the random walk's own forecast, every day."""
        return self.leader.skill.r2_oos == 0 and self.leader.skill.diebold_mariano.p_value is None

    @property
    def suspects(self) -> list[str]:
        """Contestants that the sentinel suspects, in rank order."""
        named = {found.contestant for found in self.judgement.leaks}
        return [row.family for row in self.judgement.ranking if row.family in named]

    @property
    def pair(self) -> str:
        """`EUR/USD`."""
        return slashed(self.judgement.pair)

    @property
    def inks(self) -> dict[str, str]:
        """A colour for each contestant."""
        return inks_of(row.family for row in self.judgement.ranking)

    @property
    def names(self) -> list[str]:
        """Contestants whose forecasts are here, in rank order."""
        return [row.family for row in self.judgement.ranking if row.family in self.forecasts]


def told_day(day: str | date | np.datetime64) -> str:
    """`2 Nov 2026`, with no word of this machine's language."""
    year, month, number = str(day)[:10].split("-")
    return f"{int(number)} {MONTHS[int(month) - 1]} {year}"


def listed(words: list[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
