"""Championships of many pairs as a user holds them, then the same with nothing new, then all served: a row each.

    python benchmarks/many_pairs.py [all|majors|EURUSD,GBPJPY] [flags of podium run ...]

Wall seconds, CPU seconds of all processes, the most memory that all had together (proportional set size, once a
second), and what was added to the folder. Give figures of an idle machine: wall time is what is asked for.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from http.client import HTTPResponse
from pathlib import Path


def memory(parent: int) -> int:
    """Bytes of a process and all that it began."""
    total, waiting = 0, [parent]
    while waiting:
        pid = waiting.pop()
        try:
            children = [int(word) for task in Path(f"/proc/{pid}/task").iterdir() for word in _words(task / "children")]
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue  # it has ended
        total += 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        waiting += children
    return total


def _words(path: Path) -> list[str]:
    return path.read_text().split()


def held(folder: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


PODIUM = [sys.executable, "-c", "from podium.cli.verbs import main; main()"]


def run(what: str, folder: Path, *flags: str) -> None:
    """`podium run` in the folder; one row."""
    before, used, most = held(folder), resource.getrusage(resource.RUSAGE_CHILDREN), 0
    over = threading.Event()
    began = time.monotonic()
    process = subprocess.Popen(
        [*PODIUM, "run", *flags], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )

    def watch() -> None:
        nonlocal most
        while not over.wait(1.0):
            most = max(most, memory(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    told, beside = process.communicate()
    over.set()
    watcher.join()
    wall, now = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    added = (held(folder) - before) / 1e6
    print(f"| {what} | {wall:.1f} s | {cpu:.1f} s | {most / 1e9:.2f} GB | {added:.3f} MB |", flush=True)
    print((told or beside).splitlines()[-1], file=sys.stderr)


def serve(what: str, folder: Path) -> None:
    """`podium serve` with an empty cache, then with a full one, until it answers for every pair; a row each."""
    for cache in ("cold", "warm"):
        began = time.monotonic()
        command = [*PODIUM, "serve", "--port", "0"]
        server = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert server.stdout is not None
        try:
            address = server.stdout.readline().split()[-1]
            with _opened(f"{address}/health") as answer:
                pairs = json.load(answer)["pairs"]
            wall, most = time.monotonic() - began, memory(server.pid)
        finally:
            server.terminate()
            server.communicate()
        print(
            f"| {what}, {cache} cache: {len(pairs)} pairs answer | {wall:.1f} s | | {most / 1e9:.2f} GB | |", flush=True
        )


def _opened(address: str) -> HTTPResponse | urllib.error.HTTPError:
    """The answer, also of a server whose rates are old."""
    try:
        found: HTTPResponse = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=60)
    except urllib.error.HTTPError as error:
        return error
    return found


def main() -> None:
    """Twice in the same folder, then served."""
    pairs, *flags = sys.argv[1:] or ["all"]
    os.environ["PYTHONSAFEPATH"] = "1"
    with tempfile.TemporaryDirectory(prefix="podium-") as folder:
        for what in (f"--pairs {pairs}", "again, nothing new"):
            run(what, Path(folder), "--pairs", pairs, *flags)
        serve("podium serve", Path(folder))


if __name__ == "__main__":
    main()
