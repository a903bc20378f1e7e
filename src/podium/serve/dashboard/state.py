"""What a page is made from: plain values, taken from the service at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from podium.evaluate.judgement import Judgement
from podium.records import Forecasts, Late, NextDay
from podium.registry.history import Title, crowned
from podium.report.scene import Scene
from podium.serve.dashboard.live_comparisons import Live
from podium.serve.hotswap.lineup import Lineup
from podium.serve.web.closes import Close


@dataclass(frozen=True, slots=True, kw_only=True)
class PairState:
    """One pair, as it is served now.

    Attributes:
        lineup: models in service.
        scene: of the last championship, as the report draws it; None where the models carry none that can be read.
        close: the newest stored close; None without any.
        next_day: the champion's forecast of the next business day; None where `untold` says why.
        further: its forecasts of days after that which were made from this close.
        untold: one sentence where the forecast or its interval is missing; else empty.
        past: the champion's own out-of-sample forecasts; None where its run is lost.
        live: of the ledger.
        stale: what is late of the stored rates, where that must be told first.
        now: UTC.
    """

    lineup: Lineup
    scene: Scene | None
    close: Close | None
    next_day: NextDay | None
    untold: str
    past: Forecasts | None
    live: Live
    now: datetime
    stale: Late | None = None
    further: Sequence[NextDay] = ()

    @property
    def judgement(self) -> Judgement | None:
        """Of the last championship."""
        return self.scene.judgement if self.scene else None

    @property
    def crowned(self) -> Title | None:
        """The entry of the history by which the champion came to its title; None where the alias was moved since."""
        return crowned(self.lineup.titles, self.lineup.champion.card.pinned_uri)
