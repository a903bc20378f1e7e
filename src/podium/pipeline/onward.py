"""A championship between two trainings: the days that came since are forecast and judged; nothing is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Unpack

import numpy as np

from podium.data.store import data_version, load_series
from podium.errors import MissingError, UntrainedError
from podium.evaluate.judgement import Judgement
from podium.evaluate.ranking import rank
from podium.evaluate.walkforward import ScoredRows
from podium.features import build_features
from podium.pipeline.approval import rejected
from podium.pipeline.contest import Note, Overrides, approval_from, conclude, evaluate, kept_why, must_go_on, pin_of
from podium.pipeline.judge import Case
from podium.pipeline.prepare import series_path
from podium.pipeline.recipe import tries
from podium.pipeline.record import Onward, go_on, is_whole
from podium.records import CHAMPION, FeatureTable, RunRecord, Series, VersionRecord, pinned_uri
from podium.registry import judgements
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings


@dataclass(frozen=True, slots=True)
class Standings:
    """Everybody in the championship behind the champion, at the last day of the series.

    Attributes:
        champion: who holds the alias.
        carried: the judgement of that championship, or of the last day that was judged.
        versions: of everybody whose files are there, by family.
        onward: how each stands now, by family.
        runs: all that took part then, for the count of tries.
        series: up to the last day.
        table: of that series.
        departure: what is other on purpose than in the series that the title was decided on; empty where it goes on.
    """

    champion: VersionRecord
    carried: Judgement
    versions: Mapping[str, VersionRecord]
    onward: Mapping[str, Onward]
    runs: tuple[RunRecord, ...]
    series: Series
    table: FeatureTable
    departure: str


def stand(store: MlflowStore, series: Series, note: Note = lambda line: None, change_source: bool = False) -> Standings:
    """Let everybody in the last championship forecast the days that came since, and the next.

    Args:
        store: of the pair.
        series: up to the day that is meant.
        note: told whose files are gone.
        change_source: let the title move to another series on purpose.

    Raises:
        MissingError: there is no champion, or no judgement behind it that can go on.
        DataError: the series is not the one that the title was decided on, up to the same day or later.
    """
    champion = store.champion()
    carried = judgements.carried(store, champion)
    if carried is None:
        raise MissingError(f"{champion.pinned_uri} carries no championship that could go on; run `podium run`")
    table = build_features(series, store.settings.n_lags, data_version(series))
    departure = must_go_on(store, champion, carried, series, change_source)
    known = {version.pinned_uri: version for version in store.versions()}
    places = {pinned_uri(row.model_name, row.model_version): row for row in carried.ranking}
    held = {
        row.run_id: known[uri] for uri, row in places.items() if uri in known and _is_there(store, known[uri], note)
    }
    one = next(iter(held.values()), None)
    if one is None or one.data_version is None:
        raise MissingError(f"nobody in the last championship of {champion.pair} has files; run `podium run`")
    runs = store.completed_runs(one.data_version, one.tags.get("scored_days", ""))
    competing = [(held[run.run_id], run) for run in runs if run.run_id in held]
    return Standings(
        champion=champion,
        carried=carried,
        versions={version.family: version for version, _ in competing},
        onward=go_on(store, competing, series, table),
        runs=tuple(runs),
        series=series,
        table=table,
        departure=departure,
    )


def evaluate_or_go_on(settings: Settings, note: Note = lambda line: None, **overrides: Unpack[Overrides]) -> Judgement:
    """`evaluate`; where the stored rates only go on from those that were trained on, the last championship does.

    Args and errors: see `podium.pipeline.contest.evaluate`.
    """
    try:
        return evaluate(settings, note, **overrides)
    except UntrainedError:
        store, series = MlflowStore(settings), load_series(series_path(settings))
        champion = next((holder for holder in store.holders() if CHAMPION in holder.aliases), None)
        trained_on = champion.data_version if champion else None
        if overrides.get("without") or trained_on is None or series.dates[-1] <= trained_on.last_day:
            raise
    standings = stand(store, series, note, overrides.get("change_source", False))
    note(f"nobody has been trained on {standings.table.data_version}; the versions trained on {trained_on} go on")
    return judge_onward(store, standings, note, **overrides)


def judge_onward(
    store: MlflowStore, standings: Standings, note: Note = lambda line: None, **overrides: Unpack[Overrides]
) -> Judgement:
    """Judge the whole record up to the last day, and give the aliases by the policy; no version is made.

    Doing it again on the same day changes nothing.

    Args:
        store: of the pair.
        standings: everybody at that day.
        note: told what was not as it should be in the registry.
        **overrides: see `podium.pipeline.contest.Overrides`; who was accepted before stays so.
    """
    settings, table, carried = store.settings, standings.table, standings.carried
    accepted = [found.contestant for found in carried.leaks if carried.leak_accepted]
    runs = rank(found.run for found in standings.onward.values())
    records = {family: found.record for family, found in standings.onward.items()}
    first = records[runs[0].family].forecasts.origins[0]
    with store.turn():
        champion, titles, attempts = store.champion(), store.titles(), store.attempts()
        case = Case(
            series=standings.series,
            table=table,
            days=ScoredRows(int(np.searchsorted(table.origins, first)), len(table) - 1),
            runs=runs,
            tries=tries(standings.runs, attempts),
            attempts=attempts,
            previous={},
            titles=titles,
            accepted=frozenset(records if overrides.get("accept_leak") else accepted),
            champion=champion,
            kept_why=kept_why(settings, champion, runs, None if overrides.get("unpin") else pin_of(titles, champion)),
            approval_from=approval_from(settings, champion),
            rejected=rejected(settings, titles),
            departure=standings.departure,
        )
        return conclude(store, case, carried, standings.versions, records=lambda: records, note=note)


def _is_there(store: MlflowStore, version: VersionRecord, note: Note) -> bool:
    whole = is_whole(store, version.pinned_uri, version.run_id)
    if not whole:
        note(f"{version.pinned_uri} has lost its files, and stands still until the next training")
    return whole
