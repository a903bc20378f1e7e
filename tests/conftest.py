"""What every test may use: a clean environment, a migrated database to copy, small results of real fitted models."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from podium.data.sources.ecb import bundled_table
from podium.evaluate.judgement import Judgement
from podium.models.base import FittedModel
from podium.records import DataVersion, FeatureTable, Forecasts, ScoredDays
from podium.registry import plots
from podium.registry.log_items import ContestantResult, RunContext
from podium.registry.mlflow_store import MlflowStore
from podium.registry.pointer import FILE_NAME
from podium.settings import Settings
from tests import servers
from tests.servers import Database
from tests.support import made_once, shell_environment, strict_json

DRAWN = {name: getattr(plots, name) for name in ("forecast", "cumulative_skill", "learning_curve")}
N_ROWS, N_SCORED, N_LAGS = 120, 40, 6
BASELINES = {
    "persistence": {"rmse": 0.0072, "mae": 0.0055, "directional_accuracy": 0.49},
    "random_walk": {"rmse": 0.0051, "mae": 0.0040, "directional_accuracy": float("nan")},
}


# Warnings that libraries raise among themselves, which no code of ours can prevent.
OTHERS_WARNINGS = (
    "ignore:.*Any type hint is inferred as AnyType:UserWarning",  # MLflow on its own classes, when it is imported
    "ignore:The ``noload`` loader strategy is deprecated:DeprecationWarning",  # MLflow 3.17 on SQLAlchemy 2.1
)


def pytest_configure(config: pytest.Config) -> None:
    """Every warning is an error, but for these."""
    for line in OTHERS_WARNINGS:
        config.addinivalue_line("filterwarnings", line)
    # A shell starts what it puts in the background deaf to Ctrl-C, and every process that a test starts inherits that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


SERVERS = tuple(f"tests/contract/test_{name}.py::" for name in ("championship", "pages", "upkeep"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests that share servers run in one process; the groups of xdist 3.8 have no effect under pytest 9.2."""
    from xdist.scheduler import LoadGroupScheduling

    class Together(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "servers" if nodeid.startswith(SERVERS) else nodeid

    return Together(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's shell reaches a test."""
    for name in list(os.environ):
        if name.startswith(("PODIUM_", "MLFLOW_", "COLUMNS")) and not name.startswith("PODIUM_TEST_"):
            monkeypatch.delenv(name)


@event.listens_for(Engine, "connect")
def _need_not_last(connection: Any, _: Any) -> None:
    """What a test commits need not outlive the machine: SQLite waits for no disk, unless its opener asks for that."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


class Blank:
    """A picture of nothing."""

    def savefig(self, path: Path) -> None:
        """What a file of it is in these tests."""
        path.write_bytes(b"\x89PNG\r\n\x1a\n")


@pytest.fixture(scope="session", autouse=True)
def _pictures_of_nothing() -> Iterator[None]:
    """Drawing is half of what recording a run costs, and few tests look at it: those ask for `pictures`."""
    with pytest.MonkeyPatch.context() as patch:
        for name in DRAWN:
            patch.setattr(plots, name, lambda *_: Blank())
        yield


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are recorded with their pictures as they are."""
    for name, draw in DRAWN.items():
        monkeypatch.setattr(plots, name, draw)


@pytest.fixture(scope="session")
def blank_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with MLflow's schema, made once; creating it takes seconds, copying it none."""

    def make(folder: Path) -> None:
        _ = MlflowStore(Settings(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")).client

    return made_once(tmp_path_factory, "blank", make) / "mlflow.db"


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, entered."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def settings(workdir: Path, blank_database: Path) -> Settings:
    """Default settings in an empty working directory, with a database that has its schema already.

    It lies elsewhere than MLflow's own default, so what goes through the global address does not find it.
    """
    (workdir / "server").mkdir()
    shutil.copyfile(blank_database, workdir / "server" / "mlflow.db")
    return Settings(tracking_uri=f"sqlite:///{workdir / 'server' / 'mlflow.db'}", developer="tester")


@pytest.fixture
def store(settings: Settings) -> MlflowStore:
    """A store on SQLite."""
    return MlflowStore(settings)


@pytest.fixture(scope="session")
def table() -> FeatureTable:
    """Features of a seeded random walk: 120 origins, six lags and their mean of five, all targets known."""
    rng = np.random.default_rng(7)
    returns = rng.normal(0, 0.005, N_ROWS + N_LAGS)
    lags = np.column_stack([returns[N_LAGS - 1 - age : N_ROWS + N_LAGS - 1 - age] for age in range(N_LAGS)])
    days = np.arange("2026-01-01", N_ROWS + 1, dtype="datetime64[D]")
    return FeatureTable(
        pair="EURUSD",
        data_version=DataVersion("test", "EURUSD", np.datetime64("2026-04-30"), "0a1b2c3d"),
        origins=days[:-1],
        target_dates=days[1:],
        names=(*(f"lag_{age}" for age in range(N_LAGS)), "ma_5"),
        values=np.column_stack([lags, lags[:, :5].mean(axis=1)]),
        target=returns[N_LAGS:],
    )


@pytest.fixture(scope="session")
def context(table: FeatureTable) -> RunContext:
    """What the contestants of one championship on the table have in common."""
    return RunContext(
        table=table,
        scored_days=ScoredDays(table.origins[-N_SCORED], table.origins[-1], N_SCORED),
        baselines=BASELINES,
    )


class RidgeModel(FittedModel):
    """A small real scikit-learn pipeline that the registry can log."""

    flavor = "sklearn"
    pip_requirements = ("mlflow", "scikit-learn", "skops")

    def __init__(self, alpha: float, X: Any, y: Any, curve: Mapping[str, Any] | None = None) -> None:
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        self._native = make_pipeline(StandardScaler(), Ridge(alpha)).fit(X, y)
        self.alpha = alpha
        self._curve = curve or {}

    @property
    def native(self) -> Any:
        return self._native

    @property
    def params(self) -> Mapping[str, Any]:
        return {"alpha": self.alpha}

    @property
    def learning_curve(self) -> Mapping[str, Any]:
        return self._curve

    def predict(self, X: Any) -> Any:
        return self._native.predict(X)

    def onnx(self, names: tuple[str, ...]) -> bytes:
        return b"a graph over " + ",".join(names).encode()


MakeResult = Callable[..., ContestantResult]


@pytest.fixture(scope="session")
def make_result(table: FeatureTable) -> MakeResult:
    """`make_result("LSTM", rmse=0.005)`: a result whose model is small and real, and whose score is as asked.

    It is fitted on the `table` of these tests, or on another that is `given`.
    """
    import pandas as pd

    def make(
        family: str,
        rmse: float = 0.005,
        alpha: float = 1.0,
        given: FeatureTable = table,
        curve: Any = None,
        **more: Any,
    ) -> ContestantResult:
        known = np.isfinite(given.target)
        X, y = pd.DataFrame(given.values, columns=list(given.names))[known], given.target[known]
        model = RidgeModel(alpha, X[:-N_SCORED], y[:-N_SCORED], curve)
        days = [column[known][-N_SCORED:] for column in (given.origins, given.target_dates)]
        forecasts = Forecasts(*days, y[-N_SCORED:], model.predict(X[-N_SCORED:]))
        metrics = {"rmse": rmse, "mae": 0.004, "directional_accuracy": 0.52}
        found = {"params": {}, "metrics": metrics, "forecasts": forecasts, "model": model}
        return ContestantResult(family=family, **{**found, **more})

    return make


def _judgement() -> Judgement:
    """Of a championship in which nobody is told apart."""
    return Judgement(
        pair="EURUSD",
        data_version=DataVersion("test", "EURUSD", np.datetime64("2026-04-30"), "0a1b2c3d"),
        scored_days=ScoredDays.parse("2026-03-22..2026-04-30:40"),
        policy="rmse",
        alpha=0.05,
        verdict="unproven",
        reason="lowest RMSE",
        champion="EURUSD_LSTM",
        champion_version=3,
        title_data_day="2026-04-30",
        random_walk_in_mcs=True,
        recipes_tried=3,
        alpha_needed=0.05 / 3,
        proven=False,
        minimum_detectable_r2=0.03,
        baselines={
            "persistence": {"rmse": 0.0072, "mae": 0.0055},
            "random_walk": {"rmse": 0.0051, "mae": 0.0040},
        },
        ranking=(),
    )


@pytest.fixture
def judgement() -> Judgement:
    """Of a championship in which nobody is told apart."""
    return _judgement()


@pytest.fixture(scope="session")
def make_judgement() -> Callable[[], Judgement]:
    """The same, for fixtures that are made once."""
    return _judgement


@dataclass
class Verdict:
    """What the checker saw, so that a test can compare two looks."""

    aliases: dict[str, tuple[str, int]]
    versions: list[tuple[str, int]]
    champion: tuple[str, int]
    pointer: dict[str, Any] = field(default_factory=dict)


@pytest.fixture(scope="session")
def check_podium() -> Callable[..., Verdict]:
    """Checks the invariants of a finished championship: exclusive aliases, one version a run, a champion that loads."""

    def check(store: MlflowStore, models_dir: Path | None = None, X: Any = None) -> Verdict:
        family = store.versions()
        holders: dict[str, list[tuple[str, int]]] = {}
        for version in family:
            for alias in version.aliases:
                holders.setdefault(alias, []).append((version.name, version.version))
        assert {alias: len(held) for alias, held in holders.items()} == dict.fromkeys(holders, 1)
        assert set(holders) == {"champion", "challenger", "candidate"}
        run_ids = [version.run_id for version in family]
        assert len(set(run_ids)) == len(run_ids)
        champion = store.champion()
        assert (champion.name, champion.version) == holders["champion"][0]
        title = store.titles()[-1]
        assert (title.name, title.version) == holders["champion"][0]
        model = store.load(f"models:/{champion.name}@champion")
        if X is not None:
            assert len(model.predict(X)) == len(X)
        verdict = Verdict(
            {alias: held[0] for alias, held in holders.items()},
            [(version.name, version.version) for version in family],
            holders["champion"][0],
        )
        if models_dir is not None:
            verdict.pointer = json.loads((models_dir / FILE_NAME).read_text())
            assert verdict.pointer["pinned_uri"] == champion.pinned_uri
            assert verdict.pointer["run_id"] == champion.run_id
        return verdict

    return check


@dataclass(frozen=True)
class Said:
    """What a verb printed and how it ended."""

    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as exactly one JSON document without NaN."""
        return strict_json(self.out)


Verb = Callable[..., Said]


@pytest.fixture
def podium(capsys: pytest.CaptureFixture[str]) -> Verb:
    """`podium("status", "--json")`: a verb, run here."""
    from podium.cli.verbs import run

    def verb(*arguments: str) -> Said:
        capsys.readouterr()
        exit_code = run(list(arguments))
        return Said(exit_code, *capsys.readouterr())

    return verb


@dataclass(frozen=True)
class Ran:
    """A verb or script that ran in a process of its own.

    Attributes:
        folder: its working directory.
        exit_code: of the process.
        stdout: what it printed.
        stderr: what it printed elsewhere.
    """

    folder: Path
    exit_code: int
    stdout: str
    stderr: str


Shell = Callable[..., Ran]


def run_in_shell(folder: Path, *command: str, **variables: str) -> Ran:
    """Run a command as a user would, without a terminal."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=shell_environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Ran(folder, done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def shell() -> Shell:
    """`shell(folder, "podium", "status")`: a command in a process of its own, as a user types it."""
    return run_in_shell


@pytest.fixture
def environment() -> dict[str, str]:
    """A user's environment, for tests that start processes themselves."""
    return shell_environment()


@pytest.fixture(scope="session")
def championship(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """`podium run` in an empty directory: three contestants, the ECB's rates, TensorFlow; made once for all workers.

    Nothing may write into its folder. A test that must takes `own_championship`.
    """

    def make(folder: Path) -> None:
        ran = run_in_shell(folder, "podium", "run")
        folder.with_name("championship.json").write_text(json.dumps([ran.exit_code, ran.stdout, ran.stderr]))

    folder = made_once(tmp_path_factory, "championship", make)
    return Ran(folder, *json.loads(folder.with_name("championship.json").read_text()))


@pytest.fixture(scope="session")
def few_rates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV of the ECB's last six hundred days, for tests that train in processes and must not take long."""
    series = bundled_table().pair("EURUSD", "ecb")
    path = tmp_path_factory.mktemp("rates") / "rates.csv"
    rows = [f"{day},{close}" for day, close in zip(series.dates[-600:], series.closes[-600:], strict=True)]
    path.write_text("\n".join(["date,close", *rows]))
    return path


@pytest.fixture(scope="session")
def copy_championship(championship: Ran) -> Callable[[Path], Path]:
    """`copy_championship(folder)`: the championship in a folder of its own, to write into."""

    def copy(folder: Path) -> Path:
        shutil.copytree(championship.folder, folder)
        _readdress(folder / "mlflow.db", str(championship.folder), str(folder))
        return folder

    return copy


@pytest.fixture
def own_championship(
    copy_championship: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A copy of the championship to write into, entered.

    The database is named by its full path, since a process keeps a database open by its address.
    """
    folder = copy_championship(tmp_path / "championship")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
    return folder


@pytest.fixture(scope="session")
def readdress() -> Callable[[Path, str, str], None]:
    """`readdress(database, old, new)`: a database that was written in another folder, as if it had been here."""
    return _readdress


@pytest.fixture(scope="session")
def postgres() -> Iterator[Database]:
    """A real PostgreSQL for this process's tests."""
    with servers.postgres() as database:
        yield database


def _readdress(database: Path, old: str, new: str) -> None:
    """Replace a folder wherever MLflow keeps addresses."""
    with closing(sqlite3.connect(database)) as connection, connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for _, column, kind, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall():
                if kind.upper().startswith(("VARCHAR", "TEXT")):
                    statement = f"UPDATE {table} SET {column} = replace({column}, ?, ?) WHERE instr({column}, ?)"
                    connection.execute(statement, (old, new, old))


@pytest.fixture(autouse=True, scope="session")
def _engines_closed() -> Iterator[None]:
    """MLflow keeps its database connections for good; closing them keeps the end of the session quiet."""
    yield
    for name in ("mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store"):
        module = sys.modules.get(name)
        if module is not None:
            for engine in module.SqlAlchemyStore._engine_map.values():
                engine.dispose()
