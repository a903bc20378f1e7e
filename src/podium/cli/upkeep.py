"""ui, reset."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from podium.cli.console import note, say
from podium.cli.options import takes_settings
from podium.errors import PodiumError, SettingError
from podium.settings import Settings

PORTS_TO_TRY = 50


def enrol(app: typer.Typer) -> None:
    """Add the verbs of this room."""
    app.command("ui")(ui)
    app.command("reset")(reset)


@takes_settings("tracking_uri")
def ui(
    settings: Settings,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; the next free one is taken if it is in use.")] = 5001,
) -> None:
    """Open MLflow's own pages on the championship; Ctrl-C ends them."""
    from podium.registry.edge import mask

    if not settings.tracking_uri.startswith(("sqlite:", "postgresql", "mysql")):
        address = mask(settings.tracking_uri)
        raise SettingError(
            f"setting tracking_uri = {address!r} is a server with pages of its own; open it in a browser"
        )
    free = _free_port(host, port)
    if free != port:
        note(f"port {port} is taken ({_who_holds(port)}); taking {free}")
    say(f"MLflow on http://{host}:{free} - Ctrl-C ends it")
    command = [sys.executable, "-m", "mlflow", "ui", "--host", host, "--port", str(free), "--workers", "1"]
    environment = {
        **os.environ,
        "PYTHONWARNINGS": "ignore",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # its workers judge language models; four processes less
        "MLFLOW_BACKEND_STORE_URI": settings.tracking_uri,  # may hold a password, and command lines are public
    }
    raise typer.Exit(_until_interrupted(command, environment))


def _until_interrupted(command: list[str], environment: Mapping[str, str]) -> int:
    """Run a server until it ends or we are told to; the exit code.

    It has a process group of its own, since it answers Ctrl-C with a traceback; it and its workers are asked to end.
    """
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    server = subprocess.Popen(command, env=environment, process_group=0)
    try:
        return abs(server.wait())
    except KeyboardInterrupt:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait()
        return 0


def _free_port(host: str, first: int) -> int:
    for port in range(first, min(first + PORTS_TO_TRY, 65536)):
        try:
            with socket.socket() as trial:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind((host, port))
        except OverflowError:
            break
        except PermissionError:
            continue
        except OSError as error:
            if error.errno == 99:  # EADDRNOTAVAIL
                raise SettingError(f"--host {host}: this machine has no such address") from None
            continue
        return port
    raise SettingError(f"--port {first}: no free port from there on; choose another")


def _who_holds(port: int) -> str:
    """The process that listens on a port, where this user may know it; else how to find out."""
    ask = f"ask `lsof -i :{port}` who has it"
    try:
        import psutil
    except ImportError:
        return ask
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"by {psutil.Process(connection.pid).name()}, process {connection.pid}"
    except psutil.Error:
        return ask
    return ask


@takes_settings("tracking_uri", "data_dir", "models_dir")
def reset(
    settings: Settings,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Annotated[bool, typer.Option("--data", help="Remove rates and all that was made of them too.")] = False,
) -> None:
    """Start fresh: remove the local database, its artifacts and the pointer, after asking.

    All experiment history and registered models go. Stored rates stay unless --data is given; the ledger of served
    forecasts stays, and a tracking server or another database is never touched.
    """
    doomed = _doomed(settings, data)
    if not doomed:
        say("nothing to remove: no championship has been run here")
        return
    for path in doomed:
        say(f"{'remove' if yes else 'would remove'} {path} ({_size(path)})")
    if not yes and not _confirmed():
        say("nothing removed")
        raise typer.Exit(1)
    for path in doomed:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    say(f"removed; the next championship starts fresh with {'`podium run`' if data else '`podium train`'}")


def _doomed(settings: Settings, data: bool) -> list[Path]:
    from podium.registry.connection import sqlite_path

    database = sqlite_path(settings.tracking_uri)
    if database is None:
        raise SettingError(
            "podium reset removes a local SQLite championship only; tracking_uri is a server or database"
        )
    siblings = [database.with_name(f"{database.name}{end}") for end in ("", ".lock", "-journal", "-wal", "-shm")]
    pointers = sorted(settings.models_dir.glob("best_model_info*.json"))
    locks = sorted(settings.models_dir.glob(".*.evaluate.lock"))
    paths = [*siblings, Path("mlruns"), *pointers, *locks]
    if data:
        paths += [settings.data_dir / name for name in ("raw", "processed", "simulated", "cache", "serving")]
    return [path for path in paths if path.exists()]


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        raise PodiumError("podium reset asks before it removes, and there is nobody to ask here; give --yes")
    return typer.confirm("Remove all of this?")


def _size(path: Path) -> str:
    files = [path] if path.is_file() else [inner for inner in path.rglob("*") if inner.is_file()]
    n_bytes = sum(file.stat().st_size for file in files)
    return f"{len(files)} file{'s' if len(files) != 1 else ''}, {n_bytes / 1e6:.1f} MB"
