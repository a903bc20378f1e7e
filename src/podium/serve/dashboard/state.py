"""What a page is made from: plain values, taken from the service at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from podium.evaluate.judgement import Judgement, Standing
from podium.records import Forecasts
from podium.registry.titles import Title
from podium.report.scene import Scene
from podium.serve.dashboard.live import Live
from podium.serve.hotswap.lineup import Lineup, ServedModel
from podium.serve.web.market import Close


@dataclass(frozen=True, slots=True)
class Ahead:
    """The champion's forecast of the next business day, in rates.

    Attributes:
        close: the newest stored close, from which it was made.
        rate: forecast rate.
        change: forecast log return.
        bounds: rates by `lower_80` and so on; None where there is no range.
        why_no_range: one sentence where there is none.
    """

    close: Close
    rate: float
    change: float
    bounds: Mapping[str, float] | None
    why_no_range: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairState:
    """One pair, as it is served now.

    Attributes:
        lineup: models in service.
        scene: of the last championship, as the report draws it; None where the models carry none that can be read.
        moved: whether the champion is another version than the one that the championship named.
        titles: history, oldest first.
        close: the newest stored close; None without any.
        ahead: the next day; None where `why_not_ahead` says why.
        why_not_ahead: one sentence.
        past: the champion's own out-of-sample forecasts; None where its run is lost.
        live: of the ledger.
        now: UTC.
    """

    lineup: Lineup
    scene: Scene | None
    moved: bool
    titles: tuple[Title, ...]
    close: Close | None
    ahead: Ahead | None
    why_not_ahead: str
    past: Forecasts | None
    live: Live
    now: datetime

    @property
    def judgement(self) -> Judgement | None:
        """Of the last championship."""
        return self.scene.judgement if self.scene else None

    @property
    def crowned(self) -> Title | None:
        """The entry of the history by which the champion came to its title; None where the alias was moved since."""
        last = next((title for title in reversed(self.titles) if title.alias == "champion"), None)
        return last if last is not None and last.pinned_uri == self.lineup.champion.uri else None

    def standing(self, model: ServedModel) -> Standing | None:
        """What the last championship says of a version; None where it did not take part."""
        ranking = self.judgement.ranking if self.judgement else ()
        key = (model.card.name, model.card.version)
        return next((row for row in ranking if (row.model_name, row.model_version) == key), None)
