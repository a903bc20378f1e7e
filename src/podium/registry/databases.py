"""The databases behind MLflow's addresses: whether they answer, how one is made, and of which MLflow they are."""

from __future__ import annotations

import gc
import re
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from podium.errors import SettingError

KNOCK_TIMEOUT = 10  # seconds
DEFAULT_ARTIFACTS = "./mlruns"  # where MLflow keeps the artifacts of a local database


def sqlite_path(uri: str) -> Path | None:
    """The file of a SQLite address; None for servers, other databases, and databases in memory."""
    scheme, _, rest = uri.partition(":///")
    path = rest.split("?")[0].removeprefix("file:")
    if scheme.split("+")[0] != "sqlite" or path in {"", ":memory:"} or "mode=memory" in rest:
        return None
    return Path(path)


def is_there(uri: str) -> bool:
    """Whether there is anything to read; a SQLite file that is not there is not, and reading must not create it."""
    path = sqlite_path(uri)
    return path is None or path.exists()


def make_database(uri: str) -> None:
    """A SQLite database with MLflow's schema where there is none: made aside, and in place only when it is whole.

    MLflow makes it in twenty steps. Whoever ends it between two of them leaves a file that no later start can open.
    """
    path = sqlite_path(uri)
    if path is None or (path.exists() and path.stat().st_size):
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        # MLflow writes this folder into a statement as it is, where a quote would end it; an address has none
        artifacts = Path(DEFAULT_ARTIFACTS).absolute().as_uri().replace("'", "%27")
        given = artifacts if "'" in str(Path.cwd()) else DEFAULT_ARTIFACTS
        store = SqlAlchemyStore(f"sqlite:///{aside}", given)  # type: ignore[no-untyped-call]
        store.engine.dispose()
        aside.replace(path)
    finally:
        for left in path.parent.glob(f".{path.name}.*.tmp*"):  # also of a process that was killed; we have the lock
            left.unlink(missing_ok=True)


def copy_sqlite(source: Path, target: Path) -> None:
    """A SQLite file as it is at this moment, its log included, while others write into it."""
    address = f"{source.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


@contextmanager
def paused_collector() -> Iterator[None]:
    """No garbage collection inside: importing MLflow and its stores makes a million objects that all stay.

    It takes a sixth off the time that every short verb waits for.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def knock(uri: str) -> None:
    """Raise whatever the driver raises where nobody answers there, or it is no database, within seconds.

    Raises:
        SettingError: it is a database in memory, which would end with this process.
    """
    path = sqlite_path(uri)
    if uri.startswith("sqlite") and path is None:
        raise SettingError(f"{uri} keeps nothing: it is a database in memory; name a file, sqlite:///mlflow.db")
    if path is not None:
        with closing(sqlite3.connect(path, timeout=KNOCK_TIMEOUT)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
    elif uri.startswith(("postgresql", "mysql")):
        import sqlalchemy

        timeout = {"connect_timeout": KNOCK_TIMEOUT}
        engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool, connect_args=timeout)
        engine.connect().close()
    elif uri.startswith(("http://", "https://")):
        _knock_http(uri)


def _knock_http(uri: str) -> None:
    import requests

    try:
        requests.get(uri, timeout=KNOCK_TIMEOUT, stream=True, allow_redirects=False).close()
    except requests.exceptions.SSLError:
        return  # somebody is there; whom to trust is for MLflow's own settings to say
    except requests.ConnectionError as error:
        reason = re.search(r"\[Errno -?\d+\] ([\w ]+)", str(error))
        raise ConnectionError(f"nobody answers there ({reason[1] if reason else type(error).__name__})") from None
