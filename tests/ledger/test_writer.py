import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from podium.errors import LedgerError, LedgerFullError
from podium.ledger import Entry, Ledger, LedgerWriter, rows
from podium.ledger.schema import entries
from podium.ledger.writer import _Link
from tests.support import until_async

pytestmark = pytest.mark.anyio

Make = Callable[..., Entry]


def stored(ledger: Ledger) -> list[str]:
    """The ids in the ledger, in order."""
    with ledger.reading() as connection:
        return list(connection.scalars(sa.select(entries.c.forecast_id).order_by(entries.c.forecast_id)))


@pytest.fixture
def standstill(ledger: Ledger) -> Callable[[], AbstractContextManager[None]]:
    """Lets no writer of the ledger get on while the context is open."""

    @contextmanager
    def hold() -> Iterator[None]:
        with ledger.writing() as connection:
            if ledger.path is None:
                connection.execute(sa.text("LOCK TABLE ledger_entries IN EXCLUSIVE MODE"))
            yield

    return hold


async def test_committed_before_acknowledged(ledger: Ledger, make_entry: Make) -> None:
    """When the future is done, another connection finds the entry, field by field."""
    async with LedgerWriter(ledger) as writer:
        for _ in range(20):
            entry = make_entry()
            await writer.submit([entry])
            assert entry.forecast_id in stored(ledger)
        assert (writer.pending, writer.committed) == (0, 20)
    line = list(rows(ledger))[-1]
    expected = entry._asdict()
    assert {name: line[name] for name in expected if name in line and name != "created_at"} == {
        name: value for name, value in expected.items() if name not in ("created_at", "batch", "n_rows")
    }


async def test_nothing_is_acknowledged_while_nothing_is_committed(
    ledger: Ledger, make_entry: Make, standstill: Callable[[], AbstractContextManager[None]]
) -> None:
    """While the database does not commit, no future is done, and the event loop goes on."""
    async with LedgerWriter(ledger) as writer:
        with standstill():
            futures = [writer.submit([make_entry()]) for _ in range(5)]
            done, _ = await asyncio.wait(futures, timeout=0.1)
            assert not done
            assert writer.pending == 5
        await asyncio.gather(*futures)
    assert len(stored(ledger)) == 5


async def test_a_full_queue_refuses_at_once(
    ledger: Ledger, make_entry: Make, standstill: Callable[[], AbstractContextManager[None]]
) -> None:
    """With as many entries waiting as the limit allows, the next is refused at once; later there is room again."""
    async with LedgerWriter(ledger, limit=10) as writer:
        with standstill():
            futures = [writer.submit([make_entry(), make_entry(shadow=True)]) for _ in range(5)]
            with pytest.raises(LedgerFullError, match="10 forecasts wait for the ledger, its limit is 10") as caught:
                writer.submit([make_entry()])
            assert caught.value.retry_after >= 1
            assert writer.pending == 10
        await asyncio.gather(*futures)
        await writer.submit([make_entry()])
    assert len(stored(ledger)) == 11


async def test_one_bad_entry_harms_nobody_else(
    ledger: Ledger, make_entry: Make, standstill: Callable[[], AbstractContextManager[None]]
) -> None:
    """Of requests committed together, only the one that the database cannot take fails, and fails whole."""
    good = [make_entry() for _ in range(6)]
    bad = [make_entry(), make_entry(request_key="\ud800")]
    twice = make_entry()
    async with LedgerWriter(ledger) as writer:
        with standstill():
            futures = [writer.submit([entry]) for entry in good[:3]]
            futures += [writer.submit(bad), writer.submit([twice, twice])]
            futures += [writer.submit([entry]) for entry in good[3:]]
            await asyncio.wait(futures, timeout=0.05)
        results = await asyncio.gather(*futures, return_exceptions=True)
    assert [isinstance(result, LedgerError) for result in results] == [False] * 3 + [True] * 2 + [False] * 3
    assert stored(ledger) == sorted(entry.forecast_id for entry in good)


async def test_many_entries_are_one_transaction(ledger: Ledger, make_entry: Make) -> None:
    """A request of more entries than one statement holds is stored whole, or not at all."""
    whole = [make_entry() for _ in range(150)]
    broken = [make_entry() for _ in range(150)]
    broken[140] = broken[3]
    async with LedgerWriter(ledger) as writer:
        await writer.submit(whole)
        with pytest.raises(LedgerError, match="cannot write the ledger"):
            await writer.submit(broken)
        await writer.submit([make_entry()])
    assert len(stored(ledger)) == 151


