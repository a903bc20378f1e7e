"""A small championship of two pairs, made once and copied: versions, aliases, titles, pointers, series, a ledger."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from filelock import FileLock

from podium.cli.verbs import run
from podium.data.store import save_series
from podium.ledger import Ledger
from podium.records import Series
from podium.registry import judgements, pointer
from podium.registry.history import taken
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings

FAMILIES = ("LinearRegression", "ARIMA")
ALIASES = ("champion", "challenger")


def at(folder: Path, **more: object) -> Settings:
    """Settings of the championship in a folder; by full paths, since a process keeps a database by its address open."""
    folders = {"data_dir": folder / "data", "models_dir": folder / "models"}
    return Settings(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}", developer="tester", **{**folders, **more})


class Said(NamedTuple):
    """What a verb printed and how it ended."""

    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)


@pytest.fixture(scope="session")
def template(tmp_path_factory, blank_database, make_result, context, make_judgement) -> Path:
    """EURUSD with two championships of two families, the second of which hold the aliases, and GBPJPY with one run."""
    root = tmp_path_factory.getbasetemp()
    shared = (root.parent if os.environ.get("PYTEST_XDIST_WORKER") else root) / "upkeep"
    shared.mkdir(exist_ok=True)
    folder = shared / "desk"

    def hold(pair: str, families: Sequence[str], rounds: int) -> None:
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

    with FileLock(shared / "making.lock"):
        if not (shared / "made").exists():
            folder.mkdir()
            shutil.copyfile(blank_database, folder / "mlflow.db")
            hold("EURUSD", FAMILIES, 2)
            hold("GBPJPY", FAMILIES[:1], 1)
            Ledger.open(folder / "data" / "ledger.db").close()
            (folder / "podium.toml").touch(0o600)
            (folder / "podium.toml").write_text('[serve]\nsalt = "shaker"\n')
            (shared / "made").touch()
    return folder


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


@pytest.fixture
def podium(capsys) -> Callable[..., Said]:
    """`podium("doctor", "--json")`: a verb, run here."""

    def verb(*arguments: str) -> Said:
        capsys.readouterr()
        exit_code = run(list(arguments))
        return Said(exit_code, *capsys.readouterr())

    return verb
