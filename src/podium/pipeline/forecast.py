"""The champion's forecast from the newest stored series, with its interval."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from podium.data.calendar import calendar_of, n_business_days, next_business_day, stale
from podium.data.continuity import same_outcomes
from podium.data.days_ahead import keep_ahead, read_ahead
from podium.data.store import data_version, load_series
from podium.data.timing import WEEKDAYS
from podium.errors import MissingError, SettingError
from podium.evaluate.contributions import Change, Contributions, Model, change, contributions
from podium.evaluate.density import coverage_by_year
from podium.evaluate.horizons import believed_volatility
from podium.evaluate.intervals import IntervalForecast, interval_forecast, interval_now, next_day
from podium.evaluate.walkforward import ScoredRows, at_horizon
from podium.features import build_features, frame
from podium.pipeline.combine import walk
from podium.pipeline.prepare import series_path
from podium.pipeline.recipe import as_trained
from podium.pipeline.record import answers, read_walked
from podium.pipeline.walk_cache import shared_walk
from podium.records import CHAMPION, FeatureTable, Floats, Forecasts, Interval, NextDay, Series, VersionRecord
from podium.registry.judgements import Told
from podium.registry.log_items import NEXT_DAY, RECIPE, read_interval
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings
from podium.settings.kinds import MAX_HORIZON

UNTESTED = "championships test forecasts of the next day; whether those further ahead know a direction is not tested"


def forecast(settings: Settings, horizons: Sequence[int] = (1,), store: MlflowStore | None = None) -> list[NextDay]:
    """The champion's forecast for each horizon, from the newest stored series.

    The next day is forecast by the registered champion. Further days are direct forecasts: the champion's recipe,
    as its run recorded it, walks forward on the return over so many days, which also calibrates its interval. They are
    kept until rates or champion change, so that this verb, server, page and report tell the same and fit once.

    Args:
        settings: pair, addresses and folders.
        horizons: trading days ahead.
        store: of these settings, where one is open.

    Raises:
        SettingError: a horizon is not between 1 and 60 days.
        MissingError: there is no champion or no series yet.
        RegistryError: the champion's files cannot be used.
    """
    for horizon in horizons:
        if not 1 <= horizon <= MAX_HORIZON:
            raise SettingError(f"horizon {horizon}: it must be between 1 and {MAX_HORIZON} trading days")
    scene = _Scene.now(settings, store)
    late, (kept, made) = stale(settings, scene.table.data_version), scene.further({*horizons} - {1})
    found = {told.horizon: told for told in [*kept, *made]}
    return [dataclasses.replace(found.get(horizon) or scene.forecast(1), stale=late) for horizon in horizons]


def forecast_ahead(settings: Settings) -> list[NextDay]:
    """The champion's forecasts of the further days that are set, where they are not kept yet; see `forecast`."""
    return _Scene.now(settings).further(settings.horizons)[1]


def why(settings: Settings) -> tuple[Change, Contributions | None]:
    """What moved the champion's forecast of the next day since the day before, and of which parts it is made.

    The day before is forecast by whoever held the title by then; where nobody did, by the champion.

    Returns:
        The change, and the parts; None of a model that is not affine.

    Raises:
        MissingError: there is no champion or no series yet.
        RegistryError: a model's files cannot be used.
    """
    return _Scene.now(settings).why()


def horizon_to(settings: Settings, day: str, today: date) -> int:
    """Business days from the newest stored rate to a day to come, by the calendar.

    Args:
        settings: pair, calendar and folders.
        day: ISO date.
        today: days up to it cannot be asked for.

    Raises:
        SettingError: it is no day, not to come, no business day, or too far ahead.
        MissingError: there is no series yet.
    """
    try:
        wanted = date.fromisoformat(day)
    except ValueError:
        raise SettingError(f"--date {day!r}: give a business day to come, such as 2026-12-24") from None
    if wanted <= today:
        when = "is today" if wanted == today else "is over"
        raise SettingError(f"--date {day} {when} ({today}); give a business day to come")
    series = load_series(series_path(settings))
    calendar = calendar_of(settings, series.source)
    around = [next_business_day(np.datetime64(wanted), ahead, calendar).item() for ahead in (0, 1)]
    if wanted != around[0]:
        raise SettingError(
            f"--date {day} is a {WEEKDAYS[wanted.weekday()]} without a rate (calendar {calendar}); the business days "
            f"around it are {around[0]} and {around[1]}"
        )
    horizon = n_business_days(series.dates[-1].item(), wanted, calendar)
    if not 1 <= horizon <= MAX_HORIZON:
        raise SettingError(
            f"--date {day} is {horizon} business days after the newest stored rate, of {series.dates[-1]}; "
            f"it must be between 1 and {MAX_HORIZON}"
        )
    return horizon


