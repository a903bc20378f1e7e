import asyncio
import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from podium.ledger import Entry, Ledger, LedgerWriter, new_id
from tests.servers import Database


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests run on asyncio."""
    return "asyncio"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address of a database that nobody has used, on each kind of server."""
    if request.param == "sqlite":
        yield str(tmp_path / "data" / "ledger.db")
        return
    database: Database = request.getfixturevalue("postgres")
    made = database.fresh()
    yield made.replace("+psycopg", "")
    database.drop(made)


@pytest.fixture
def ledger(address: str) -> Iterator[Ledger]:
    """A new ledger on each kind of server."""
    opened = Ledger.open(address)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A new ledger in a file."""
    opened = Ledger.open(tmp_path / "ledger.db")
    yield opened
    opened.close()


@pytest.fixture
def make_entry() -> Callable[..., Entry]:
    """An entry of the champion made in the evening of 2026-10-30, or of its `origin`, with the fields given changed."""
    made = itertools.count()

    def make(at: datetime | None = None, **changes: object) -> Entry:
        evening = datetime.fromisoformat(f"{changes.get('origin') or '2026-10-30'}T18:00:00+00:00")
        later = 0 if at else 1000 * next(made)
        forecast_id, now = new_id(int((at or evening).timestamp()) * 10**9 + later)
        entry = Entry(
            forecast_id=forecast_id,
            request_id=forecast_id,
            created_at=now,
            pair="EURUSD",
            experiment="default",
            arm="champion",
            shadow=False,
            forced=False,
            model_name="EURUSD_LSTM",
            model_version=3,
            run_id="f" * 32,
            request_key="customer-7",
            forecast=0.00125,
            origin="2026-10-30",
            target_date="2026-11-02",
            known_through="2026-10-30",
            trained_through="2026-10-01",
            latency_us=812,
        )
        return entry._replace(**changes)  # type: ignore[arg-type]

    return make


@pytest.fixture
def write() -> Callable[[Ledger, Sequence[Entry]], None]:
    """Commit entries, and return when they are in the database."""

    async def committed(ledger: Ledger, entries: Sequence[Entry]) -> None:
        async with LedgerWriter(ledger, limit=10**9) as writer:
            await writer.submit(entries)

    return lambda ledger, entries: asyncio.run(committed(ledger, entries))
