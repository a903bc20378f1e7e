"""A small championship of two pairs, made once and copied: versions, aliases, titles, pointers, series, a ledger."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from podium.data.store import save_series
from podium.ledger import Ledger
from podium.records import Series
from podium.registry import judgements, pointer
from podium.registry.history import taken
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings
from tests.support import made_once

FAMILIES = ("LinearRegression", "ARIMA")
ALIASES = ("champion", "challenger")


def at(folder: Path, **more: object) -> Settings:
    """Settings of the championship in a folder; by full paths, since a process keeps a database by its address open."""
    folders = {"data_dir": folder / "data", "models_dir": folder / "models"}
    return Settings(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}", developer="tester", **{**folders, **more})


@pytest.fixture(scope="session")
def template(tmp_path_factory, blank_database, make_result, context, make_judgement) -> Path:
    """EURUSD with two championships of two families, the second of which hold the aliases, and GBPJPY with one run."""

    def hold(folder: Path, pair: str, families: Sequence[str], rounds: int) -> None:
        """Championships of one pair, in each of which models of another alpha win."""
        settings = at(folder, pair=pair, artifact_location=str(folder / "mlruns" / pair))
        store = MlflowStore(settings)
        for alpha in range(1, rounds + 1):
            day = context.table.data_version.last_day + alpha
            version = replace(context.table.data_version, pair=pair, last_day=day)
            own = replace(context, table=replace(context.table, pair=pair, data_version=version))
            decided = replace(make_judgement(), pair=pair, data_version=version)
            runs = [store.log_run(make_result(family, alpha=float(alpha)), own) for family in families]
            held = dict(zip(ALIASES, map(store.register, runs), strict=False))
            for one in held.values():
                judgements.record(store, one, decided)
            store.assign(pair, held)
            store.record_title(held["champion"], why="lowest RMSE", verdict="promoted", data_version=version)
        champion = store.champion()
        told = pointer.build(champion, decided, taken(store.titles(), champion.pinned_uri))
        pointer.write(told, settings.models_dir)
        days = np.arange("2026-01-01", "2026-03-01", dtype="datetime64[D]")
        series = Series(pair, days, 1.1 + np.linspace(0, 0.1, len(days)), "test")
        save_series(series, settings.data_dir / "raw" / f"{pair}.parquet")

    def make(folder: Path) -> None:
        shutil.copyfile(blank_database, folder / "mlflow.db")
        hold(folder, "EURUSD", FAMILIES, 2)
        hold(folder, "GBPJPY", FAMILIES[:1], 1)
        Ledger.open(folder / "data" / "ledger.db").close()
        (folder / "podium.toml").touch(0o600)
        (folder / "podium.toml").write_text('[serve]\nsalt = "shaker"\n')

    return made_once(tmp_path_factory, "desk", make)


@pytest.fixture
def desk(template: Path, tmp_path: Path, readdress, monkeypatch) -> Settings:
    """A copy of the championship to write into, entered."""
    folder = tmp_path / "desk"
    shutil.copytree(template, folder)
    readdress(folder / "mlflow.db", str(template), str(folder))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
    return at(folder)


@pytest.fixture
def settings_at() -> Callable[..., Settings]:
    """`settings_at(folder)`: of the championship in another folder."""
    return at
