"""Registry writes a second with eight writers: on SQLite, on PostgreSQL, and over `mlflow server` on PostgreSQL.

    python benchmarks/registry_writes.py [sqlite|postgresql|http ...] [--writers 8] [--seconds 10]

A write is one call of MLflow's client. Each writer records runs as Podium does, without their files: the run, a batch
of 12 metrics, 20 parameters and 20 tags, a version's tag, and the run's end. Prints a row each.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.synchronize import Barrier

import servers
from podium.registry.mlflow_store import MlflowStore
from podium.registry.quiet import ENVIRONMENT
from podium.settings import Settings

WRITES_A_RUN = 4


Told = tuple[list[float], float]  # seconds of each run, and of CPU in all


def write(uri: str, number: int, seconds: float, barrier: Barrier, done: multiprocessing.Queue[Told]) -> None:
    """Record runs until the time is over; tells what each took."""
    from mlflow.entities import Metric, Param, RunTag

    store = MlflowStore(Settings(tracking_uri=uri))
    experiment, client = store.prepare(), store.client
    metrics = [Metric(f"metric_{at}", at / 7, 0, 0) for at in range(12)]
    params = [Param(f"param_{at}", "value") for at in range(20)]
    tags = [RunTag(f"tag_{at}", "a value of some length") for at in range(20)]
    took: list[float] = []
    barrier.wait()
    end, cpu = time.monotonic() + seconds, time.process_time()
    while time.monotonic() < end:
        began = time.monotonic()
        run_id = client.create_run(experiment).info.run_id
        client.log_batch(run_id, metrics, params, tags)
        client.set_registered_model_tag("writes", f"writer.{number}", str(len(took)))
        client.set_terminated(run_id)
        took.append(time.monotonic() - began)
    done.put((took, time.process_time() - cpu))


def measure(name: str, uri: str, n_writers: int, seconds: float) -> None:
    """One row: writes and runs a second, and how long a run's four writes took in the middle and at worst."""
    store = MlflowStore(Settings(tracking_uri=uri))
    store.prepare()
    store.client.create_registered_model("writes")
    context = multiprocessing.get_context("spawn")
    barrier, done = context.Barrier(n_writers), context.Queue()
    writers = [context.Process(target=write, args=(uri, at, seconds, barrier, done)) for at in range(n_writers)]
    for writer in writers:
        writer.start()
    told = [done.get(timeout=seconds + 300) for _ in writers]
    took = sorted(one for found, _ in told for one in found)
    cpu = 1e3 * sum(spent for _, spent in told) / (WRITES_A_RUN * len(took))
    for writer in writers:
        writer.join()
    rate = len(took) / seconds
    cells = [f"{WRITES_A_RUN * rate:.0f}", f"{rate:.0f}", f"{took[len(took) // 2]:.2f} s", f"{took[-1]:.2f} s"]
    print("|", " | ".join([name, *cells, f"{cpu:.1f} ms"]), "|", flush=True)


@contextmanager
def addresses(names: list[str], folder: str) -> Iterator[dict[str, str]]:
    """What is asked for, started."""
    with ExitStack() as stack:
        found = {"sqlite": f"sqlite:///{folder}/mlflow.db"} if "sqlite" in names else {}
        if set(names) & {"postgresql", "http"}:
            database = stack.enter_context(servers.postgres())
            found |= {"postgresql": database.fresh()} if "postgresql" in names else {}
            if "http" in names:
                store = stack.enter_context(servers.object_store())
                found["http"] = stack.enter_context(servers.mlflow_server(database, store))
        yield found


def main() -> None:
    """A row for each store."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=["sqlite", "postgresql", "http"])
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10)
    asked = parser.parse_args()
    os.environ |= {"NO_PROXY": "*", "no_proxy": "*", **ENVIRONMENT}
    head = ("writes a second", "runs a second", "a run's writes, median", "worst", "CPU of a writer a write")
    print("|", " | ".join([f"{asked.writers} writers on", *head]), "|")
    with tempfile.TemporaryDirectory(prefix="podium-") as folder, addresses(asked.names, folder) as found:
        for name, uri in found.items():
            measure(name, uri, asked.writers, asked.seconds)


if __name__ == "__main__":
    main()
