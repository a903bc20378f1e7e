"""A desk of one pair, whose championship on the first days is held once."""

from __future__ import annotations

import shutil
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest

from podium.data.fetch import fetch_series
from podium.records import Series
from podium.settings import Settings
from tests.pipeline.daily.desk import Desk, in_folder, opened


@pytest.fixture(scope="session")
def rates() -> Series:
    """The last 900 days of EUR/USD in the ECB's file."""
    whole = fetch_series(Settings(pair="EURUSD")).series
    return Series(whole.pair, whole.dates[-900:], whole.closes[-900:], whole.source)


@pytest.fixture(scope="session")
def first_days(tmp_path_factory: pytest.TempPathFactory, blank_database: Path, rates: Series) -> Path:
    """It, held once; tests take copies."""
    with pytest.MonkeyPatch.context() as patch:
        return opened(tmp_path_factory.mktemp("first-days"), blank_database, rates, patch).settings.data_dir.parent


@pytest.fixture
def desk(
    first_days: Path, rates: Series, readdress: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Desk:
    """A copy of it to write into."""
    folder = tmp_path / "desk"
    shutil.copytree(first_days, folder)
    readdress(folder / "mlflow.db", str(first_days), str(folder))
    # MLflow's client remembers where the files of a run are, which is elsewhere in each copy
    monkeypatch.setattr("mlflow.tracking._tracking_service.utils._artifact_repos_cache", OrderedDict())
    monkeypatch.chdir(folder)
    return Desk(in_folder(folder), rates, monkeypatch)
