"""What the verbs take in a registry of years: with 2,000 runs and 500 versions against three of each.

    python benchmarks/filled_registry.py [sqlite|postgresql] [RUNS] [VERSIONS]

Two championships of three contestants are held, the rows of one are copied under new ids and older days, and verbs are
timed in both by turns. In this process, imports not counted; `serve` in processes of its own, from its start to its
first answer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial, reduce
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

import servers
from podium.data.store import save_series
from podium.pipeline.contest import evaluate
from podium.pipeline.prepare import series_path
from podium.pipeline.status import status, status_of_all
from podium.pipeline.titles import history, promote
from podium.pipeline.train import train
from podium.records import Series, VersionRecord
from podium.registry.locations import engine
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings

OF_RUN = ("runs", "metrics", "latest_metrics", "params", "tags")
OF_MODEL = ("logged_models", "logged_model_metrics", "logged_model_params", "logged_model_tags")
OF_VERSION = ("model_versions", "model_version_tags")
TIMES = 7
DAY = 86_400_000  # milliseconds
SERVE = """
import json, sys
from podium.serve.processes.supervisor import serve
from podium.settings import Settings

sys.exit(serve(Settings(**json.loads(sys.argv[1])), lambda address: print(address, flush=True)))
"""


def championship(settings: Settings) -> None:
    """Three contestants on a random walk of 500 days."""
    days = np.busday_offset("2024-11-01", np.arange(500), roll="forward").astype("datetime64[D]")
    closes = 1.1 * np.exp(np.cumsum(np.random.default_rng(7).normal(0, 0.005, 500)))
    save_series(Series(settings.pair, days, closes, "test"), series_path(settings))
    train(settings)
    evaluate(settings)


def fill(uri: str, n_runs: int, n_versions: int) -> None:
    """Copies of every run, model and version, each a day older than the one before."""
    with engine(uri).begin() as connection:
        found = sa.MetaData()
        found.reflect(connection)
        tables = found.tables
        rows = {name: _rows(connection, tables[name]) for name in (*OF_RUN, *OF_MODEL, *OF_VERSION)}
        n_newer = n_versions // len(rows["model_versions"])
        _raise_numbers(connection, tables, rows, n_newer)
        for age in range(1, n_runs // len(rows["runs"]) + 1):
            new = {row["run_uuid"]: uuid.uuid4().hex for row in rows["runs"]}
            new |= {row["model_id"]: f"m-{uuid.uuid4().hex}" for row in rows["logged_models"]}
            names = (*OF_RUN, *OF_MODEL, *(OF_VERSION if age <= n_newer else ()))
            for name in names:
                copies = [_older(row, new, age, n_newer) for row in rows[name]]
                connection.execute(sa.insert(tables[name]), copies) if copies else None


def _rows(connection: sa.Connection, table: sa.Table) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


def _raise_numbers(
    connection: sa.Connection, tables: Mapping[str, sa.Table], rows: Mapping[str, list[dict[str, Any]]], by: int
) -> None:
    """The versions that there are become the newest."""
    for name in (*OF_VERSION, "registered_model_aliases"):
        table = tables[name]
        for row in rows.get(name, _rows(connection, table)):
            keys = [table.c[key.name] == row[key.name] for key in table.primary_key]
            connection.execute(sa.update(table).where(*keys).values(version=int(row["version"]) + by))


def _older(row: Mapping[str, Any], new: Mapping[str, str], age: int, newest: int) -> dict[str, Any]:
    """A copy under new ids, so many days older; a version gets the number of its age."""
    made = dict(row)
    for name, value in row.items():
        if name == "version":
            made[name] = newest + 1 - age
        elif name.endswith(("time", "timestamp", "timestamp_ms")):
            made[name] = value - age * DAY if value else value
        elif isinstance(value, str):
            made[name] = reduce(lambda text, old: text.replace(old, new[old]), new, value)
    if row.get("key", row.get("tag_key")) == "data_version":
        field = "value" if "value" in row else "tag_value"
        made[field] = f"{row[field][:-8]}{age:08x}"
    return made


def crown(settings: Settings, n_titles: int) -> None:
    """So many changes of the title, the last to who holds it."""
    store = MlflowStore(settings)
    champion = store.champion()
    other = next(version for version in store.holders() if version.name != champion.name)
    for number in range(n_titles, 0, -1):
        store.record_title(champion if number % 2 else other, why="luck", verdict="promoted", data_version=None)


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """A server that answers, until the end of the block."""
    told = {**settings.model_dump(mode="json"), "serve": {"port": 0, "ledger": "off", "pairs": [settings.pair]}}
    server = subprocess.Popen([sys.executable, "-c", SERVE, json.dumps(told)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait(60)
        server.stdout.close()


Took = list[tuple[float, float]]  # wall and CPU seconds in each registry


def timed(acts: Sequence[tuple[str, Callable[[], object]]], times: int = TIMES) -> Took:
    """The least of so many times in each folder by turns: what else the machine does holds up both alike."""
    took: list[Took] = [[] for _ in acts]
    for _ in range(times):
        for (folder, act), mine in zip(acts, took, strict=True):
            os.chdir(folder)
            wall, cpu = time.perf_counter(), time.process_time()
            act()
            mine.append((time.perf_counter() - wall, time.process_time() - cpu))
    return [(min(wall for wall, _ in mine), min(cpu for _, cpu in mine)) for mine in took]


def measure(places: Mapping[str, Settings]) -> Iterator[tuple[str, Took]]:
    """Each verb in each registry, by folder."""

    def each(act: Callable[[Settings], object], times: int = TIMES) -> Took:
        return timed([(folder, partial(act, settings)) for folder, settings in places.items()], times)

    turns: dict[str, Iterator[VersionRecord]] = {}
    for folder, settings in places.items():
        os.chdir(folder)
        held = {alias: one for one in MlflowStore(settings).holders() for alias in one.aliases}
        turns[settings.tracking_uri] = cycle([held["challenger"], held["champion"]])
    yield "status", each(status)
    yield "status --all", each(status_of_all)
    yield "evaluate, nothing new", each(evaluate)
    yield "history", each(history)
    yield "promote", each(lambda one: promote(one, next(turns[one.tracking_uri]).pinned_uri, "to measure"), 2 * TIMES)
    each(lambda settings: evaluate(settings, unpin=True), 1)
    with ExitStack() as up:
        acts = []
        for folder, settings in places.items():
            os.chdir(folder)
            acts.append((folder, partial(look, up.enter_context(serving(settings)))))
        yield "dashboard", timed(acts, 3 * TIMES)
    yield "serve, to its first answer", each(start, 3)


def look(address: str) -> None:
    """Fetch the dashboard."""
    with urllib.request.urlopen(f"{address}/") as answer:
        answer.read()


def start(settings: Settings) -> None:
    """Start a server, and fetch its dashboard."""
    with serving(settings) as address:
        look(address)


def main() -> None:
    """Make two registries, fill one, measure both by turns."""
    where = sys.argv[1] if len(sys.argv) > 1 else "sqlite"
    n_runs, n_versions = (int(sys.argv[at]) if len(sys.argv) > at else of for at, of in ((2, 2000), (3, 500)))
    with (
        tempfile.TemporaryDirectory(prefix="podium-") as top,
        servers.postgres() if where == "postgresql" else (nullcontext()) as database,
    ):
        places = {}
        for folder in (f"{top}/few", f"{top}/many"):
            Path(folder).mkdir()
            os.chdir(folder)
            uri = database.fresh() if database else f"sqlite:///{folder}/mlflow.db"
            settings = Settings(tracking_uri=uri, contestants=("LinearRegression", "ARIMA", "ExponentialSmoothing"))
            MlflowStore(settings).prepare()  # in one process: migrations of several at once meet each other
            championship(settings)
            places[folder] = settings
        fill(uri, n_runs, n_versions)
        crown(settings, n_titles=101)
        print(f"{where}: {n_runs} runs, {n_versions} versions")
        print("| | 3 runs: wall, CPU | many: wall, CPU | wall, CPU |")
        for name, took in measure(places):
            row = [f"{1e3 * wall:.0f} ms, {1e3 * cpu:.0f} ms" for wall, cpu in took]
            ratios = [f"{new / old:.2f}" for old, new in zip(*took, strict=True)]
            print("|", name, "|", " | ".join(row), "|", ", ".join(ratios), "|", flush=True)


if __name__ == "__main__":
    main()
