"""A small real registry after a championship of three, with records, ranges and titles, and what it serves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from podium.data.store import data_version, save_series
from podium.evaluate.interval_scores import IntervalScores
from podium.evaluate.intervals import next_day
from podium.evaluate.judgement import Judgement, Standing
from podium.evaluate.metrics import score
from podium.features import build_features, frame
from podium.models.linear import LinearRegressionContestant
from podium.records import ALIASES, FeatureTable, Forecasts, Interval, NextDay, ScoredDays, Series
from podium.registry import judgements
from podium.registry.log_items import RunContext
from podium.registry.mlflow_store import MlflowStore
from podium.serve.hotswap.registry_reader import RegistryReader
from podium.serve.processes.worker import make_pages
from podium.settings import Settings
from tests.serve.conftest import World
from tests.support import standing_of

N_SCORED = 60
LAGS_USED = {"LinearRegression": 6, "ARIMA": 3, "LSTM": 1}
REACH = {"lower_80": 0.006, "upper_80": 0.006, "lower_95": 0.010, "upper_95": 0.010}


Outcomes = dict[str, Any]


def _past(table: Any, model: Any) -> Forecasts:
    """What the model says of the last scored days, with ranges."""
    known = np.flatnonzero(np.isfinite(table.target))[-N_SCORED:]
    forecast = model.predict(frame(table).iloc[known])
    bounds = {name: forecast + (distance if "upper" in name else -distance) for name, distance in REACH.items()}
    return Forecasts(table.origins[known], table.target_dates[known], table.target[known], forecast, bounds)


def _next_day(series: Series, name: str) -> NextDay:
    origin = series.dates[-1].item()
    interval = Interval(origin=origin, reach=REACH, sigma=0.005, df=6.0, volatility_model="EWMA")
    return next_day(series, 0.0, interval, name)


P_VALUES = ("dm_p", "clark_west_p", "pesaran_timmermann_p")


def _standing(version: Any, alias: str | None, past: Forecasts) -> Standing:
    error, walk = past.actual - past.forecast, past.actual
    required = [field.name for field in fields(IntervalScores) if field.default_factory is MISSING]
    found = dict.fromkeys((*Standing.__dataclass_fields__, *required, *P_VALUES))
    found |= score(past.actual, past.forecast)
    found |= {
        "family": version.family,
        "model_name": version.name,
        "model_version": version.version,
        "run_id": version.run_id,
        "alias": alias,
        "ratio_to_random_walk": float(np.sqrt(np.mean(error**2) / np.mean(walk**2))),
        "r2_oos": 1 - float(np.sum(error**2) / np.sum(walk**2)),
        "dm_p": 0.2,
        "in_mcs": True,
        **dict.fromkeys(("coverage_80", "coverage_95", "width_80", "width_95", "winkler_80", "winkler_95"), 0.95),
        **dict.fromkeys(("crps", "crps_skill"), 0.01),
        "volatility_model": "EWMA",
        "benchmark": "rolling",
        "untested": {},
        "weights": {},
    }
    return standing_of(found)


def championship(root: Path, settings: Settings, series: Series, make_result: Any, context: RunContext) -> Any:
    """Three contestants, recorded, registered, ranked, with the outcome on all of them."""
    save_series(series, root / "data" / "raw" / f"{series.pair}.parquet")
    table = build_features(series, 12, data_version(series))
    store = MlflowStore(settings)
    X, y = frame(table)[:-1], table.target[:-1]
    versions, standings = [], []
    for (family, lags_used), alias in zip(LAGS_USED.items(), ALIASES, strict=True):
        model = LinearRegressionContestant(n_lags=12, lags_used=lags_used).fit(X, y)
        past = _past(table, model)
        given = replace(table, target=np.append(y, 0.0))
        result = replace(
            make_result(family, given=given, model=model),
            forecasts=past,
            metrics=score(past.actual, past.forecast),
            next_day=_next_day(series, f"{series.pair}_{family}"),
        )
        versions.append(store.register(store.log_run(result, replace(context, table=given))))
        standings.append(_standing(versions[-1], alias, past))
    outcome = _judgement(table, past, standings)
    for version in versions:
        judgements.record(store, version, outcome)
    store.assign(series.pair, dict(zip(ALIASES, versions, strict=True)))
    store.record_title(versions[0], why=outcome.reason, verdict="unproven", data_version=table.data_version)
    return World(root, settings, tuple(versions), table)


def _judgement(table: FeatureTable, past: Forecasts, ranking: Sequence[Standing]) -> Judgement:
    """The first of them leads by RMSE."""
    first = ranking[0]
    return Judgement(
        pair=table.pair,
        data_version=table.data_version,
        scored_days=ScoredDays(past.origins[0], past.origins[-1], N_SCORED),
        policy="rmse",
        alpha=0.05,
        verdict="unproven",
        reason="LinearRegression has the lowest RMSE",
        champion=first.model_name,
        champion_version=first.model_version,
        title_data_day=str(table.origins[-1]),
        random_walk_in_mcs=True,
        recipes_tried=3,
        alpha_needed=0.05 / 3,
        proven=False,
        minimum_detectable_r2=0.1,
        baselines={"random_walk": {"rmse": float(np.sqrt(np.mean(past.actual**2))), "mae": 0.004}},
        ranking=tuple(ranking),
        key="first",
    )


@pytest.fixture(scope="session")
def hall(
    tmp_path_factory: pytest.TempPathFactory, blank_database: Path, walk: Series, make_result: Any, context: RunContext
) -> Any:
    """The registry after the championship, made once; tests that change it take a copy."""
    import shutil

    root = tmp_path_factory.mktemp("hall")
    shutil.copyfile(blank_database, root / "mlflow.db")
    settings = Settings(
        tracking_uri=f"sqlite:///{root / 'mlflow.db'}",
        artifact_location=str(root / "artifacts"),
        data_dir=root / "data",
        models_dir=root / "models",
        developer="tester",
    )
    found = championship(root, settings, walk, make_result, context)
    RegistryReader(settings, (), found.cache).look()
    return found


@pytest.fixture(scope="session")
def world(hall: Any) -> Any:
    """What `make_caller` serves."""
    return hall


@pytest.fixture
def own_hall(hall: Any, tmp_path: Path) -> Any:
    """The same with a database and a data folder of its own; the artifacts are shared."""
    import shutil

    shutil.copyfile(hall.root / "mlflow.db", tmp_path / "mlflow.db")
    shutil.copytree(hall.root / "data" / "raw", tmp_path / "data" / "raw")
    settings = hall.settings.model_copy(
        update={"tracking_uri": f"sqlite:///{tmp_path / 'mlflow.db'}", "data_dir": tmp_path / "data"}
    )
    RegistryReader(settings, (), tmp_path / "data" / "serving").look()
    return World(tmp_path, settings, hall.versions, hall.table)


@pytest.fixture
def serve_hall(make_caller: Callable[..., Any], runner: Any) -> Callable[..., Any]:
    """`serve_hall(own_hall)`: a caller of a service on this registry as it is now."""

    def serve(given: Any, **options: Any) -> Any:
        RegistryReader(given.settings, (), given.cache).look()
        caller = make_caller(given, served=False, **options)
        runner.run(caller.service.swapper.look())
        caller.service.closes.refresh(caller.service.swapper.lineups)
        return caller

    return serve


@pytest.fixture
def rendered(make_caller: Callable[..., Any]) -> Callable[..., str]:
    """`rendered(shadow=True)`: the page of a service with these options."""

    def render(**options: Any) -> str:
        page = make_pages(make_caller(**options).service).render(None)
        assert page is not None
        return page

    return render
