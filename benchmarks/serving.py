"""Podium's service beside `mlflow models serve`: the same models, the same machine, the same run.

    python benchmarks/serving.py                # in a folder where `podium run` has been run
    python benchmarks/serving.py --quick        # shorter, for a look

Eight connections on loopback send single rows (64 where requests are due at a rate); the load generator shares the
machine's cores with the server that it loads, which holds both back alike. For a batch of 10,000 rows and for 1,000
and 3,000 requests a second the answer's time is measured at the client from the moment at which the request was due
(open loop). Prints the figures, and writes them as JSON where --out says.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

import loadgen
from podium.data.store import data_version, load_series
from podium.features import build_features
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings

CONNECTIONS = 8
OPEN = 64  # connections of an open loop, whose requests come whether or not others are answered
BATCH = 10_000
SERVE = """
import json, sys
from podium.serve.processes.supervisor import serve
from podium.settings import Settings
sys.exit(serve(Settings.load(json.loads(sys.argv[1])), lambda line: print(line, flush=True)))
"""


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Whether `/ping` is answered with 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            return client.recv(100).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


@contextmanager
def running(command: list[str], port: int) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """A server, and the seconds from its start to its first answer."""
    binaries = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(command, env=environment, start_new_session=True, stdout=quiet, stderr=quiet)
    try:
        while not answers(port):
            if server.poll() is not None:
                raise SystemExit(f"{command[:4]} has ended before it answered")
            time.sleep(0.02)
        yield server, time.perf_counter() - started
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)


@contextmanager
def podium(ledger_address: str | None = None, **serve: object) -> Iterator[tuple[subprocess.Popen[bytes], float, int]]:
    """Podium's server with these settings."""
    port = free_port()
    told = {"ledger_address": ledger_address, "serve": {"port": port, **serve}}
    with running([sys.executable, "-c", SERVE, json.dumps(told)], port) as (server, took):
        yield server, took, port


@contextmanager
def mlflow(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], float, int]]:
    """MLflow's own server of the same artifacts."""
    port = free_port()
    command = [str(Path(sys.executable).parent / "mlflow"), "models", "serve", "-m", str(folder), "-h", "127.0.0.1"]
    with running([*command, "-p", str(port), "--env-manager", "local"], port) as (server, took):
        yield server, took, port


def request(names: tuple[str, ...], rows: list[list[float]], *headers: str) -> bytes:
    """A POST to `/invocations` as it goes over the wire."""
    body = json.dumps({"dataframe_split": {"columns": names, "data": rows}}).encode()
    lines = ["POST /invocations HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def memory(pid: int) -> float:
    """Memory in MB of a server's processes together, what they share counted once (PSS)."""
    server = psutil.Process(pid)
    found = 0
    for process in (server, *server.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            found += process.memory_full_info().pss
    return round(found / 1e6, 1)


def load(port: int, sent: bytes, seconds: float, rate: float | None = None) -> dict[str, Any]:
    """Warm up for a moment, then measure."""
    loadgen.run("127.0.0.1", port, sent, seconds=0.5, connections=CONNECTIONS, rate=None)
    connections = OPEN if rate else CONNECTIONS
    return loadgen.run("127.0.0.1", port, sent, seconds=seconds, connections=connections, rate=rate)


def batch(port: int, sent: bytes, times: int = 7) -> float:
    """Milliseconds of the median answer to a large request."""
    took = [
        loadgen.run("127.0.0.1", port, sent, seconds=0.001, connections=1, rate=None)["p50_ms"] for _ in range(times)
    ]
    return float(sorted(took)[times // 2])


def measure(seconds: float, n_flat: int) -> dict[str, Any]:
    """Every figure, by name."""
    settings = Settings.load()
    store = MlflowStore(settings)
    series = load_series(settings.data_dir / "raw" / f"{settings.pair}.parquet")
    table = build_features(series, settings.n_lags, data_version(series))
    one = request(table.names, table.values[-1:].tolist())
    many = request(table.names, [row for _ in range(BATCH) for row in table.values[-1:].tolist()])
    arms = {record.family: sorted(record.aliases)[0] for record in store.holders()}
    figures: dict[str, Any] = {"cores": os.cpu_count(), "connections": CONNECTIONS}
    with tempfile.TemporaryDirectory() as folder:
        for family in ("LinearRegression", "LSTM"):
            arm = arms[family]
            pinned = next(record.pinned_uri for record in store.holders() if record.family == family)
            with mlflow(store.fetch(pinned, Path(folder, family))) as (_, took, port):
                theirs = load(port, one, seconds)
            with podium(ledger="off") as (server, ours_took, port):
                forced = request(table.names, table.values[-1:].tolist(), f"X-Podium-Arm: {arm}")
                ours = load(port, forced, seconds)
                paced = load(port, forced, seconds, rate=1000)
                big = batch(port, many.replace(b"Content-Type", f"X-Podium-Arm: {arm}\r\nContent-Type".encode(), 1))
            with podium(ledger="required", ledger_address=f"{folder}/{family}.db") as (_, _, port):
                durable = load(port, forced, seconds)
                durably = {
                    f"at {rate} a second with ledger": load(port, forced, seconds, rate) for rate in (1000, 3000)
                }
            figures[family] = {
                "mlflow": theirs,
                "podium": ours,
                "podium with ledger": durable,
                "at 1000 a second": paced,
                **durably,
                "times mlflow": round(ours["per_second"] / theirs["per_second"], 1),
                "times mlflow with ledger": round(durable["per_second"] / theirs["per_second"], 1),
                "batch of 10000 rows, ms": big,
                "start, s": {"mlflow": round(took, 2), "podium": round(ours_took, 2)},
            }
    with podium(ledger="off") as (server, _, port):  # the first size is with the reader awake
        sizes = []
        for _ in range(5):
            done = 0
            while done < n_flat // 5:
                done += loadgen.run("127.0.0.1", port, one, seconds=2, connections=CONNECTIONS, rate=None)["requests"]
            sizes.append(memory(server.pid))
        figures["memory, MB"] = sizes
    return figures


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two seconds a figure, 50,000 requests for the memory")
    parser.add_argument("--out", type=Path, help="file for the figures as JSON")
    options = parser.parse_args()
    figures = measure(*((2.0, 50_000) if options.quick else (8.0, 500_000)))
    print(json.dumps(figures, indent=1))
    if options.out:
        options.out.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
