"""settings, ui, upgrade, reset."""

from __future__ import annotations

import json
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

from podium.cli.console import answer, note, say, say_whole
from podium.cli.flags import EVERYTHING, Json, check_options, takes_settings
from podium.environment import child_environment
from podium.errors import PodiumError, SettingError
from podium.registry.local_files import Championship, read
from podium.settings import Settings
from podium.settings.overview import as_text, in_force, settings_table

PORTS_TO_TRY = 50


@takes_settings(*EVERYTHING)
def settings(
    settings: Settings,
    as_json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print what there is to set, as a table.")] = False,
) -> None:
    """Every setting as it is in force here, and where it comes from; passwords are masked."""
    if markdown:
        say_whole(settings_table())
        return
    check_options(settings)
    found = [*in_force(settings)]
    document = {name: {"value": value, "from": origin} for name, value, origin in found}
    shown = ((name, "not set" if value in (None, [], {}) else as_text(value), origin) for name, value, origin in found)
    answer(as_json, document, (f"{name} = {value}  ({origin})" for name, value, origin in shown))


@takes_settings("tracking_uri", "registry_uri")
def ui(
    settings: Settings,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; the next free one is taken if it is in use.")] = 5001,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address as one JSON document.")] = False,
) -> None:
    """Open MLflow's own pages on the championship; Ctrl-C ends them."""
    from podium.registry.mlflow_store import MlflowStore
    from podium.settings.wording import mask

    for name, uri in (("tracking_uri", settings.tracking_uri), ("registry_uri", settings.registry_uri)):
        if uri and not uri.startswith(("sqlite:", "postgresql", "mysql")):
            raise SettingError(
                f"setting {name} = {mask(uri)!r} is a server with pages of its own; open it in a browser"
            )
    free = _free_port(host, port)
    _ = MlflowStore(settings).client  # makes the schema under our lock; MLflow's server would make it without one
    if free != port:
        note(f"port {port} is taken (ask `lsof -i :{port}` who has it); taking {free}")
    address = f"http://{f'[{host}]' if ':' in host else host}:{free}"
    answer(as_json, {"address": address}, [f"MLflow on {address} - Ctrl-C ends it"])
    command = [sys.executable, "-m", "mlflow", "ui", "--host", host, "--port", str(free), "--workers", "1"]
    environment = child_environment(
        PYTHONWARNINGS="ignore",
        UVICORN_APP_DIR=os.devnull,  # uvicorn else puts the working folder first on Python's path
        MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",  # its workers judge language models; four processes less
        # addresses may hold passwords, and command lines are public
        MLFLOW_BACKEND_STORE_URI=settings.tracking_uri,
        MLFLOW_REGISTRY_STORE_URI=settings.registry_uri or settings.tracking_uri,
    )
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


@takes_settings("tracking_uri", "registry_uri")
def upgrade(settings: Settings, as_json: Json = False) -> None:
    """Bring the database of an older MLflow to the schema of this one, and keep a copy of it as it was.

    Nobody may use it meanwhile: stop what serves from it first.
    """
    from podium.registry.mlflow_store import MlflowStore

    backups = MlflowStore(settings).upgrade()
    lines = [f"upgraded; the database as it was is {backup}" for backup in backups]
    answer(as_json, {"backups": [str(backup) for backup in backups]}, lines or ["nothing to upgrade"])


@takes_settings("tracking_uri", "registry_uri", "data_dir", "models_dir")
def reset(
    settings: Settings,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Annotated[bool, typer.Option("--data", help="Remove rates and all that was made of them too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document; takes --yes.")] = False,
) -> None:
    """Start fresh: remove the local database, its artifacts and the pointer, after asking.

    All experiment history and registered models go. Stored rates stay unless --data is given; the ledger of served
    forecasts stays, and a tracking server or another database is never touched.
    """
    databases = _databases(settings)
    championship = read(databases[0])
    doomed = _doomed(settings, data, databases, championship)
    if as_json and not yes:
        raise SettingError("podium reset --json asks nobody; give --yes too")
    if not doomed and not as_json:
        say("nothing to remove: no championship has been run here")
        return
    for place in championship.elsewhere:
        note(f"the artifacts in {place} stay; remove them there")
    for path in doomed:
        if not as_json:
            say(f"{'remove' if yes else 'would remove'} {path} ({_size(path)})")
    if not yes and not _confirmed():
        say("nothing removed")
        raise typer.Exit(1)
    _see_that_all_can_go(doomed)
    for path in reversed(doomed):  # the database last: it says where the rest is, should something stop us
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    line = f"removed; the next championship starts fresh with {'`podium run`' if data else '`podium train`'}"
    answer(as_json, {"removed": [str(path) for path in doomed]}, [line])


def _doomed(settings: Settings, data: bool, databases: list[Path], championship: Championship) -> list[Path]:
    paths = [
        database.with_name(f"{database.name}{end}")
        for database in databases
        for end in ("", ".lock", "-journal", "-wal", "-shm")
    ]
    paths += [lock for database in databases for lock in sorted(database.parent.glob(f"{database.name}.*.lock"))]
    here = databases[0].resolve().parent == Path.cwd().resolve()
    if here and not Path("mlruns").is_symlink():  # behind a link only what the database names
        paths.append(Path("mlruns"))
    paths += [_shown(path) for path in championship.artifacts()]
    pointers = sorted(settings.models_dir.glob("best_model_info*.json"))
    paths += [path for path in pointers if _points_at(path, championship.run_ids, here)]
    if data:
        paths += [settings.data_dir / name for name in ("raw", "processed", "simulated", "cache", "serving")]
    return [path for path in paths if path.exists() and not any(parent in paths for parent in path.parents)]


def _databases(settings: Settings) -> list[Path]:
    from podium.registry.databases import sqlite_path

    addresses = {"tracking_uri": settings.tracking_uri, "registry_uri": settings.registry_uri or settings.tracking_uri}
    found = {name: sqlite_path(address) for name, address in addresses.items()}
    for name, path in found.items():
        if path is None:
            raise SettingError(f"podium reset removes a local SQLite championship only; {name} is a server or database")
    return list(dict.fromkeys(path for path in found.values() if path is not None))


def _shown(path: Path) -> Path:
    """As a person in this folder would write it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _points_at(pointer: Path, run_ids: frozenset[str], otherwise: bool) -> bool:
    """Whether a pointer leads to one of these runs; where it does not say, `otherwise`."""
    try:
        return json.loads(pointer.read_text(encoding="utf-8"))["run_id"] in run_ids
    except (OSError, ValueError, KeyError, TypeError):
        return otherwise


def _see_that_all_can_go(doomed: list[Path]) -> None:
    """Look before anything is removed.

    Raises:
        PodiumError: a folder cannot be written, so what is in it cannot be removed.
    """
    for path in doomed:
        inner = [path, *path.rglob("*")] if path.is_dir() and not path.is_symlink() else []
        for folder in (path.parent, *(item for item in inner if item.is_dir() and not item.is_symlink())):
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PodiumError(f"{folder} cannot be written, so nothing was removed; ask whoever owns it")


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        raise PodiumError("podium reset asks before it removes, and there is nobody to ask here; give --yes")
    return typer.confirm("Remove all of this?")


def _size(path: Path) -> str:
    files = [path] if path.is_file() else [inner for inner in path.rglob("*") if inner.is_file()]
    n_bytes = sum(file.stat().st_size for file in files)
    return f"{len(files)} file{'s' if len(files) != 1 else ''}, {n_bytes / 1e6:.1f} MB"
