"""A small real registry, the models fetched from it, and ways to call a service on them."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import numpy as np
import pytest

from podium.data.store import data_version, save_series
from podium.features import build_features, frame
from podium.models.linear import LinearRegressionContestant
from podium.records import FeatureTable, Floats, Interval, Series, VersionRecord
from podium.registry.log_items import RunContext
from podium.registry.mlflow_store import MlflowStore
from podium.serve.hotswap.manifest import Manifest, load
from podium.serve.hotswap.registry_reader import RegistryReader
from podium.serve.hotswap.signals import MANIFEST
from podium.serve.processes.service import Service
from podium.serve.processes.worker import make_app, make_measures
from podium.serve.web.app import App
from podium.serve.web.config import WorkerConfig
from podium.settings import ServeSettings, Settings

LIMITS = {"ledger": "off", "max_body": 200_000, "max_rows": 50}


@dataclass(frozen=True)
class World:
    """A registry with three versions of two families, the first of which is the champion.

    Attributes:
        root: folder with the database, the artifacts, the stored series and the fetched models.
        settings: that point there.
        versions: as they were registered.
        table: features of the stored series.
    """

    root: Path
    settings: Settings
    versions: tuple[VersionRecord, ...]
    table: FeatureTable

    @property
    def cache(self) -> Path:
        return self.root / "data" / "serving"


@pytest.fixture(scope="session")
def walk() -> Series:
    """Four hundred business days of a seeded random walk."""
    rng = np.random.default_rng(11)
    days = np.busday_offset("2025-01-02", np.arange(400), roll="forward").astype("datetime64[D]")
    return Series("EURUSD", days, 1.1 * np.exp(np.cumsum(rng.normal(0, 0.005, 400))), "test")


@pytest.fixture(scope="session")
def walk_table(walk: Series) -> FeatureTable:
    """Features of the random walk."""
    return build_features(walk, 12, data_version(walk))


@pytest.fixture(scope="session")
def world(  # noqa: PLR0917  fixtures are asked for by name
    tmp_path_factory: pytest.TempPathFactory,
    blank_database: Path,
    walk: Series,
    walk_table: FeatureTable,
    make_result: Callable[..., Any],
    context: RunContext,
) -> World:
    """The registry, made once; tests that change it take a copy of its database."""
    root = tmp_path_factory.mktemp("world")
    shutil.copyfile(blank_database, root / "mlflow.db")
    settings = Settings(
        tracking_uri=f"sqlite:///{root / 'mlflow.db'}",
        artifact_location=str(root / "artifacts"),
        data_dir=root / "data",
        models_dir=root / "models",
        developer="tester",
        stale_after=100_000,  # the walk ends when it ends
    )
    save_series(walk, root / "data" / "raw" / "EURUSD.parquet")
    store = MlflowStore(settings)
    X, y = frame(walk_table)[:-1], walk_table.target[:-1]
    versions = []
    for family, lags_used in (("LinearRegression", 6), ("LinearRegression", 3), ("Drift", 1)):
        model = LinearRegressionContestant(n_lags=12, lags_used=lags_used).fit(X, y)
        given = replace(walk_table, target=np.append(y, 0.0))
        run = store.log_run(make_result(family, given=given, model=model), replace(context, table=given))
        versions.append(store.register(run))
    store.assign("EURUSD", {"champion": versions[0], "challenger": versions[2]})
    store.record_title(versions[0], why="lowest RMSE", verdict="promoted", data_version=context.table.data_version)
    RegistryReader(settings, (), root / "data" / "serving").look()
    return World(root, settings, tuple(versions), walk_table)


@pytest.fixture
def own_world(world: World, tmp_path: Path) -> World:
    """The same registry with a database and a data folder of its own; the artifacts are shared."""
    shutil.copyfile(world.root / "mlflow.db", tmp_path / "mlflow.db")
    shutil.copytree(world.root / "data" / "raw", tmp_path / "data" / "raw")
    settings = world.settings.model_copy(
        update={"tracking_uri": f"sqlite:///{tmp_path / 'mlflow.db'}", "data_dir": tmp_path / "data"}
    )
    return World(tmp_path, settings, world.versions, world.table)


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


class Heads:
    """A request's headers, as the server gives them: beside visible ASCII only tabs pass."""

    def __init__(self, *lines: tuple[str, str]) -> None:
        self._lines = lines

    def __contains__(self, name: str) -> bool:
        return any(name == known for known, _ in self._lines)

    def get(self, name: str) -> str | None:
        return next(iter(self.get_all(name)), None)

    def get_all(self, name: str) -> list[str]:
        return [text for known, text in self._lines if known == name and _passes(text)]


def _passes(text: str) -> bool:
    return text.isascii() and text.replace("\t", "").isprintable()


