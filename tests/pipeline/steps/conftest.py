"""One small championship on real rates, held once: the last 1,300 days of the ECB's EUR/USD."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

import pytest

from podium.data.fetch import fetch_series
from podium.data.store import save_series
from podium.pipeline.prepare import preprocess, series_path
from podium.pipeline.train import train
from podium.records import RunRecord, Series
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings

N_DAYS = 1300
LIGHT = ("LinearRegression", "ARIMA")


@pytest.fixture(scope="session")
def rates() -> Series:
    """The last 1,300 days of EUR/USD."""
    series = fetch_series(Settings(source="ecb", pair="EURUSD")).series
    return dataclasses.replace(series, dates=series.dates[-N_DAYS:], closes=series.closes[-N_DAYS:])


def settings_in(folder: Path, blank_database: Path, **more: object) -> Settings:
    """Settings whose every path is in the folder, on a SQLite file that has its schema."""
    shutil.copyfile(blank_database, folder / "mlflow.db")
    return Settings(
        tracking_uri=f"sqlite:///{folder / 'mlflow.db'}",
        artifact_location=(folder / "artifacts").as_uri(),
        data_dir=folder / "data",
        models_dir=folder / "models",
        contestants=LIGHT,
        developer="tester",
        workers=1,
        **more,
    )


@pytest.fixture
def ready(tmp_path: Path, blank_database: Path, rates: Series, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Series and features are there; nobody has been trained."""
    monkeypatch.chdir(tmp_path)
    settings = settings_in(tmp_path, blank_database)
    save_series(rates, series_path(settings))
    preprocess(settings)
    return settings


@dataclasses.dataclass(frozen=True)
class Trained:
    """A championship whose contestants have been trained.

    Attributes:
        settings: it was held with.
        runs: in the order of the contestants.
        store: where they are recorded.
    """

    settings: Settings
    runs: list[RunRecord]
    store: MlflowStore


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, blank_database: Path, rates: Series) -> Trained:
    """Linear regression and ARIMA, trained once for a module."""
    folder = tmp_path_factory.mktemp("championship")
    before = Path.cwd()
    os.chdir(folder)
    try:
        settings = settings_in(folder, blank_database)
        save_series(rates, series_path(settings))
        preprocess(settings)
        return Trained(settings, train(settings), MlflowStore(settings))
    finally:
        os.chdir(before)
