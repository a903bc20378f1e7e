"""Promoters race for one pair's title, and a third client asks all the while who leads.

python benchmarks/races.py [--tracking-uri sqlite:///mlflow.db] [--races 200] [--promoters 3] [--no-kill]
python benchmarks/races.py --server     # over an MLflow server on PostgreSQL, which it starts and ends

Each race begins at a barrier; each promoter is a process of its own and wants another model. Prints one JSON object:

    polls, none          how often the third client asked, and how often Podium said that nobody leads
    torn                 how often one plain search of MLflow's showed nobody, who reads one model after the other
    shared               races after which an alias was held twice, or by nobody
    won, told, idle      promotions that moved the title; that heard who had moved it meanwhile; that were there already
    other                anything else, by its message
    after_a_kill         seconds that the next promotion waited after a holder of the turn was killed
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import signal
import string
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any

from podium.errors import MissingError, RegistryError
from podium.pipeline.titles import promote
from podium.records import ALIASES, CHAMPION, RunRecord
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings

FAMILIES = ("LinearRegression", "ARIMA", "LSTM")
PRELOADED = [
    "mlflow",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
    "podium.pipeline.titles",
]
ROUND = 300.0  # seconds after which a race counts as hung


def crown(settings: Settings) -> None:
    """Three versions with a file each, and the aliases on them."""
    store = MlflowStore(settings)
    experiment = store.prepare()
    versions = []
    for family in FAMILIES:
        run_id = store.client.create_run(experiment).info.run_id
        logged = store.client.create_logged_model(experiment, name="model", source_run_id=run_id)
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "MLmodel").write_text("flavors: {}\n")
            store.client.log_model_artifacts(logged.model_id, folder)
        versions.append(store.register(RunRecord(run_id, family, f"models:/{logged.model_id}", {}, {}, 0)))
    store.assign(settings.pair, dict(zip(ALIASES, versions, strict=True)))
    store.record_title(versions[0], why="the first", verdict="first", data_version=None)


def run_promoter(settings: Settings, number: int, races: int, line: Barrier, told: Any) -> None:
    """One promoter: a promotion each race, its outcome put into `told`."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    MlflowStore(settings).champion()  # everything is imported and open
    mine = settings.model_copy(
        update={"developer": f"promoter{number}", "models_dir": settings.models_dir / str(number)}
    )
    for race in range(races):
        line.wait(ROUND)
        try:
            title = promote(mine, FAMILIES[(race + number) % len(FAMILIES)], why=f"race {race}")
            told.put("won" if title else "idle")
        except RegistryError as error:
            names_winner = "meanwhile the title went to models:/" in str(error) and "by promoter" in str(error)
            told.put("told" if names_winner else str(error))
        line.wait(ROUND)


def run_poller(settings: Settings, stop: Event, told: Any) -> None:
    """The third client: asks who leads, as Podium does and by one plain search, until it is told to stop."""
    store, found = MlflowStore(settings), Counter[str]()
    while not stop.is_set():
        found["polls"] += 1
        models = store.client.search_registered_models(f"name LIKE '{settings.pair}%'")
        found["torn"] += not any(CHAMPION in (model.aliases or {}) for model in models)
        try:
            store.champion()
        except MissingError:
            found["none"] += 1
    told.put(dict(found))


def hold(settings: Settings, told: Any) -> None:
    """Take the turn, say so, and keep it for ever."""
    with MlflowStore(settings).turn():
        told.put(os.getpid())
        signal.pause()


def is_shared(store: MlflowStore) -> bool:
    """Whether any alias is not held by exactly one version."""
    held = Counter(alias for version in store.holders() for alias in version.aliases)
    return any(held[alias] != 1 for alias in ALIASES)


def after_a_kill(settings: Settings, context: Any) -> float:
    """Seconds that a promotion takes when whoever has the turn is killed just before."""
    told = context.Queue()
    holder = context.Process(target=hold, args=(settings, told))
    holder.start()
    os.kill(told.get(timeout=60), signal.SIGKILL)
    holder.join()
    leader, started = MlflowStore(settings).champion(), time.monotonic()
    promote(settings, next(family for family in FAMILIES if family != leader.family), why="after a kill")
    return round(time.monotonic() - started, 1)


def run(settings: Settings, races: int, promoters: int, kill: bool) -> dict[str, Any]:
    """All races; what came of them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    crown(settings)
    line, stop, told, polled = context.Barrier(promoters + 1), context.Event(), context.Queue(), context.Queue()
    processes = [
        context.Process(target=run_promoter, args=(settings, number, races, line, told), daemon=True)
        for number in range(promoters)
    ]
    processes.append(context.Process(target=run_poller, args=(settings, stop, polled), daemon=True))
    for process in processes:
        process.start()
    store, outcomes, shared = MlflowStore(settings), Counter[str](), 0
    started = time.monotonic()
    for _ in range(races):
        line.wait(ROUND)
        line.wait(ROUND)
        outcomes.update(told.get(timeout=60) for _ in range(promoters))
        shared += is_shared(store)
    seconds = time.monotonic() - started
    stop.set()
    polls = polled.get(timeout=60)
    for process in processes:
        process.join(60)
    known = {word: outcomes.pop(word, 0) for word in ("won", "told", "idle")}
    summary = {"races": races, **polls, "none": polls.get("none", 0), "shared": shared, **known}
    summary |= {"other": dict(outcomes), "seconds": round(seconds, 1)}
    return summary | ({"after_a_kill": after_a_kill(settings, context)} if kill else {})


@contextmanager
def _server() -> Iterator[str]:
    import servers

    with (
        servers.postgres() as database,
        servers.object_store() as store,
        servers.mlflow_server(database, store) as address,
    ):
        yield address


def main() -> None:
    """Read the flags, race, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracking-uri")
    parser.add_argument("--server", action="store_true", help="over an MLflow server of its own, on PostgreSQL")
    parser.add_argument("--races", type=int, default=200)
    parser.add_argument("--promoters", type=int, default=3)
    parser.add_argument("--no-kill", dest="kill", action="store_false", help="spare the wait after a kill")
    given = parser.parse_args()
    pair = "X" + "".join(random.choices(string.ascii_uppercase, k=5))
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        remote = stack.enter_context(_server()) if given.server else given.tracking_uri
        flags = {"tracking_uri": remote or f"sqlite:///{folder}/mlflow.db", "pair": pair}
        place = {} if remote else {"artifact_location": f"{folder}/mlruns"}
        flags["models_dir"] = Path(folder, "models")
        print(json.dumps(run(Settings.load({**flags, **place}), given.races, given.promoters, given.kill)))


if __name__ == "__main__":
    main()
