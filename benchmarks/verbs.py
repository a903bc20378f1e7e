"""What the verbs cost: a whole run by step, a second evaluate, and status beside a bare `import mlflow`.

    python benchmarks/verbs.py           # everything: one run, then five rounds of the short verbs
    python benchmarks/verbs.py 9         # nine rounds

Each is a process of its own, as a user starts it. The short ones take turns, so that a busy moment meets them all, and
the figures are medians. Wall seconds grow when the machine is shared; give figures of an idle one.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROUNDS = 5
PODIUM = str(Path(sys.executable).with_name("podium"))
IMPORT = [sys.executable, "-c", "import mlflow"]


def environment() -> dict[str, str]:
    """The shell's, without settings of Podium and MLflow."""
    dropped = ("PODIUM_", "MLFLOW_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


def timed(command: list[str], folder: str, variables: Mapping[str, str] | None = None) -> tuple[float, float]:
    """Wall seconds, and CPU seconds of the process and those that it started."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        command, cwd=folder, env={**environment(), **(variables or {})}, stdout=subprocess.DEVNULL, check=True
    )
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def show(name: str, wall: float, cpu: float, more: str = "") -> None:
    """One line of the table."""
    print(f"{name:34} {wall:7.2f} s wall {cpu:7.2f} s CPU {more}", flush=True)


def whole_run() -> None:
    """`podium run` in an empty folder, with the moment at which each of its lines came."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        process = subprocess.Popen([PODIUM, "run"], cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(("EURUSD:", "***")) or ": RMSE" in line.split(",")[0]:
                print(f"  {time.perf_counter() - begun:6.2f} s  {line.strip()[:76]}")
        process.wait()
        wall = time.perf_counter() - begun
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"podium run: {wall:.2f} s wall; largest process {peak:.0f} MB", flush=True)


def steps(folder: str) -> None:
    """Each step as a verb of its own; train also with the light contestants alone."""
    light = ["--contestants", "LinearRegression,ARIMA"]
    for verb in (["ingest"], ["preprocess"], ["train", *light], ["train", "--contestants", "LSTM"], ["evaluate"]):
        show(f"podium {' '.join(verb)}"[:34], *timed([PODIUM, *verb], folder))


def short_verbs(folder: str, rounds: int) -> None:
    """Verbs that people wait for, in turn with the import that none of them can do without."""
    commands = {
        "import mlflow": IMPORT,
        "podium --help": [PODIUM, "--help"],
        "podium status --json": [PODIUM, "status", "--json"],
        "podium forecast": [PODIUM, "forecast"],
        "podium evaluate, nothing new": [PODIUM, "evaluate"],
    }
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            seen[name].append(timed(command, folder))
    medians = {name: [statistics.median(column) for column in zip(*times, strict=True)] for name, times in seen.items()}
    for name, (wall, cpu) in medians.items():
        base = medians["import mlflow"]
        show(name, wall, cpu, f"{wall / base[0]:5.2f} of the import ({cpu / base[1]:.2f} by CPU)")


if __name__ == "__main__":
    whole_run()
    with tempfile.TemporaryDirectory() as here:
        steps(here)
        short_verbs(here, int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
