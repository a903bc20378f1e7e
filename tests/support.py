"""What tests of several rooms do to the world outside: wait for it, find a port, start a server and ask it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from filelock import FileLock

from podium.evaluate.judgement import Judgement, Standing

HOST = "127.0.0.1"
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy before loopback
PAUSE = 0.02  # seconds between two looks
Found = TypeVar("Found")


def standing_of(row: Mapping[str, Any]) -> Standing:
    """A contestant's standing, of the figures on one level that `Standing.flat` gives."""
    known = dict.fromkeys(("champion", "champion_version", "title_data_day", "random_walk_in_mcs"))
    words = {"pair": "EURUSD", "data_version": "test-EURUSD-2026-01-02-00000000", "policy": "rmse", "verdict": "held"}
    words |= {"scored_days": "2025-01-02..2026-01-01:250", "reason": ""}
    counts = {"n_scored_days": 250, "alpha": 0.05, "recipes_tried": 1, "alpha_needed": 0.05, "proven": False}
    flat = {name: value for name, value in row.items() if name != "skill"}
    ranked: dict[str, Any] = {"minimum_detectable_r2": None, "baselines": {}, "ranking": [flat]}
    return Judgement.from_json(json.dumps({**known, **words, **counts, **ranked})).ranking[0]


def until(condition: Callable[[], Found], what: str, seconds: float = 60.0) -> Found:
    """Look again and again until it is true, and return what was found; too late the test fails by `what`."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"{what}: not within {seconds:g} seconds"
        time.sleep(PAUSE)
    return found


async def until_async(condition: Callable[[], Found], what: str, seconds: float = 20.0) -> Found:
    """The same beside the other tasks of a loop."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"{what}: not within {seconds:g} seconds"
        await asyncio.sleep(PAUSE / 10)
    return found


def strict_json(text: str) -> Any:
    """What exactly one JSON document says; NaN and infinities are none."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder for all processes of the tests, filled by the first that asks for it."""
    root = factory.getbasetemp()
    shared = root.parent if os.environ.get("PYTEST_XDIST_WORKER") else root
    folder, made = shared / name, shared / f"{name}.made"
    with FileLock(shared / f"{name}.lock"):
        if not made.exists():
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


def free_port(*offsets: int) -> int:
    """A port that is free, and so are those at these offsets: below what a system gives to clients, who come and go."""
    ports = (random.randrange(12_000, 20_000) for _ in range(200))
    return next(port for port in ports if all(_is_free(port + offset) for offset in (0, *offsets)))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def body(url: str) -> bytes:
    """What a server answers; nothing of one that does not, or that refuses."""
    try:
        with OPENER.open(url, timeout=10) as answer:
            return bytes(answer.read())
    except OSError as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it holds the connection
        return b""


def shell_environment(**more: str) -> dict[str, str]:
    """A user's environment: the project's on the path, no proxy on loopback, and no setting of what a test looks at.

    What training in this very process has set for TensorFlow goes too.
    """
    dropped = (
        "MLFLOW_", "PODIUM_", "AWS_", "TF_", "KERAS_", "PYTHONDONTWRITEBYTECODE", "PYTHONWARNINGS", "COLUMNS",
        "NO_COLOR", "FORCE_COLOR",
    )  # fmt: skip
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
    return {**kept, "PATH": path, "NO_PROXY": "*", "no_proxy": "*", **more}


@contextlib.contextmanager
def running(
    command: Sequence[str | Path], ready: Callable[[], object], folder: Path, env: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A server in a process group of its own, once it is ready; ended at the end. It writes to `server.log`."""
    log = folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=dict(env), cwd=folder, start_new_session=True)
    try:
        until(lambda: process.poll() is not None or ready(), f"{command!r} is ready, which wrote to {log}", 180)
        assert process.poll() is None, f"{command!r} has ended:\n{log.read_text()[-2000:]}"
        yield process
    finally:
        for word in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, word)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(8)
                break
