"""What the ledger and the split cost: forecasts committed a second, the wait of a client, and the price of an arm.

    python benchmarks/ledger.py                                  # SQLite in a temporary folder, both durabilities
    python benchmarks/ledger.py postgresql://user:pw@host/name   # a PostgreSQL of yours

Each client hands in one forecast, waits until it is committed, and hands in the next: what a server does for its
clients, without the HTTP.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
import timeit
from pathlib import Path
from typing import Any

import numpy as np

from podium.ledger import Entry, Ledger, LedgerWriter, forecast_columns, new_id, rows
from podium.serve.web.split import Split

SECONDS = 3.0


def entry(**columns: Any) -> Entry:
    """A forecast as the server records it."""
    forecast_id, now = new_id()
    described = {"origin": "2026-10-30", "target_date": "2026-11-02", **(columns or {"forecast": 0.00125})}
    return Entry(
        forecast_id=forecast_id, request_id=forecast_id, created_at=now, pair="EURUSD", experiment="default",
        arm="champion", shadow=False, forced=False, model_name="EURUSD_LSTM", model_version=3, run_id="f" * 32,
        request_key="customer-123456", known_through="2026-10-30", latency_us=812, **described,
    )  # fmt: skip


async def load(address: str, durability: str, clients: int) -> str:
    """Let that many clients write for a while; how many forecasts a second, and how long each waited."""
    waits: list[float] = []
    ledger = Ledger.open(address, durability)  # type: ignore[arg-type]
    async with LedgerWriter(ledger) as writer:
        stop = time.perf_counter() + SECONDS

        async def client() -> None:
            while (start := time.perf_counter()) < stop:
                await writer.submit([entry()])
                waits.append(time.perf_counter() - start)

        await asyncio.gather(*(client() for _ in range(clients)))
    ledger.close()
    p50, p99 = np.percentile(waits, [50, 99]) * 1e3
    return f"{len(waits) / SECONDS:>8,.0f}/s   p50 {p50:6.2f} ms   p99 {p99:6.2f} ms   max {max(waits) * 1e3:6.1f} ms"


def processes(address: str, durability: str, clients: int) -> None:
    """Two processes write to one ledger at a time."""
    command = [sys.executable, __file__, "--load", address, durability, str(clients)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in started:
        print(f"    one of two processes, {clients} clients each   {process.communicate()[0].strip()}")


async def bulk(address: str) -> str:
    """One request of 10,000 rows."""
    forecasts = np.random.default_rng(0).normal(0, 0.005, 10_000)
    ledger = Ledger.open(address)
    async with LedgerWriter(ledger) as writer:
        waits = []
        for _ in range(20):
            start = time.perf_counter()
            await writer.submit([entry(**forecast_columns(forecasts))])
            waits.append(time.perf_counter() - start)
    ledger.close()
    return f"{np.median(waits) * 1e3:.1f} ms"


def measure(address: str, durabilities: tuple[str, ...]) -> None:
    """All figures of one database."""
    Ledger.open(address).close()
    start = time.perf_counter()
    Ledger.open(address).close()
    print(f"opening a migrated ledger: {(time.perf_counter() - start) * 1e3:.1f} ms")
    for durability in durabilities:
        print(f"durability {durability}")
        for clients in (1, 8, 64, 512):
            print(f"    {clients:>3} clients   {asyncio.run(load(address, durability, clients))}")
        processes(address, durability, 8)
    print(f"one request of 10,000 rows: {asyncio.run(bulk(address))}")
    start, ledger = time.perf_counter(), Ledger.open(address)
    count = sum(1 for _ in rows(ledger))
    print(f"export: {count:,} lines, {count / (time.perf_counter() - start):,.0f} a second")
    ledger.close()


def main(arguments: list[str]) -> None:
    """Print the figures."""
    if arguments[:1] == ["--load"]:
        print(asyncio.run(load(arguments[1], arguments[2], int(arguments[3]))))
        return
    split = Split.parse("champion=90,challenger=10")
    for what, work in (
        ("choosing an arm", lambda: split.arm("default", "salt", "customer-123456")),
        ("making an entry", entry),
    ):
        print(f"{what}: {min(timeit.repeat(work, number=20_000, repeat=5)) / 20_000 * 1e6:.2f} microseconds")
    if arguments:
        measure(arguments[0], ("process",))
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(str(Path(folder) / "ledger.db"), ("process", "power"))


if __name__ == "__main__":
    main(sys.argv[1:])