@dataclass(frozen=True, slots=True)
class _Scene:
    """The champion, its own forecasts so far, and the newest series."""

    store: MlflowStore
    series: Series
    table: FeatureTable
    champion: VersionRecord
    scored: Forecasts

    @classmethod
    def now(cls, settings: Settings, store: MlflowStore | None = None) -> _Scene:
        store, series = store or MlflowStore(settings), load_series(series_path(settings))
        champion = store.champion()
        scored = read_walked(store, champion.run_id)
        table = build_features(series, settings.n_lags, data_version(series))
        _must_go_on(champion, scored, table)
        return cls(store, series, table, champion, scored)

    def forecast(self, horizon: int) -> NextDay:
        recorded = self._recorded() if horizon == 1 else None
        if recorded is not None:
            answers = self._answers(int(np.searchsorted(self.table.origins, np.datetime64(recorded.origin))))
            return self._told(float(answers[-1]), interval_now(recorded, answers[:-1], self.series))
        forecasts, point = self._tomorrow() if horizon == 1 else self._direct(horizon)
        made = self.store.settings if horizon == 1 else self._made()
        walk = shared_walk(made, self.series, forecasts.origins[0])
        ranged = interval_forecast(believed_volatility(walk, horizon), forecasts)
        told = self._told(point, ranged.interval)
        return told if horizon == 1 else dataclasses.replace(told, reason=f"{UNTESTED}; {_held(forecasts, ranged)}")

    def further(self, horizons: Collection[int]) -> tuple[list[NextDay], list[NextDay]]:
        """Forecasts of further days: those that are kept, and others, made here and kept from now on."""
        settings, by = self.store.settings, self.champion
        kept = read_ahead(settings, by.name, by.version, self.table.data_version)
        made = [self.forecast(horizon) for horizon in {*horizons} - {told.horizon for told in kept}]
        if made:
            keep_ahead(settings, made)
        return kept, made

    def why(self) -> tuple[Change, Contributions | None]:
        """See `why`."""
        X, now = self.table.values[-2:], self._asked(self.champion)
        moved = change(self._asked(self._holder_before()), now, X)
        return moved, contributions(now[1], self.table.names, X[-1])

    def _holder_before(self) -> VersionRecord:
        """Who held the title when the newest rate but one was the newest."""
        known = {version.pinned_uri: version for version in self.store.versions()}
        held = [
            known[title.pinned_uri]
            for title in self.store.titles()
            if title.alias == CHAMPION and title.pinned_uri in known
            if title.data_version and title.data_version.last_day <= self.table.origins[-2]
        ]
        return held[-1] if held else self.champion

    def _asked(self, version: VersionRecord) -> tuple[str, Model]:
        """A version by name, and what it says of any rows."""

        def says(X: Floats) -> Floats:
            table = dataclasses.replace(self.table, origins=np.repeat(self.table.origins[-1:], len(X)), values=X)
            return answers(self.store, version, table, 0)

        return f"{version.name} (v{version.version})", says

    def _recorded(self) -> Interval | None:
        """The interval that the champion's run left for the day after its last one; None where none can go on."""
        text = self.store.read_file(self.champion.run_id, NEXT_DAY)
        interval = read_interval(text) if text else None
        return interval if interval is not None and interval.state is not None else None

    def _tomorrow(self) -> tuple[Forecasts, float]:
        """What a run of the first release recorded, from which no interval goes on, and the forecast of tomorrow."""
        _, here, there = np.intersect1d(self.table.origins, self.scored.origins, return_indices=True)
        # Days that came after the last scored one are forecast by the registered model, which was fitted before them.
        since = int(here[-1]) + 1
        answers = self._answers(since)
        rows = np.r_[here, since : len(self.table) - 1]
        # A rate may have been revised since: the outcome is the series', the forecast what was said.
        said = np.r_[self.scored.forecast[there], answers[:-1]]
        past = Forecasts(self.table.origins[rows], self.table.target_dates[rows], self.table.target[rows], said)
        return past, float(answers[-1])

    def _answers(self, since: int) -> Floats:
        """What the registered model says at the origins from this row of the table on, shape (n_rows,)."""
        return answers(self.store, self.champion, self.table, since)

    def _made(self) -> Settings:
        """The settings by which the champion was trained."""
        recipe = self.store.read_file(self.champion.run_id, RECIPE)
        return as_trained(self.store.settings, self.champion.family, recipe)

    def _direct(self, horizon: int) -> tuple[Forecasts, float]:
        family, made = self.champion.family, self._made()
        table = at_horizon(build_features(self.series, made.n_lags, self.table.data_version), horizon)
        first = int(np.searchsorted(table.origins, self.scored.origins[0]))
        days = ScoredRows(first_scored=first, n_known=len(table) - horizon)
        walked = walk(made, family, table, days, horizon)
        return walked.forecasts, float(walked.future.predict(frame(table)[-1:])[0])

    def _told(self, point: float, interval: Interval) -> NextDay:
        told, tested = Told.of(self.champion), interval.horizon == 1
        calendar = calendar_of(self.store.settings, self.series.source)
        return dataclasses.replace(
            next_day(self.series, point, interval, self.champion.name, self.champion.version, calendar),
            verdict=told.verdict if told and tested else None,
            reason=told.reason if told and tested else None,
        )


def _held(forecasts: Forecasts, ranged: IntervalForecast) -> str:
    """How far an interval whose misses overlap, so that no test applies, was off all the same."""
    misses = (forecasts.actual < ranged.columns["lower_80"]) | (forecasts.actual > ranged.columns["upper_80"])
    told = f"over {len(forecasts)} days the 80 % range held {ranged.scores.coverage_80:.1%} of outcomes"
    years = coverage_by_year(forecasts.target_dates, misses)
    if not years:
        return told
    worst = max(years, key=lambda year: abs(years[year][1] - 0.8))
    return f"{told}, and {years[worst][1]:.1%} in its worst year, {worst}"


def _must_go_on(champion: VersionRecord, scored: Forecasts, table: FeatureTable) -> None:
    """The stored series is the one that the champion was scored on, up to the same day or later.

    Raises:
        MissingError: it ends before, or holds other rates.
    """
    named = f"{champion.name} (v{champion.version})"
    if table.origins[-1] < scored.target_dates[-1]:
        raise MissingError(
            f"{named} was scored up to {scored.target_dates[-1]}, and the stored rates end on {table.origins[-1]}; "
            "run `podium ingest` for newer ones, or `podium run`"
        )
    if not same_outcomes(scored.origins, scored.actual, table.origins, table.target):
        raise MissingError(
            f"{named} was scored on {champion.tags.get('data_version')}, and the stored rates are others "
            f"({table.data_version}); run `podium run` for a champion of these"
        )
