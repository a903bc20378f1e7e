"""Takes from the service what a page shows. Files and forecasts that cannot change are read and made once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from podium.errors import PodiumError
from podium.evaluate.judgement import Judgement
from podium.records import Forecasts, Interval, NextDay
from podium.registry.entities import JUDGEMENT_TAG
from podium.registry.history import Title, crowned, taken
from podium.registry.log_items import FORECASTS, read_forecasts
from podium.report.scene import Holder, Scene
from podium.serve.dashboard.live_comparisons import LiveComparisons
from podium.serve.dashboard.state import PairState
from podium.serve.hotswap.artifacts import RUN
from podium.serve.hotswap.lineup import Lineup, ServedModel
from podium.serve.hotswap.scorer import Scorer
from podium.serve.web.market import Close
from podium.serve.web.next_day import next_day, why_no_interval
from podium.serve.web.service import Service


@dataclass(frozen=True, slots=True)
class _Said:
    """A forecast that need not be made again while model, close and range stay."""

    scorer: Scorer
    given: tuple[Close, Interval | None]
    next_day: NextDay


@dataclass(slots=True)
class Gatherer:
    """Reads and remembers for the pages of one service; call it in a thread, one call at a time.

    Attributes:
        service: models, stored closes.
        live: reads the ledger.
    """

    service: Service
    live: LiveComparisons
    _forecasts: dict[str, Forecasts] = field(default_factory=dict)
    _said: dict[str, _Said] = field(default_factory=dict)
    _judgements: dict[str, Judgement | None] = field(default_factory=dict)

    def pair(self, lineup: Lineup) -> PairState:
        """Everything that is known of one pair now."""
        close = self.service.market.known(lineup.pair)
        judgement = self._judgement(lineup)
        told, untold = self._next_day(lineup, close)
        titles = tuple(Title.from_dict(title) for title in lineup.titles)
        return PairState(
            lineup=lineup,
            scene=self._scene(lineup, judgement, titles) if judgement and judgement.ranking else None,
            titles=titles,
            close=close,
            next_day=told,
            untold=untold,
            past=self._past(lineup.champion),
            live=self.live.of(lineup),
            now=datetime.now(UTC),
        )

    def forget(self) -> None:
        """Let go of what belongs to models that are out of service."""
        models = [model for lineup in self.service.swapper.lineups.values() for model in lineup.arms.values()]
        for known, kept in (
            (self._forecasts, {model.card.folder for model in models}),
            (self._judgements, {model.card.tags.get(JUDGEMENT_TAG, "") for model in models}),
            (self._said, set(self.service.swapper.lineups)),
        ):
            for key in [key for key in known if key not in kept]:
                del known[key]

    def _judgement(self, lineup: Lineup) -> Judgement | None:
        """The last championship that any model of the podium carries, the champion's where two are as late."""
        texts = [model.card.tags.get(JUDGEMENT_TAG, "") for model in lineup.arms.values()]
        for text in texts:
            if text not in self._judgements:
                self._judgements[text] = _parsed(text)
        found = [judgement for text in texts if (judgement := self._judgements[text]) is not None]
        return max(found, key=lambda judgement: judgement.data_version.last_day, default=None)

    def _scene(self, lineup: Lineup, judgement: Judgement, titles: tuple[Title, ...]) -> Scene:
        """The championship as the report draws it, with the records of those of its runs that hold a rank now."""
        runs = {model.card.run_id: model for model in lineup.arms.values()}
        found = {
            row.family: rows
            for row in judgement.ranking
            if row.run_id in runs and (rows := self._past(runs[row.run_id])) is not None
        }
        champion, uri = lineup.champion.card, lineup.champion.uri
        days = next(iter(found.values())).origins if found else np.zeros(0, "datetime64[D]")
        return Scene(
            judgement=judgement,
            forecasts={name: rows for name, rows in found.items() if np.array_equal(rows.origins, days)},
            series=None,
            next_day=None,
            written_at=datetime.now(UTC),
            versions={},
            holder=Holder.of(champion.name, champion.version, crowned(titles, uri), taken(titles, uri)),
            aliases={(model.card.name, model.card.version): arm for arm, model in lineup.arms.items()},
        )

    def _past(self, model: ServedModel) -> Forecasts | None:
        place = model.card.folder
        if place not in self._forecasts:
            try:
                content = (self.service.config.cache / place / RUN / FORECASTS).read_bytes()
                self._forecasts[place] = read_forecasts(content)
            except (OSError, PodiumError):
                return None
        return self._forecasts[place]

    def _next_day(self, lineup: Lineup, close: Close | None) -> tuple[NextDay | None, str]:
        if close is None:
            return None, "There are no stored rates; `podium ingest` brings them."
        card, scorer = lineup.champion.card, lineup.champion.scorer
        given = (close, card.interval)
        said = self._said.get(lineup.pair)
        if said is None or said.scorer is not scorer or said.given[0] is not close or said.given[1] != given[1]:
            try:
                forecast = float(scorer.score(close.row(card.features))[0])
                said = _Said(scorer, given, next_day(card, close, forecast))
            except PodiumError as error:
                return None, f"The champion does not forecast the next day: {error}."
            self._said[lineup.pair] = said
        return said.next_day, why_no_interval(card, close) or ""


def _parsed(text: str) -> Judgement | None:
    try:
        return Judgement.from_json(text)
    except ValueError:
        return None
