"""Championships on real rates of the ECB, cut to a length that two light contestants walk in a second."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient

from podium.cli.verbs import run as podium
from podium.data.fetch import fetch_series
from podium.data.store import data_version, save_series
from podium.evaluate.baselines import baseline_scores
from podium.evaluate.evidence import since
from podium.evaluate.judgement import Judgement
from podium.evaluate.metrics import score
from podium.evaluate.walkforward import scored_rows
from podium.features import build_features
from podium.models.estimator import AffineModel, affine
from podium.pipeline.contest import evaluate
from podium.pipeline.prepare import load_table, preprocess, series_path
from podium.pipeline.recipe import ingredients, recipe
from podium.pipeline.record import SINCE
from podium.pipeline.train import train
from podium.records import Floats, Forecasts, RunRecord, Series
from podium.registry.log_items import ContestantResult, RunContext, forecasts_parquet, read_forecasts
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings

LIGHT = {"contestants": ("LinearRegression", "ARIMA"), "workers": 1, "refit_every": 100}
OPTIONS = {"ARIMA": {"max_p": 1, "max_q": 0}}


@pytest.fixture(scope="session")
def rates() -> Series:
    """The last 1,000 days of EUR/USD in the ECB's file."""
    whole = fetch_series(Settings(pair="EURUSD")).series
    return Series(whole.pair, whole.dates[-1000:], whole.closes[-1000:], whole.source)


@dataclass
class Arena:
    """A working directory in which championships are held."""

    settings: Settings
    make: Callable[..., ContestantResult]

    @property
    def store(self) -> MlflowStore:
        """Its registry."""
        return MlflowStore(self.settings)

    @property
    def client(self) -> MlflowClient:
        """MLflow, as a person without Podium would use it."""
        return MlflowClient(self.settings.tracking_uri, self.settings.registry_uri or self.settings.tracking_uri)

    def using(self, **changes: Any) -> Arena:
        """The same place with other settings."""
        return Arena(self.settings.model_copy(update=changes), self.make)

    def days(self, series: Series) -> Arena:
        """Store this series, as an ingest would have on its last day."""
        save_series(series, series_path(self.settings))
        preprocess(self.settings)
        return self

    def train(self, again: bool = False) -> list[RunRecord]:
        """Train and record every contestant."""
        return train(self.settings, again=again)

    def enter(self, *, hindsight: bool = False, **told: Callable[[Floats], Floats]) -> None:
        """Record runs of families that forecast `told[family](outcomes)` on the scored days; models are real, small.

        Where there is a version already, it said so of the days since as they came; with `hindsight` only the new
        run does.
        """
        table = load_table(self.settings)
        days = scored_rows(table, self.settings.n_lags, self.settings.test_fraction)
        scored = days.rows
        actual, when = table.target[scored], (table.origins[scored], table.target_dates[scored])
        context = RunContext(table, days.scored_days(table), baseline_scores(table, scored))
        before = {version.family: version for version in self.store.newest()}
        for family, tell in told.items():
            forecast = tell(actual)
            if family in before and not hindsight:  # as `podium daily` would have let the version before say it
                said = since(Forecasts(*when, actual, forecast), before[family].data_version.last_day)
                self.store.add_file(before[family].run_id, SINCE, forecasts_parquet(said))
            result = self.make(
                family,
                given=table,
                metrics=score(actual, forecast),
                forecasts=Forecasts(*when, actual, forecast),
                model=AffineModel(affine(table.names, 0.01 * np.ones(len(table.names)), 0.0)),
                tags={"recipe": recipe(self.settings, family, table)},
                recipe=ingredients(self.settings, family),
            )
            self.store.log_run(result, context)

    def evaluate(self, **flags: Any) -> Judgement:
        """Hold the championship."""
        return evaluate(self.settings, **flags)

    def championship(self, series: Series, **flags: bool) -> Judgement:
        """All steps on this series."""
        self.days(series).train()
        return self.evaluate(**flags)

    def record(self, run_id: str, name: str = "evidence.parquet") -> Forecasts:
        """What a run keeps."""
        parquet = self.store.read_file(run_id, name)
        assert parquet is not None
        return read_forecasts(parquet)

    def aliases(self) -> dict[str, str]:
        """Who holds which alias."""
        return {alias: version.pinned_uri for version in self.store.holders() for alias in version.aliases}

    def pointer(self) -> dict[str, Any]:
        """The pointer's content; empty where there is none."""
        path = self.settings.models_dir / "best_model_info.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def state(self) -> tuple[Any, ...]:
        """Everything that a championship may write in the registry and beside it."""
        versions = [(version, sorted(version.tags.items())) for version in self.store.versions()]
        models = [
            (model.name, sorted(model.tags.items()), sorted(model.aliases.items()), model.last_updated_timestamp)
            for model in self.client.search_registered_models()
        ]
        path = self.settings.models_dir / "best_model_info.json"
        artifacts = sorted(str(path) for path in Path("mlruns").rglob("*"))
        return versions, models, path.read_bytes() if path.exists() else b"", artifacts

    def podium(self, *words: str) -> int:
        """The command line in this place; the exit code."""
        return podium([words[0], "--tracking-uri", self.settings.tracking_uri, *words[1:]])


@pytest.fixture
def arena(settings: Settings, make_result: Callable[..., ContestantResult]) -> Arena:
    """An empty place for LinearRegression and ARIMA."""
    return Arena(settings.model_copy(update={**LIGHT, "options": OPTIONS}), make_result)


@pytest.fixture(scope="session")
def table_of() -> Any:
    """`table_of(series, n_lags)`: features of a series."""
    return lambda series, n_lags=32: build_features(series, n_lags, data_version(series))
