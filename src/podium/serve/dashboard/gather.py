"""Takes from the service what a page shows. What cannot change is read once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np

from podium.errors import PodiumError
from podium.evaluate.judgement import Judgement
from podium.records import Forecasts, NextDay
from podium.registry.history import crowned, taken
from podium.registry.log_items import FORECASTS, read_forecasts
from podium.report.scene import Holder, Scene
from podium.serve.dashboard.live_comparisons import LiveComparisons
from podium.serve.dashboard.state import PairState
from podium.serve.hotswap.fetched import RUN
from podium.serve.hotswap.lineup import Lineup, ServedModel
from podium.serve.hotswap.manifest import judgement_file
from podium.serve.web.closes import Close, Closes
from podium.serve.web.next_day import bring_interval, next_day, why_no_interval

REMEMBERED = 64  # records and judgements: those of twenty pairs


@dataclass(frozen=True, slots=True)
class Gatherer:
    """Reads for the pages of one service; call it in a thread.

    Attributes:
        cache: folder of the models served.
        closes: stored closes.
        live: reads the ledger.
    """

    cache: Path
    closes: Closes
    live: LiveComparisons

    def pair(self, lineup: Lineup) -> PairState:
        """Everything that is known of one pair now."""
        close = self.closes.known(lineup.pair)
        judgement = _judgement(lineup, self.cache)
        told, untold = _next_day(lineup.champion, close)
        return PairState(
            lineup=lineup,
            scene=self._scene(lineup, judgement) if judgement and judgement.ranking else None,
            close=close,
            next_day=told,
            untold=untold,
            past=self._past(lineup.champion),
            live=self.live.of(lineup),
            now=datetime.now(UTC),
            stale=self.closes.stale(lineup.pair),
            further=self.closes.ahead(lineup.champion.card, close) if close else (),
        )

    def _scene(self, lineup: Lineup, judgement: Judgement) -> Scene:
        """The championship as the report draws it, with the records of those of its runs that hold an alias now."""
        runs = {model.card.run_id: model for model in lineup.arms.values()}
        found = {
            row.family: rows
            for row in judgement.ranking
            if row.run_id in runs and (rows := self._past(runs[row.run_id])) is not None
        }
        champion = lineup.champion.card
        titles, uri = lineup.titles, champion.pinned_uri
        days = next(iter(found.values())).origins if found else np.zeros(0, "datetime64[D]")
        return Scene(
            judgement=judgement,
            forecasts={name: rows for name, rows in found.items() if np.array_equal(rows.origins, days)},
            series=None,
            next_day=None,
            written_at=datetime.now(UTC),
            versions={},
            holder=Holder(champion.name, champion.version, crowned(titles, uri), taken(titles, uri)),
            aliases={(model.card.name, model.card.version): arm for arm, model in lineup.arms.items()},
        )

    def _past(self, model: ServedModel) -> Forecasts | None:
        try:
            return _recorded(self.cache / model.card.folder / RUN / FORECASTS)
        except (OSError, PodiumError):
            return None


def _next_day(model: ServedModel, close: Close | None) -> tuple[NextDay | None, str]:
    if close is None:
        return None, "There are no stored rates; `podium ingest` brings them."
    card = model.card
    try:
        bring_interval(model, close)
        forecast = float(model.scorer.score(close.row(card.features))[0])
        return next_day(card, close, forecast), why_no_interval(card, close) or ""
    except PodiumError as error:
        return None, f"The champion does not forecast the next day: {error}."


def _judgement(lineup: Lineup, cache: Path) -> Judgement | None:
    """The last championship that any model of the podium carries, the champion's where two are as late."""
    paths = [path for model in lineup.arms.values() if (path := judgement_file(cache, model.card.tags)) is not None]
    known = [judgement for path in paths if (judgement := _told(path)) is not None]
    return max(known, key=lambda judgement: judgement.data_version.last_day, default=None)


def _told(path: Path) -> Judgement | None:
    try:
        return _parsed(path)
    except (OSError, ValueError):
        return None


@lru_cache(REMEMBERED)
def _parsed(path: Path) -> Judgement:
    """A judgement, in a file that is named after what it says and never changes."""
    return Judgement.from_json(path.read_text(encoding="utf-8"))


@lru_cache(REMEMBERED)
def _recorded(path: Path) -> Forecasts:
    """A run's record, which lies under a seal and never changes."""
    return read_forecasts(path.read_bytes())
