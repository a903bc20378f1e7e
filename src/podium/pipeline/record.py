"""A contestant's out-of-sample record: what its run walked through, and what its registered model has forecast since.

Between two trainings a record grows by a day with every rate, without a fit: each day is forecast by the version that
there is, from the lags that there are by then. What has been forecast stays as it was, also where a rate is revised.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from podium.data.calendar import calendar_of
from podium.errors import RegistryError, SettingError
from podium.evaluate.evidence import accumulate, since
from podium.evaluate.horizons import VolatilityPath, believed_volatility
from podium.evaluate.intervals import interval_forecast, next_day
from podium.evaluate.metrics import score
from podium.evaluate.volatility.walk import walk_on
from podium.evaluate.walkforward import ScoredRows
from podium.features import frame, log_returns
from podium.models.onnx_graph import run_graph
from podium.pipeline.recipe import ANEW, TAG, as_trained
from podium.pipeline.walk_cache import shared_walk
from podium.records import FeatureTable, Floats, Forecasts, NextDay, RunRecord, Series, VersionRecord
from podium.registry.log_items import FORECASTS, RECIPE, forecasts_parquet, read_forecasts
from podium.registry.mlflow_store import MlflowStore
from podium.registry.packing import ONNX_FILE
from podium.registry.trust import MODEL_FILE, parse

SINCE, EVIDENCE = "forecasts_since.parquet", "evidence.parquet"


@dataclass(frozen=True, slots=True)
class Record:
    """What a championship knows of a contestant.

    Attributes:
        forecasts: of the scored days.
        evidence: those made since its recipe was first seen, by it or an earlier version.
    """

    forecasts: Forecasts
    evidence: Forecasts


@dataclass(frozen=True, slots=True)
class Onward:
    """A registered contestant at the last day of a series that has grown since its training.

    Attributes:
        run: its run, with the scores of the whole record.
        record: up to the last day with an outcome.
        next_day: its forecast that is still open.
    """

    run: RunRecord
    record: Record
    next_day: NextDay


def is_whole(store: MlflowStore, model_uri: str, run_id: str) -> bool:
    """Whether a model and the forecasts of its run are where the registry says."""
    return store.has_model(model_uri) and store.has_file(run_id, FORECASTS)


def read_walked(store: MlflowStore, run_id: str) -> Forecasts:
    """The forecasts of the scored days that a run walked through.

    Raises:
        RegistryError: the run has lost them.
    """
    parquet = store.read_file(run_id, FORECASTS)
    if parquet is None:
        raise RegistryError(f"run {run_id} has lost its {FORECASTS}; run `podium train`, and delete that run")
    return read_forecasts(parquet)


def read_record(store: MlflowStore, run_id: str) -> Forecasts:
    """The forecasts that a run walked through, and those of its model since whose outcome is known.

    Raises:
        RegistryError: the run has lost its forecasts.
    """
    return _gone_on(store, run_id, read_walked(store, run_id))


def recorded(
    store: MlflowStore, run: RunRecord, days: ScoredRows, table: FeatureTable, previous: VersionRecord | None
) -> Record:
    """What a freshly trained run brings, and what its recipe has shown before.

    Args:
        store: where the runs' files are; the evidence is written there.
        run: of a contestant.
        days: what was scored.
        table: of the series.
        previous: the version whose record it goes on with, see `goes_on`; None where it begins one.

    Raises:
        RegistryError: the run has lost its forecasts, or has those of other days.
    """
    rows = read_walked(store, run.run_id)
    if not np.array_equal(rows.origins, table.origins[days.rows]):
        raise RegistryError(f"run {run.run_id} has forecasts of other days than it says; delete it, run `podium train`")
    parquet = store.read_file(run.run_id, EVIDENCE)
    if parquet is not None:
        return Record(rows, read_forecasts(parquet))
    # A recipe that is new today may have been chosen for the days up to today: only what comes after is evidence.
    evidence = since(rows, run.data_version.last_day)
    if previous and previous.data_version:
        evidence = _grown(store, previous, table, previous.data_version.last_day)
    store.add_file(run.run_id, EVIDENCE, forecasts_parquet(evidence))
    return Record(rows, evidence)


def goes_on(store: MlflowStore, previous: VersionRecord, tried: str) -> bool:
    """Whether a try goes on with a version's record: the recipe is the same, and its files are there."""
    same = previous.tags.get(TAG) == tried.partition(ANEW)[0]
    return same and store.has_model(previous.pinned_uri) and store.has_file(previous.run_id, EVIDENCE)


def _grown(store: MlflowStore, previous: VersionRecord, table: FeatureTable, last_day: np.datetime64) -> Forecasts:
    """What a version showed, and what it says of the days since.

    Not what a later run says of them: whoever fits anew has seen these days, and no digest knows what else he reads.
    """
    shown = _gone_on(store, previous.run_id, read_forecasts(store.read_file(previous.run_id, EVIDENCE) or b""))
    rows = np.flatnonzero((table.origins >= last_day) & np.isfinite(table.target))
    if not len(rows):
        return shown
    try:
        said = answers(store, previous, table, int(rows[0]))[: len(rows)]
    except RegistryError:  # its own code may not run here, so that nobody knows
        return shown
    return accumulate(shown, Forecasts(table.origins[rows], table.target_dates[rows], table.target[rows], said))


