"""Opening the ledger: address, engine, and migrations that several processes may start at once."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from filelock import FileLock

from podium.errors import LedgerError, MissingError, SettingError
from podium.ledger.schema import VERSION, VERSION_TABLE, metadata
from podium.settings import Durability

_ADVISORY_LOCK = 0x706F6469756D  # "podium": any number that nobody else in the database takes
_PATIENCE_S = 10
_READING_S = 9.0
# A commit that finds so many pages (80 MB) in the log moves them into the file, and all who write wait for the disk. A
# server does it sooner, beside its commits; this is for when it does not keep up.
_CHECKPOINT_PAGES = 20_000
_MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class Ledger:
    """An open ledger, migrated to what this code needs.

    Attributes:
        engine: connections to it. Transactions on SQLite start with BEGIN, or BEGIN IMMEDIATE under `writing`.
        path: the file, for SQLite.
    """

    engine: sa.Engine
    path: Path | None

    @classmethod
    def open(cls, address: str | Path, durability: Durability = "process", *, create: bool = True) -> Self:
        """Open the ledger, and create or migrate it first if need be; safe in several processes at once.

        Args:
            address: a file (`data/ledger.db`), `sqlite:///data/ledger.db`, or `postgresql://user:password@host/name`.
            durability: for SQLite, what an acknowledged forecast outlives: "process" the sudden end of every process of
                Podium; "power" the end of the machine as well, for one wait on the disk with each commit. PostgreSQL
                does what its own `synchronous_commit` says.
            create: False for those who only read: an SQLite file that is not there is an error, not a new ledger.

        Raises:
            MissingError: there is no such file, and none is to be created.
            SettingError: the address names no database that the ledger can live in.
            LedgerError: it cannot be reached, or was migrated by a newer Podium.
        """
        url = _url(address)
        path = Path(url.database or "") if url.get_backend_name() == "sqlite" else None
        if path and not create and not path.exists():
            raise MissingError(f"there is no ledger {path} yet: `podium serve` begins one")
        ledger = cls(_sqlite(url, durability) if path else _postgresql(url), path)
        try:
            with ledger.failures("open"):
                if not ledger._is_current():
                    ledger._migrate()
        except LedgerError:
            ledger.close()
            raise
        return ledger

    @property
    def name(self) -> str:
        """Its address with the password masked, for messages."""
        return str(self.path) if self.path else self.engine.url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def checkpoint(self) -> None:
        """Move the log of an SQLite file into it and begin it anew, so that no commit has to; call it in a thread.

        Raises:
            LedgerError: the file cannot be written or reached.
        """
        if self.path is None or not self.path.exists():  # SQLite would make an empty one
            return
        with self.failures("write"), closing(self.engine.raw_connection()) as raw:
            # The first two hold up nobody; what came meanwhile is little, and for it alone writers wait.
            for kind in ("PASSIVE", "PASSIVE", "RESTART"):
                raw.cursor().execute(f"PRAGMA wal_checkpoint({kind})")

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of the ledger.

        Raises:
            LedgerError: the database refuses, cannot be reached, or stands still for nine seconds.
        """
        with self.failures("read"), self.engine.connect() as connection, self._in_time(connection), connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that takes the write lock at its start, so that what it reads is still true when it writes.

        Raises:
            LedgerError: the database refuses or cannot be reached.
        """
        with (
            self.failures("write"),
            self.engine.connect().execution_options(podium_writes=True) as connection,
            connection.begin(),
        ):
            if not self.path:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
            yield connection

    @contextmanager
    def _in_time(self, connection: sa.Connection) -> Iterator[None]:
        """A server that stands still keeps no limit of its own: its line is cut, and who waits for it hears that."""
        if self.path:
            yield
            return
        cutting = threading.Timer(_READING_S, cut, [connection.connection.driver_connection])
        cutting.daemon = True
        cutting.start()
        try:
            yield
        finally:
            cutting.cancel()

    @contextmanager
    def failures(self, verb: str) -> Iterator[None]:
        """Turn the database's errors into a LedgerError of one line."""
        try:
            yield
        except (sa.exc.SQLAlchemyError, OSError) as error:
            raise LedgerError(f"cannot {verb} the ledger {self.name}: {_reason(error)}") from error

    def _is_current(self) -> bool:
        # A look without the lock, so that opening does not wait in line behind busy servers.
        if self.path and not self.path.exists():
            return False  # SQLite would make it, for everybody to read
        try:
            with self.engine.begin() as connection:
                return bool(
                    connection.scalar(sa.select(sa.column("version_num")).select_from(sa.table(VERSION_TABLE)))
                    == VERSION
                )
        except (sa.exc.OperationalError, sa.exc.ProgrammingError):
            return False  # not made yet, or just being made: what is really wrong shows under the lock

    def _migrate(self) -> None:
        with self._alone(), self.writing() as connection:
            self._upgrade(connection)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self.path:
            yield  # `writing` takes a lock of the server
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch(mode=0o600)  # what clients asked for is its owner's alone; SQLite's other files follow it
        with FileLock(f"{self.path}.lock"):
            raw = self.engine.raw_connection()
            try:
                # Kept in the file, so it is said once; from then on readers and the writer do not wait for each other.
                # Said by several at once SQLite refuses some of them, whatever their patience: hence the lock.
                raw.cursor().execute("PRAGMA journal_mode=WAL")
            finally:
                raw.close()
            yield

    def _upgrade(self, connection: sa.Connection) -> None:
        # Imported here: a ledger that is up to date, as on every start but the first, has no use for Alembic.
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        try:
            if sa.inspect(connection).has_table(VERSION_TABLE):
                command.upgrade(config, VERSION)
            else:
                metadata.create_all(connection, checkfirst=False)
                command.stamp(config, VERSION)
        except CommandError as error:
            raise LedgerError(f"the ledger {self.name} is of a newer Podium; upgrade Podium ({error})") from error


