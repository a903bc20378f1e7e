"""What a report is drawn from: plain values, gathered by whoever knows where they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType

import numpy as np

from podium.evaluate.economics import COST_BPS
from podium.evaluate.judgement import Judgement, Standing
from podium.records import Floats, Forecasts, NextDay, Series
from podium.report.charts import inks_of
from podium.report.scales import MONTHS

RANDOM_WALK = "random walk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that the page shows.

    Attributes:
        judgement: of the championship.
        forecasts: by family, on the scored days; a contestant whose record is lost is left out.
        series: the stored rates; None where `untold["series"]` says why.
        next_day: the champion's open forecast; None where `untold["next_day"]` says why.
        untold: why something is missing, by its name: `series`, `next_day`, or a family.
        notices: lines that a reader must see first.
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

    @property
    def leader(self) -> Standing:
        """Whom the page is about: the champion, or the first in rank where no alias moved."""
        judgement = self.judgement
        named = (row for row in judgement.ranking if row.model_name == judgement.champion)
        return judgement.leader or next(named, judgement.ranking[0])

    @property
    def absent(self) -> str:
        """The holder of the title where it did not take part, so that no figure is about it; else empty."""
        judgement = self.judgement
        if judgement.leader is not None or judgement.champion is None or judgement.verdict == "leak":
            return ""
        return f"{judgement.champion} v{judgement.champion_version}"

    @property
    def alpha_needed(self) -> float:
        """What a p-value must not exceed: the alpha over the recipes tried, since the best of several is lucky."""
        return self.judgement.alpha_needed

    @property
    def proven(self) -> bool:
        """Whether the champion beats the random walk on the scored days; never of one under suspicion."""
        return self.judgement.proven and not self.judgement.leaks

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
        return f"{self.judgement.pair[:3]}/{self.judgement.pair[3:]}"

    @property
    def inks(self) -> dict[str, str]:
        """A colour for each contestant."""
        return inks_of(row.family for row in self.judgement.ranking)

    @property
    def names(self) -> list[str]:
        """Contestants whose forecasts are here, in rank order."""
        return [row.family for row in self.judgement.ranking if row.family in self.forecasts]

    def close_at(self, days: np.ndarray) -> Floats:
        """Rates at these days, shape (n_days,); NaN where the stored series has none."""
        if self.series is None:
            return np.full(len(days), np.nan)
        rows = np.searchsorted(self.series.dates, days).clip(max=len(self.series) - 1)
        return np.where(self.series.dates[rows] == days, self.series.closes[rows], np.nan)


def told_day(day: str | date | np.datetime64) -> str:
    """`2 Nov 2026`, with no word of this machine's language."""
    year, month, number = str(day)[:10].split("-")
    return f"{int(number)} {MONTHS[int(month) - 1]} {year}"


def listed(words: list[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
