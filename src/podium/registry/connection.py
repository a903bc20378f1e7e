"""The way to MLflow: one explicit client, opened safely, failing early, with short masked errors."""

from __future__ import annotations

import gc
import os
import re
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from podium.errors import RegistryError
from podium.registry import edge
from podium.registry.local import local_path
from podium.settings import Settings
from podium.settings.wording import mask

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOCK_TIMEOUT = 120.0  # seconds; creating the schema takes about three
KNOCK_TIMEOUT = 10  # seconds
DEFAULT_ARTIFACTS = "./mlruns"  # where MLflow keeps the artifacts of a local database


class Connection:
    """An open way to the tracking server and the registry that the settings name.

    Everything goes through one explicit `MlflowClient`; MLflow's global addresses are neither read nor set.

    Args:
        settings: addresses, pair, experiment and developer.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.address = settings.tracking_uri
        self.registry_address = settings.registry_uri or settings.tracking_uri
        self.secrets = edge.secrets_of(self.address, self.registry_address)

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's client; the database behind it has its schema when it is handed out."""
        self.knock()
        edge.calm_environment()
        edge.quiet_warnings()
        with self.errors("open the tracking store"), self.lock(), paused_collector():
            from mlflow import MlflowClient

            edge.quiet_logs(self.secrets)
            for uri in dict.fromkeys((self.address, self.registry_address)):
                _make_database(uri)
            return MlflowClient(self.address, self.registry_address)

    def knock(self) -> None:
        """See at once whether somebody answers, before MLflow is imported and tries ten times in a hundred seconds.

        Raises:
            RegistryError: nobody does, or it is not a database.
        """
        with self.errors("open the tracking store"), self.lock():
            for uri in dict.fromkeys((self.address, self.registry_address)):
                _knock(uri)

    def prepare(self) -> str:
        """Make the database, its schema and the experiment where they are missing; safe in several processes at once.

        Returns:
            Id of the experiment.

        Raises:
            RegistryError: the store cannot be reached, or the experiment of this name has been deleted.
        """
        client, name = self.client, self.settings.experiment_name
        with self.errors(f"open experiment {name}"):
            found = client.get_experiment_by_name(name)
            if found is None:
                location = self.settings.artifact_location
                tolerating(EXISTS, lambda: client.create_experiment(name, artifact_location=location))
                found = client.get_experiment_by_name(name)
        if found is None or found.lifecycle_stage != "active":
            raise RegistryError(f"experiment {name} is deleted; restore it, or choose another with --experiment")
        self.check_artifacts()
        return str(found.experiment_id)

    def check_artifacts(self) -> None:
        """Look whether the folder of the experiment's artifacts is where the database says.

        Raises:
            RegistryError: it is gone though runs were recorded in it. MLflow keeps absolute paths, so a folder that was
                moved would be made anew in the old place, and nothing of it found.
        """
        if not is_there(self.address):
            return
        client, name = self.client, self.settings.experiment_name
        with self.errors(f"open experiment {name}"):
            found = client.get_experiment_by_name(name)
            place = local_path(found.artifact_location) if found else None
            if found is None or place is None or place.exists():
                return
            if not client.search_runs([found.experiment_id], "tags.status = 'completed'", max_results=1):
                return
        raise RegistryError(
            f"the artifacts of {name} are not at {place}, where they were written; move the folder back there, or "
            "start fresh with `podium reset`"
        )

    def lock(self) -> AbstractContextManager[Any]:
        """Where the store is a SQLite file, a lock beside it: of six processes that create its schema, five crash.

        Servers have no such lock; what is written to them is safe without.
        """
        from filelock import FileLock

        path = sqlite_path(self.address)
        if path is None:
            return nullcontext()
        if path.exists() and not os.access(path.parent, os.W_OK):
            return nullcontext()  # nobody can write here, so that reading needs no turn
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(f"{path}.lock", timeout=LOCK_TIMEOUT)

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Whatever goes wrong inside is one masked line.

        Raises:
            RegistryError: what could not be done, where, and why.
        """
        with edge.plain_errors(doing, self.address, self.secrets):
            yield

    def clean(self, text: str) -> str:
        """The text without passwords."""
        return mask(text, self.secrets)


def _make_database(uri: str) -> None:
    """A SQLite database with MLflow's schema where there is none: made aside, and in place only when it is whole.

    MLflow makes it in twenty steps. Whoever ends it between two of them leaves a file that no later start can open.
    """
    path = sqlite_path(uri)
    if path is None or (path.exists() and path.stat().st_size):
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        store = SqlAlchemyStore(f"sqlite:///{aside}", DEFAULT_ARTIFACTS)  # type: ignore[no-untyped-call]
        store.engine.dispose()
        aside.replace(path)
    finally:
        for left in path.parent.glob(
            f".{path.name}.*.tmp*"
        ):  # also those of a process that was killed; we have the lock
            left.unlink(missing_ok=True)


EXISTS = frozenset({"RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"})
ABSENT = frozenset({"RESOURCE_DOES_NOT_EXIST"})


def tolerating(codes: frozenset[str], act: Callable[[], Any]) -> bool:
    """Do it, unless somebody else did between our look and our act.

    Returns:
        Whether it was done here.
    """
    from mlflow.exceptions import MlflowException

    try:
        act()
    except MlflowException as error:
        if error.error_code not in codes:
            raise
        return False
    return True


def insisting(act: Callable[[], Any]) -> None:
    """Do it, and once more where the store refuses it.

    Of two processes that insert the same row at once the database refuses one; the second time that one finds the
    other's row, and writes over it. What is refused again is an error.
    """
    from mlflow.exceptions import MlflowException

    try:
        act()
    except MlflowException as error:
        if error.error_code in ABSENT:
            raise
        act()


def sqlite_path(uri: str) -> Path | None:
    """The file of a SQLite address; None for servers, other databases, and databases in memory."""
    scheme, _, rest = uri.partition(":///")
    path = rest.split("?")[0].removeprefix("file:")
    if scheme.split("+")[0] != "sqlite" or path in {"", ":memory:"}:
        return None
    return Path(path)


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


def is_there(uri: str) -> bool:
    """Whether there is anything to read; a SQLite file that is not there is not, and reading must not create it."""
    path = sqlite_path(uri)
    return path is None or path.exists()


def _knock(uri: str) -> None:
    path = sqlite_path(uri)
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
