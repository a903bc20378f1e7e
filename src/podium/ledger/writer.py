"""Group commit: many requests wait for one transaction, and none is answered before it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self

from podium.errors import LedgerError, LedgerFullError
from podium.ledger.database import Ledger, cut
from podium.ledger.entry import Entry
from podium.ledger.schema import entries as table

try:
    import fcntl
except ImportError:  # not on Windows; SQLite's own waiting does there, less evenly
    fcntl = None  # type: ignore[assignment]

DEFAULT_LIMIT = 10_000
MAX_BYTES = 64 * 1024 * 1024  # of rows that wait, in requests of many rows
PATIENCE = 8.0  # seconds that a server may take over a transaction before its connection is cut

MOVED = 250  # transactions, of some 14 kB of log each, after which the log is moved into the file
PACE = 0.001  # seconds from the begin of one transaction to that of the next: under load more entries share one
_CHUNK = 64  # rows in one statement: each statement gives up the interpreter's lock once, however many rows it has


class LedgerWriter:
    """Commits entries from one event loop in a thread of its own.

    While a transaction is under way, and until the loop has heard of its end, further entries gather; the next one
    takes all. So a commit costs what it costs, and the more requests there are the more of them share it. A future is
    done once its entries are committed: await it, then answer the client.

    Make it inside the running loop, and close it there: `async with LedgerWriter(ledger) as writer`.

    Attributes:
        pending: entries handed in and not committed yet.
        committed: entries committed so far.
    """

    def __init__(self, ledger: Ledger, limit: int = DEFAULT_LIMIT) -> None:
        """Start the thread.

        Args:
            ledger: an open ledger; the writer keeps one connection of it.
            limit: entries that may wait at a time, together of 64 MB at most.
        """
        self.pending = 0
        self._bytes = 0
        self.committed = 0
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Submission] = []
        self._queue: SimpleQueue[list[_Submission] | None] = SimpleQueue()
        self._ledger, self._link = ledger, _Link(ledger)
        self._closed = False
        self._logged = 0  # transactions since the log was moved
        self._moving: asyncio.Future[None] | None = None
        self._busy = False  # whether a transaction is under way, or will be
        self._begun = 0.0  # when the last one was
        self._thread = threading.Thread(target=self._run, name="podium-ledger", daemon=True)
        self._thread.start()

    def submit(self, entries: Sequence[Entry]) -> asyncio.Future[None]:
        """Hand in the entries of one request; they are committed together or not at all.

        Call it in the writer's event loop. It never waits. A future that is cancelled does not take its entries back.

        Args:
            entries: what was answered, and its shadows; none to see whether the database takes a transaction at all.

        Returns:
            A future that is done once the entries are in the database, or holds a LedgerError.

        Raises:
            LedgerFullError: too many entries wait already; none of these was taken.
            LedgerError: the writer is closed.
        """
        if self._closed:
            raise LedgerError("the ledger's writer is closed; the server is stopping")
        size = _bytes(entries)
        if self.pending and (self.pending + len(entries) > self._limit or self._bytes + size > MAX_BYTES):
            raise LedgerFullError(self.pending, self._limit)
        self.pending += len(entries)
        self._bytes += size
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append((entries, future))
        if not self._busy:
            self._next()
        return future

    def give_up(self, patience: float = PATIENCE) -> None:
        """Cut the connection of a server that has taken longer over a transaction; the next one gets a new one."""
        self._link.cut(patience)

    async def close(self) -> None:
        """Commit what waits, then stop the thread; entries handed in later are refused."""
        if not self._closed:
            self._closed = True
            if self._waiting:
                self._begin()
            self._queue.put(None)
        await self._loop.run_in_executor(None, self._thread.join)
        await asyncio.sleep(0)  # the thread's last call is in the loop's queue already: let it run

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _run(self) -> None:
        while (batch := self._queue.get()) is not None:
            results = self._commit(batch)
            # A loop that is closed already has nobody left who waits.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._settle, batch, results)
        self._link.close()

    def _next(self) -> None:
        """Let what has gathered be committed, at the earliest a moment after the last transaction began."""
        self._busy = True
        self._loop.call_later(max(0.0, self._begun + PACE - time.monotonic()), self._begin)

    def _begin(self) -> None:
        self._begun = time.monotonic()  # the loop's own clock counts milliseconds
        batch, self._waiting = self._waiting, []
        self._queue.put(batch)

    def _commit(self, batch: list[_Submission]) -> list[LedgerError | None]:
        error = self._link.write([entry for entries, _ in batch for entry in entries])
        if len(batch) > 1 and _is_of_entries(error):
            # One request's entries cannot be stored, say for a text that the database does not take: the others go on.
            return [self._told(self._link.write(entries)) for entries, _ in batch]
        return [self._told(error)] * len(batch)

    def _told(self, error: Exception | None) -> LedgerError | None:
        if error is None:
            return None
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        told = LedgerError(f"cannot write the ledger {self._link.name}: {reason}")
        told.__cause__ = error
        return told

    def _settle(self, batch: list[_Submission], results: list[LedgerError | None]) -> None:
        for (entries, future), error in zip(batch, results, strict=True):
            self.pending -= len(entries)
            self._bytes -= _bytes(entries)
            if error is None:
                self.committed += len(entries)
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
        self._busy = False
        self._logged += 1
        if self._logged >= MOVED and (self._moving is None or self._moving.done()):
            self._move_log()
        if self._waiting:
            self._next()

    def _move_log(self) -> None:
        """Move the log into the file beside the commits, in parts that the disk takes in a few milliseconds."""
        self._logged = 0
        self._moving = self._loop.run_in_executor(None, self._ledger.checkpoint)
        # Whatever keeps it where it is, the next write will tell.
        self._moving.add_done_callback(lambda done: done.cancelled() or done.exception())


def _bytes(entries: Sequence[Entry]) -> int:
    return sum(len(entry.batch) for entry in entries if entry.batch)


_Submission = tuple[Sequence[Entry], "asyncio.Future[None]"]


class _Link:
    """One connection, opened at the first write and again after a failure; used by one thread."""

    def __init__(self, ledger: Ledger) -> None:
        self.name = ledger.name
        self._ledger = ledger
        self._raw: Any = None
        self._turn: int | None = None
        self._file: tuple[int, int] | None = None
        self._log: tuple[int, int] | None = None
        self._lost = ""  # why nothing may be written until all have opened the ledger anew
        self._since: float | None = None  # when the transaction under way began

    def write(self, rows: Sequence[Entry]) -> Exception | None:
        """Commit the rows in one transaction; what went wrong, if something did."""
        try:
            self._connect()
            self._since = time.monotonic()
            if self._ledger.path is None:
                _copy(self._raw.driver_connection, rows)
            else:
                with self._in_turn():
                    _insert(self._raw.driver_connection, rows)
        except Exception as error:  # noqa: BLE001  the thread's edge: whatever happens, those who wait must hear of it
            self.close()
            return error
        finally:
            self._since = None
        return None

    def cut(self, patience: float) -> None:
        """End a transaction that takes longer, from another thread; SQLite, which waits by itself, is left alone."""
        since, raw = self._since, self._raw
        if self._ledger.path is not None or raw is None or since is None or time.monotonic() - since < patience:
            return
        cut(raw.driver_connection)

    def close(self) -> None:
        """Drop the connection; a transaction under way is undone."""
        raw, self._raw, self._log = self._raw, None, None
        if raw is not None:
            # It may be broken, which is why it goes. Undone first: SQLite keeps a closed connection and its lock alive
            # as long as there is a cursor of it, say in a traceback.
            with contextlib.suppress(Exception):
                raw.driver_connection.rollback()
            with contextlib.suppress(Exception):
                raw.invalidate()
        if self._turn is not None:
            os.close(self._turn)
            self._turn = None

    def _connect(self) -> None:
        path = self._ledger.path
        if self._raw is not None and path is not None and self._file != _identity(path):
            self.close()  # the file was moved away or replaced: what went into the old one would be lost
        if path is not None:
            self._check_log(path)
        if self._raw is not None:
            return
        if path is not None and not path.exists():
            raise FileNotFoundError("the file is gone; bring it back, or restart to begin a new ledger")
        self._raw = self._ledger.engine.raw_connection()
        if path is None:
            self._raw.driver_connection.autocommit = True
            return
        self._file = _identity(path)
        if fcntl is not None:
            self._turn = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def _check_log(self, path: Path) -> None:
        """See that the log is still the one that we write: one that was removed goes on unseen, and ends with us.

        A new one beside it, which others may still write, would not be safe: all have to open the ledger anew.
        """
        log = path.with_name(f"{path.name}-wal")
        found = _identity(log)
        if self._raw is not None and self._log is None:
            self._log = found
        if self._raw is not None and self._log != found:
            (busy, *_) = self._raw.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            saved = "stopping the server saves what it held" if busy else "what it held is saved"
            self._lost = f"its log {log.name} was removed; {saved}: start the server again"
        if self._lost:
            raise FileNotFoundError(self._lost)

    @contextlib.contextmanager
    def _in_turn(self) -> Iterator[None]:
        # SQLite lets waiting processes poll with growing pauses, up to 0.1 s; the kernel wakes them in turn.
        if self._turn is None:
            yield
            return
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)


_NAMES = ", ".join(f'"{name}"' for name in Entry._fields)
_COPY = f"COPY {table.name} ({_NAMES}) FROM STDIN"


def _copy(raw: Any, rows: Sequence[Entry]) -> None:
    # A statement of its own, hence a transaction; with 64 rows three times as fast as INSERT, at a ninth of the work.
    with raw.cursor().copy(_COPY) as copy:
        for row in rows:
            copy.write_row(row)


def _insert(raw: Any, rows: Sequence[Entry]) -> None:
    cursor = raw.cursor()
    if 0 < len(rows) <= _CHUNK:  # one statement is its own transaction
        cursor.execute(_statement(len(rows)), [value for row in rows for value in row])
        return
    cursor.execute("BEGIN IMMEDIATE")
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        cursor.execute(_statement(len(chunk)), [value for row in chunk for value in row])
    cursor.execute("COMMIT")


@lru_cache(maxsize=_CHUNK)
def _statement(n_rows: int) -> str:
    row = f"({', '.join('?' * len(Entry._fields))})"
    return f"INSERT INTO {table.name} ({_NAMES}) VALUES {', '.join([row] * n_rows)}"  # noqa: S608  made of constants


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _is_of_entries(error: Exception | None) -> bool:
    # PEP 249's names are the same in every driver; a text that cannot be encoded is a ValueError before any of them.
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(
        names & {"DataError", "IntegrityError", "InterfaceError", "ProgrammingError", "ValueError", "TypeError"}
    )
