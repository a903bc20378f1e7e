"""Several processes on one ledger, and processes that are killed."""

import signal
import subprocess
import sys

import pytest

from podium.ledger import Ledger, rows

# Each of 16 clients prints an id once the ledger has acknowledged it, as a server answers once it has.
SERVE = """
import asyncio, sys
from podium.ledger import Entry, Ledger, LedgerWriter, new_id

def entry(arm, request_id=None):
    forecast_id, now = new_id()
    return Entry(forecast_id, request_id or forecast_id, now, "EURUSD", "default", arm, request_id is not None, False,
                 "EURUSD_LSTM", 3, None, "key", 0.001, origin="2026-10-30")

async def client(writer, requests):
    for _ in range(requests):
        answered = entry("champion")
        shadow = entry("challenger", answered.forecast_id)
        await writer.submit([answered, shadow])
        print(answered.forecast_id, shadow.forecast_id, flush=True)

async def main(address, durability, requests):
    async with LedgerWriter(Ledger.open(address, durability)) as writer:
        await asyncio.gather(*(client(writer, requests) for _ in range(16)))

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def serve(address: str, requests: int, durability: str = "process") -> subprocess.Popen[str]:
    """A process of 16 clients with that many requests each."""
    command = [sys.executable, "-c", SERVE, address, durability, str(requests)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("durability", ["process", "power"])
def test_killed_under_load(address: str, durability: str) -> None:
    """After SIGKILL in the middle of the load, every acknowledged forecast is in the ledger, and its shadow too."""
    process = serve(address, 1_000_000, durability)
    assert process.stdout is not None
    acknowledged = [process.stdout.readline() for _ in range(2000)]
    process.send_signal(signal.SIGKILL)
    acknowledged += process.stdout.readlines()
    process.wait()
    process.stdout.close()
    if not acknowledged[-1].endswith("\n"):
        acknowledged.pop()  # the kill cut the line short: this client has no answer
    ledger = Ledger.open(address)
    lines = list(rows(ledger))
    ledger.close()
    received = {forecast_id for line in acknowledged for forecast_id in line.split()}
    assert len(received) >= 4000
    assert received <= {line["forecast_id"] for line in lines}
    # Whole requests only: no answer without its shadow.
    assert len({line["request_id"] for line in lines}) * 2 == len(lines)


def test_several_processes_share_a_ledger(address: str) -> None:
    """Three processes that write at once lose nothing, fail nowhere, and make no id twice."""
    processes = [serve(address, 100) for _ in range(3)]
    printed = [process.communicate()[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    ledger = Ledger.open(address)
    stored = [line["forecast_id"] for line in rows(ledger)]
    ledger.close()
    assert len(stored) == 3 * 16 * 100 * 2
    assert stored == sorted({forecast_id for ids in printed for forecast_id in ids})