def address_of(address: str | Path) -> Path | sa.URL:
    """Where a ledger is: a file, or a database on a server."""
    url = _url(address)
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else url


def file_of(address: str | Path) -> Path | None:
    """The file that a ledger is; None where it is a database on a server."""
    found = address_of(address)
    return found if isinstance(found, Path) else None


def _url(address: str | Path) -> sa.URL:
    text = str(address)
    try:
        url = sa.make_url(text) if "://" in text else sa.URL.create("sqlite", database=text)
    except (sa.exc.ArgumentError, ValueError):
        raise SettingError("ledger: the address is neither a file nor a database URL; use data/ledger.db") from None
    backend = url.get_backend_name()
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite" or not url.database or url.database == ":memory:":
        raise SettingError(
            f"ledger: {backend} without a file cannot hold the ledger; give an SQLite file or postgresql://"
        )
    return url


def _sqlite(url: sa.URL, durability: Durability) -> sa.Engine:
    synchronous = {"process": "NORMAL", "power": "FULL"}[durability]
    engine = sa.create_engine(url, connect_args={"timeout": _PATIENCE_S, "cached_statements": 128})

    def connected(raw: Any, _record: Any) -> None:
        raw.isolation_level = None  # transactions begin where `begun` says, not where the driver guesses
        raw.execute(f"PRAGMA synchronous={synchronous}")
        raw.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")

    def begun(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("podium_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    sa.event.listen(engine, "connect", connected)
    sa.event.listen(engine, "begin", begun)
    return engine


def _postgresql(url: sa.URL) -> sa.Engine:
    # Packets that nobody acknowledges, and a server that is gone without a word, end a connection within nine seconds.
    line = {"keepalives_idle": 3, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 8000}
    limits = {"connect_timeout": 5, "options": f"-c statement_timeout={_PATIENCE_S * 1000} -c datestyle=ISO", **line}
    # No pool: whether a connection that was kept still answers nobody can ask without waiting for it.
    return sa.create_engine(url, poolclass=sa.NullPool, connect_args=limits)


def cut(raw: Any) -> None:
    """End a connection to PostgreSQL from another thread; whoever reads from it is told that it has ended."""
    with suppress(Exception), socket.socket(fileno=os.dup(raw.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def _reason(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    return str(original).strip().splitlines()[0] if str(original).strip() else type(original).__name__
