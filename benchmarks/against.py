"""`podium run` in an empty folder, of another commit and of this one, in turns: medians of wall and CPU seconds.

    python benchmarks/against.py              # 64eb02a, five times each
    python benchmarks/against.py v0.2.0 9

The other commit is installed in a folder of its own, with those of its locked requirements that this environment has
not got, or has in another version. One run of each comes first and is not counted: it compiles. Give figures of an
idle machine.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from verbs import PODIUM, ROOT, timed

COMMIT, ROUNDS = "64eb02a", 5
LOCKED = re.compile(r"^[A-Za-z0-9][^\\\n]*==[^\\\n]*", re.MULTILINE)


def missing(lock: str) -> list[str]:
    """Locked requirements for this machine that are not installed here as they are locked."""
    wanted = map(Requirement, LOCKED.findall(lock))
    here = {canonicalize_name(one.name): one.version for one in distributions()}
    return [
        f"{one.name}{one.specifier}"
        for one in wanted
        if (one.marker is None or one.marker.evaluate())
        and here.get(canonicalize_name(one.name)) not in {str(given.version) for given in one.specifier}
    ]


def installed(commit: str, folder: Path) -> Path:
    """The commit's package, in a folder; its source is checked out beside it."""
    source, target = folder / "source", folder / "site"
    source.mkdir()
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(["tar", "x"], cwd=source, input=packed, check=True)
    others = missing((source / "requirements/run.txt").read_text())
    print(f"{commit} with {', '.join(others) or 'what is installed here'}", flush=True)
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    install = [uv, "pip", "install", "--python", sys.executable] if uv else [sys.executable, "-m", "pip", "install"]
    subprocess.run([*install, "--quiet", "--no-deps", "--target", str(target), str(source), *others], check=True)
    return target


def main() -> None:
    """A line a round, then the medians and their ratio."""
    commit, rounds = [*sys.argv[1:], *[COMMIT, str(ROUNDS)][len(sys.argv) - 1 :]]
    with tempfile.TemporaryDirectory() as folder:
        site = installed(commit, Path(folder))
        commands = {commit: ([str(site / "bin" / "podium")], {"PYTHONPATH": str(site)}), "this": ([PODIUM], {})}
        seen: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for at in range(int(rounds) + 1):
            for name, (command, variables) in commands.items():
                with tempfile.TemporaryDirectory() as empty:
                    took = timed([*command, "run"], empty, variables)
                print(f"{name:10} {took[0]:7.2f} s wall {took[1]:7.2f} s CPU{'' if at else '  (compiles)'}", flush=True)
                seen[name] += [took] if at else []
    medians = {name: [statistics.median(column) for column in zip(*times, strict=True)] for name, times in seen.items()}
    wall, cpu = (medians["this"][column] / medians[commit][column] for column in (0, 1))
    for name, (wall_s, cpu_s) in medians.items():
        print(f"{name:10} {wall_s:7.2f} s wall {cpu_s:7.2f} s CPU  (median)")
    print(f"this against {commit}: {wall:.2f} of its wall time, {cpu:.2f} of its CPU time")


if __name__ == "__main__":
    main()
