"""The third step: every contestant walks forward over the same days and is recorded, side by side."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from podium.data.calendar import calendar_of
from podium.data.store import data_version, load_series
from podium.errors import RegistryError
from podium.evaluate.baselines import baseline_scores
from podium.evaluate.horizons import believed_volatility
from podium.evaluate.intervals import IntervalForecast, interval_forecast, next_day
from podium.evaluate.metrics import score
from podium.evaluate.walkforward import WalkForward, scored_rows, walk_forward
from podium.features import frame
from podium.models.combiner import WEIGHT, Combiner
from podium.models.roster import enter, enter_all, members
from podium.pipeline.admission import admit
from podium.pipeline.combine import mixed, recorded
from podium.pipeline.prepare import load_table, series_path
from podium.pipeline.recipe import SHARED, TAG, ingredients, recipe
from podium.pipeline.record import is_whole, read_walked
from podium.pipeline.walk_cache import shared_walk
from podium.records import Forecasts, ModelName, RunRecord, Series
from podium.registry.log_items import ContestantResult, RunContext
from podium.registry.mlflow_store import MlflowStore
from podium.registry.recorder import code_version
from podium.runners.local import side_by_side
from podium.settings import Settings

UNTESTED_TAG = "untested"  # of a run: why a test of its intervals could not be computed, by its name, as JSON

OnDone = Callable[[RunRecord, bool], None]
NOBODY: Mapping[str, RunRecord] = MappingProxyType({})


def train(
    settings: Settings,
    on_done: OnDone = lambda run, before: None,
    meanwhile: Callable[[], None] = lambda: None,
    again: bool = False,
) -> list[RunRecord]:
    """Score, fit and record every contestant, but for those that are done already.

    Args:
        settings: contestants, lags, share of scored days and so on.
        on_done: called with each run as it is completed, and whether it was before.
        meanwhile: called once a core is idle, while the last contestant learns.
        again: train also whom a completed run of the same rates, recipe and code has been recorded of.

    Returns:
        The completed runs, in the order of the contestants.
    """
    contestants = enter_all(settings)
    table = load_table(settings)
    scored_rows(table, settings.n_lags, settings.test_fraction)  # too few days are found before any process starts
    store = MlflowStore(settings)
    store.knock()
    runs: dict[str, RunRecord] = {}
    first = members(settings)
    longest_first = sorted(first, key=lambda family: contestants[family].quick)
    tasks = [(settings, family, again) for family in longest_first]
    with side_by_side(train_once, tasks, settings.workers) as results:
        store.prepare()  # while the contestants import and learn
        for (_, family, _), done in results:
            run, before = done.result()
            runs[family] = run
            on_done(run, before)
            if len(runs) == len(tasks) - 1:
                meanwhile()
    for family in (family for family in settings.contestants if family not in first):
        runs[family], before = train_once((settings, family, again), runs)
        on_done(runs[family], before)
    return [runs[family] for family in settings.contestants]


def train_once(task: tuple[Settings, str, bool], others: Mapping[str, RunRecord] = NOBODY) -> tuple[RunRecord, bool]:
    """One contestant's run, and whether it was there before; `again` makes another one all the same."""
    settings, family, again = task
    store = MlflowStore(settings)
    found = None if again else completed(store, family)
    return (found, True) if found else (train_one(store, family, others, again), False)


def completed(store: MlflowStore, family: str) -> RunRecord | None:
    """The newest run of exactly this: rates, scored days, recipe and code; None where there is none with its files."""
    settings, table = store.settings, load_table(store.settings)
    days = scored_rows(table, settings.n_lags, settings.test_fraction).scored_days(table)
    wanted = {"model_type": family, TAG: recipe(settings, family, table), **code_version()}
    runs = reversed(store.completed_runs(table.data_version, days))
    same = (run for run in runs if wanted.items() <= run.tags.items())
    return next((run for run in same if is_whole(store, run.model_uri, run.run_id)), None)


def train_one(
    store: MlflowStore, family: str, others: Mapping[str, RunRecord] = NOBODY, again: bool = False
) -> RunRecord:
    """Score, fit and record one contestant, in whichever process this is.

    Args:
        store: of the pair.
        family: of the contestant.
        others: the completed runs of those whose forecasts it mixes; nobody's for one that forecasts by itself.
        again: fit all its models, also those of blocks that its newest version has walked through.
    """
    settings, started_at = store.settings, int(time.time() * 1000)
    table, series = load_table(settings), load_series(series_path(settings))
    digest = recipe(settings, family, table)
    days = scored_rows(table, settings.n_lags, settings.test_fraction)
    contestant = enter(family, settings)
    admit(settings, contestant, series, table)
    if isinstance(contestant, Combiner):
        walked = mixed(contestant, recorded(store, others), table)
    else:
        before = None if again else walked_before(store, family, series, digest)
        walked = walk_forward(contestant, table, days, settings.refit_every, before)
    walk = shared_walk(settings, series, table.origins[days.first_scored])
    ranged = interval_forecast(believed_volatility(walk), walked.forecasts)
    tomorrow = float(walked.future.predict(frame(table)[days.n_known :])[0])
    name = str(ModelName(series.pair, family))
    result = dataclasses.replace(
        _result(settings, family, walked, ranged, digest),
        next_day=next_day(series, tomorrow, ranged.interval, name, calendar=calendar_of(settings, series.source)),
        started_at=started_at,
    )
    return store.log_run(result, RunContext(table, days.scored_days(table), baseline_scores(table, days.rows)))


def walked_before(store: MlflowStore, family: str, series: Series, digest: str) -> Forecasts | None:
    """What the family's newest version walked through, if by this recipe on this series when it ended earlier."""
    newest = next((version for version in store.newest() if version.family == family), None)
    trained_on = newest.data_version if newest else None
    if newest is None or trained_on is None or newest.tags.get(TAG) != digest:
        return None
    n_known = int(np.searchsorted(series.dates, trained_on.last_day, side="right"))
    if n_known == 0 or data_version(series.until(n_known)) != trained_on:
        return None  # a rate was revised
    try:
        return read_walked(store, newest.run_id)
    except RegistryError:  # whose files are gone or damaged is no hindrance: all is forecast anew
        return None


def _result(
    settings: Settings, family: str, walked: WalkForward, ranged: IntervalForecast, digest: str
) -> ContestantResult:
    scored, shared = walked.forecasts, {name: getattr(settings, name) for name in SHARED}
    bounds = {**scored.bounds, **ranged.columns}
    params = walked.future.params.items()
    weights = {name: value for name, value in params if name.startswith(WEIGHT) and isinstance(value, float)}
    seconds = {"fit_seconds": walked.fit_seconds, "forecast_seconds": walked.forecast_seconds}
    return ContestantResult(
        family=family,
        # the contestant's own word wins where it names a shared setting too
        params={**shared, **walked.contestant.params, "volatility_model": ranged.scores.volatility_model},
        metrics={**score(scored.actual, scored.forecast), **ranged.scores.metrics, **weights, **seconds},
        forecasts=dataclasses.replace(scored, bounds=bounds),
        model=walked.future,
        tags={
            "volatility_model": ranged.scores.volatility_model,
            TAG: digest,
            UNTESTED_TAG: json.dumps(dict(ranged.scores.notes)),
        },
        recipe=ingredients(settings, family),
    )