def _gone_on(store: MlflowStore, run_id: str, record: Forecasts) -> Forecasts:
    """A run's record, and what its model has forecast since its training of days with an outcome."""
    parquet = store.read_file(run_id, SINCE)
    if not parquet:
        return record
    rows = read_forecasts(parquet)
    return accumulate(record, rows.part(np.isfinite(rows.actual)))


def go_on(
    store: MlflowStore, held: Iterable[tuple[VersionRecord, RunRecord]], series: Series, table: FeatureTable
) -> dict[str, Onward]:
    """Let contestants forecast every day that came since they were trained, and the next; nothing is fitted.

    Args:
        store: where their files are; what they forecast is written there.
        held: version and run of each, all trained and scored on the same days.
        series: up to the last day.
        table: of that series.

    Returns:
        How each stands now, by family.
    """
    path: VolatilityPath | None = None
    calendar, found = calendar_of(store.settings, series.source), dict[str, Onward]()
    for version, run in held:
        walked, before = read_walked(store, run.run_id), store.read_file(run.run_id, SINCE)
        said = accumulate(walked, read_forecasts(before)) if before else walked
        record, tomorrow = _whole(store, version, said, table)
        path = path or _volatility(store, run, series, record.origins[0])
        ranged = interval_forecast(path, record)
        record = replace(record, bounds=ranged.columns)
        later = since(record, run.data_version.last_day)
        if (after := forecasts_parquet(_with_open(later, table, tomorrow))) != before:
            store.add_file(run.run_id, SINCE, after)
        earlier = store.read_file(run.run_id, EVIDENCE)
        found[version.family] = Onward(
            run=replace(run, metrics={**run.metrics, **score(record.actual, record.forecast), **ranged.scores.metrics}),
            # where the record before was lost, it begins anew with the next training, as another try
            record=Record(record, accumulate(read_forecasts(earlier), later) if earlier else since(later, None)),
            next_day=next_day(series, tomorrow, ranged.interval, version.name, version.version, calendar),
        )
    return found


def _whole(store: MlflowStore, version: VersionRecord, said: Forecasts, table: FeatureTable) -> tuple[Forecasts, float]:
    """The forecast of every day of the table with an outcome, and of the next; the model is asked what was not said."""
    values = dict(zip(said.origins.tolist(), said.forecast.tolist(), strict=True))
    rows = np.flatnonzero(table.origins >= said.origins[0])
    new = [int(row) for row in rows if table.origins[row].item() not in values]
    if new:
        asked = answers(store, version, table, new[0])
        values |= {table.origins[row].item(): float(asked[row - new[0]]) for row in new}
    forecast, known = np.array([values[day] for day in table.origins[rows].tolist()]), rows[:-1]
    record = Forecasts(table.origins[known], table.target_dates[known], table.target[known], forecast[:-1])
    return record, float(forecast[-1])


def _with_open(later: Forecasts, table: FeatureTable, tomorrow: float) -> Forecasts:
    """What was forecast since the training, and the forecast that is still open."""
    return Forecasts(
        origins=np.append(later.origins, table.origins[-1]),
        target_dates=np.append(later.target_dates, np.datetime64("NaT")),
        actual=np.append(later.actual, np.nan),
        forecast=np.append(later.forecast, tomorrow),
        bounds={name: np.append(column, np.nan) for name, column in later.bounds.items()},
    )


def _volatility(store: MlflowStore, run: RunRecord, series: Series, first_scored: np.datetime64) -> VolatilityPath:
    """The volatility believed when the run was trained, gone on with the days since."""
    made = as_trained(store.settings, run.family, store.read_file(run.run_id, RECIPE))
    n_trained = int(np.searchsorted(series.dates, run.data_version.last_day, side="right"))
    walk = shared_walk(made, series.until(n_trained), first_scored)
    return believed_volatility(walk_on(walk, log_returns(series.closes), series.dates[1:]))


def answers(store: MlflowStore, version: VersionRecord, table: FeatureTable, first: int) -> Floats:
    """What a registered model says at the origins from a row of the table on, shape (n_rows,).

    Raises:
        SettingError: it was fitted on other columns.
    """
    X = frame(table)[first:]
    files = store.read_model(version.pinned_uri, (MODEL_FILE, ONNX_FILE))
    # A graph knows columns by their place only, and other columns in these places would go unnoticed.
    metadata = parse(files.get(MODEL_FILE, b"")).get("metadata") or {}
    graph = files.get(ONNX_FILE)
    features = tuple(metadata.get("features", table.names))
    if features != table.names:
        n_lags = sum(name.startswith("lag_") for name in features)
        raise SettingError(
            f"{version.name} (v{version.version}) was fitted on {len(features)} columns with n_lags = {n_lags}, and "
            f"the stored series gives {len(table.names)} with n_lags = {store.settings.n_lags}; set n_lags = {n_lags}, "
            "or run `podium run`"
        )
    if graph is None:
        return np.asarray(store.load(version.pinned_uri).predict(X), dtype=np.float64).ravel()
    return run_graph(graph, X.to_numpy())