async def test_what_comes_soon_after_a_transaction_shares_the_next(
    sqlite_ledger: Ledger, make_entry: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two transactions there is a pause in which entries gather, whoever hands them in and when."""
    monkeypatch.setattr("podium.ledger.writer.PACE", 0.5)
    transactions: list[int] = []
    write = _Link.write
    monkeypatch.setattr(_Link, "write", lambda link, found: transactions.append(len(found)) or write(link, found))
    async with LedgerWriter(sqlite_ledger) as writer:
        await writer.submit([make_entry()])
        futures = []
        for _ in range(5):
            futures.append(writer.submit([make_entry()]))
            await asyncio.wait(futures, timeout=0.01)
        await asyncio.gather(*futures)
    assert transactions == [1, 5]


async def test_the_log_is_moved_beside_the_commits(
    ledger: Ledger, make_entry: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many transactions the log is moved, one move at a time, and one that fails ends nothing."""
    monkeypatch.setattr("podium.ledger.writer.MOVED", 2)
    moved, go = list[Path | None](), threading.Event()

    def checkpoint(ledger: Ledger) -> None:
        moved.append(ledger.path)
        go.wait(20)
        raise LedgerError("locked")

    monkeypatch.setattr(Ledger, "checkpoint", checkpoint)
    async with LedgerWriter(ledger) as writer:
        for _ in range(5):
            await writer.submit([make_entry()])
        assert moved == [ledger.path]
        go.set()
        await until_async(lambda: writer._moving is not None and writer._moving.done(), "the first move has ended")
        await writer.submit([make_entry()])
    assert moved == [ledger.path] * 2


async def test_a_client_that_leaves_changes_nothing(
    ledger: Ledger, make_entry: Make, standstill: Callable[[], AbstractContextManager[None]]
) -> None:
    """A cancelled future neither takes its entry back nor disturbs the others."""
    async with LedgerWriter(ledger) as writer:
        with standstill():
            left, stays = writer.submit([make_entry()]), writer.submit([make_entry()])
            left.cancel()
        await stays
    assert len(stored(ledger)) == 2


async def test_closing_commits_what_waits(ledger: Ledger, make_entry: Make) -> None:
    """Closing settles every future first, and refuses what comes later."""
    writer = LedgerWriter(ledger)
    futures = [writer.submit([make_entry()]) for _ in range(300)]
    await writer.close()
    assert all(future.done() and future.exception() is None for future in futures)
    assert len(stored(ledger)) == 300
    with pytest.raises(LedgerError, match="closed"):
        writer.submit([make_entry()])
    await writer.close()


async def test_a_file_that_is_gone(sqlite_ledger: Ledger, make_entry: Make) -> None:
    """With the file moved away nothing is acknowledged; once it is back the writer goes on by itself."""
    assert sqlite_ledger.path is not None
    async with LedgerWriter(sqlite_ledger) as writer:
        await writer.submit([make_entry()])
        away = sqlite_ledger.path.rename(sqlite_ledger.path.with_suffix(".away"))
        with pytest.raises(LedgerError, match="the file is gone"):
            await writer.submit([make_entry()])
        away.rename(sqlite_ledger.path)
        await writer.submit([make_entry()])
    assert len(stored(sqlite_ledger)) == 2


@pytest.mark.servers
@pytest.mark.parametrize("address", ["postgresql"], indirect=True)
async def test_a_connection_that_is_lost(ledger: Ledger, make_entry: Make) -> None:
    """When the server ends the connection, those who wait hear of it, and the next commit has a new connection."""
    async with LedgerWriter(ledger) as writer:
        await writer.submit([make_entry()])
        with ledger.reading() as connection:
            others = sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                             " AND datname = current_database()")  # fmt: skip
            connection.execute(others)
        with pytest.raises(LedgerError, match="cannot write the ledger postgresql"):
            await writer.submit([make_entry()])
        await writer.submit([make_entry()])
    assert len(stored(ledger)) == 2


@pytest.mark.parametrize("address", ["postgresql"], indirect=True)
async def test_a_server_that_hangs_is_cut_off(ledger: Ledger, make_entry: Make) -> None:
    """A server that takes a transaction and never ends it loses the connection, and the next entry gets a new one."""
    async with LedgerWriter(ledger) as writer:
        await writer.submit([make_entry()])
        backend = writer._link._raw.driver_connection.info.backend_pid
        os.kill(backend, signal.SIGSTOP)
        try:
            waiting = writer.submit([make_entry()])
            await until_async(lambda: writer.give_up(patience=0.2) or waiting.done(), "the end of the connection")
            with pytest.raises(LedgerError):
                await waiting
            entry = make_entry()
            await writer.submit([entry])
            assert entry.forecast_id in stored(ledger)
        finally:
            os.kill(backend, signal.SIGCONT)


async def test_a_log_that_was_removed_is_told(sqlite_ledger: Ledger, make_entry: Make) -> None:
    """Without its `-wal` file the writer acknowledges nothing more, and nothing that it acknowledged is lost."""
    entries = [make_entry() for _ in range(3)]
    async with LedgerWriter(sqlite_ledger) as writer:
        await writer.submit(entries[:1])
        await writer.submit(entries[1:2])
        assert sqlite_ledger.path is not None
        sqlite_ledger.path.with_name("ledger.db-wal").unlink()
        for _ in range(2):
            with pytest.raises(LedgerError, match=r"ledger\.db-wal was removed; what it held is saved"):
                await writer.submit(entries[2:])
    sqlite_ledger.close()
    assert set(stored(Ledger.open(sqlite_ledger.path))) == {entry.forecast_id for entry in entries[:2]}
    async with LedgerWriter(sqlite_ledger) as writer:  # started again
        await writer.submit(entries[2:])


async def test_what_waits_is_limited_in_bytes(
    sqlite_ledger: Ledger, make_entry: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few requests of very many rows fill the queue too; when they are written it has room again."""
    monkeypatch.setattr("podium.ledger.writer.MAX_BYTES", 1000)
    async with LedgerWriter(sqlite_ledger) as writer:
        first = writer.submit([make_entry(batch="x" * 900)])
        with pytest.raises(LedgerFullError):
            writer.submit([make_entry(batch="x" * 200)])
        await first
        await writer.submit([make_entry(batch="x" * 200)])