@dataclass(frozen=True)
class Scope:
    """What the server says of a request."""

    method: str
    path: str
    query_string: str
    headers: Heads


class Wire:
    """A request's body in parts, and what is answered."""

    def __init__(self, *parts: bytes) -> None:
        self.parts = parts
        self.reply: Reply | None = None

    async def __call__(self) -> bytes:
        return b"".join(self.parts)

    async def __aiter__(self) -> Any:
        for part in self.parts:
            yield part

    def response_bytes(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.reply = Reply(status, dict(headers), content)


class Caller:
    """Calls an application without sockets, in one event loop that stays."""

    def __init__(self, app: App, service: Service, runner: asyncio.Runner) -> None:
        self.app = app
        self.service = service
        self.runner = runner

    def run(self, coroutine: Any) -> Any:
        return self.runner.run(coroutine)

    def get(self, path: str, **headers: str) -> Reply:
        if path == "/metrics":
            make_measures(self.service)()  # as the housekeeping does every second
        return self.run(self.call("GET", path, b"", headers))

    def post(
        self, path: str, body: bytes | str, content_type: str | None = "application/json", **headers: str
    ) -> Reply:
        body = body.encode() if isinstance(body, str) else body
        kind = {"content-type": content_type} if content_type is not None else {}
        return self.run(self.call("POST", path, body, {**kind, **headers}))

    async def call(
        self, method: str, path: str, body: bytes, headers: dict[str, str], wire: Wire | None = None
    ) -> Reply:
        lines = {"host": "127.0.0.1:8080", **{name.replace("_", "-").lower(): text for name, text in headers.items()}}
        path, _, query = path.partition("?")
        wire = wire or Wire(body)
        await self.app.__rsgi__(Scope(method, unquote(path), query, Heads(*lines.items())), wire)
        assert wire.reply is not None
        return wire.reply


def configured(world: World, **options: Any) -> WorkerConfig:
    """What a serving process of this world is told."""
    given = {name: options.pop(name) for name in options.keys() & Settings.model_fields.keys()}
    serving = ServeSettings(**{**LIMITS, **options})
    return WorkerConfig(world.settings.model_copy(update={**given, "serve": serving}), world.cache)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """An event loop that stays for the whole test."""
    with asyncio.Runner() as runner:
        yield runner


MakeCaller = Callable[..., Caller]


@pytest.fixture
def give_interval() -> Callable[[Caller, Interval], None]:
    """`give_interval(caller, interval)`: every model in service has it, as if its run had recorded it."""

    def give(caller: Caller, found: Interval) -> None:
        swapper = caller.service.swapper
        for pair, lineup in swapper.lineups.items():
            arms = {
                arm: replace(model, card=msgspec.structs.replace(model.card, interval=found))
                for arm, model in lineup.arms.items()
            }
            swapper.lineups = {**swapper.lineups, pair: replace(lineup, arms=arms)}

    return give


@pytest.fixture
def make_caller(world: World, runner: asyncio.Runner) -> Iterator[MakeCaller]:
    """`make_caller(shadow=True, stale_after=3)`: a caller of a service with these settings and the world's models."""
    made: list[Service] = []

    def make(given: World = world, *, served: bool = True, **options: Any) -> Caller:
        service = Service(configured(given, **options))
        made.append(service)
        if served:
            manifest = load(world.cache / MANIFEST) or Manifest()
            service.swapper._cache = world.cache
            runner.run(service.swapper.apply(manifest))
            service.swapper.checked_at = 2e10
            service.closes.refresh(service.swapper.lineups)
        runner.run(service.bookkeeping.start())
        return Caller(make_app(service), service, runner)

    yield make
    for service in made:
        runner.run(service.bookkeeping.stop())
        service.forecaster.close()


@pytest.fixture
def scope_of() -> type[Scope]:
    """What the server says of a request."""
    return Scope


@pytest.fixture
def heads() -> type[Heads]:
    """A request's headers."""
    return Heads


@pytest.fixture
def wire() -> type[Wire]:
    """What a request's body comes over; tests make their own kinds of it."""
    return Wire


@pytest.fixture
def caller(make_caller: MakeCaller) -> Caller:
    """A caller of a service without a ledger."""
    return make_caller()


@pytest.fixture(scope="session")
def rows(walk_table: FeatureTable) -> Floats:
    """The last four rows of X."""
    return walk_table.values[-4:]


@pytest.fixture(scope="session")
def split_body(walk_table: FeatureTable, rows: Floats) -> Callable[..., str]:
    """`split_body(rows)`: the rows as `dataframe_split`."""

    def make(given: Floats = rows, **more: Any) -> str:
        return json.dumps({"dataframe_split": {"columns": list(walk_table.names), "data": given.tolist(), **more}})

    return make
