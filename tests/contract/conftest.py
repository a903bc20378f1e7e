"""Real servers on loopback, started once a session and stopped by their process id."""

from __future__ import annotations

import os
import signal
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from podium.settings import Settings
from tests import servers
from tests.servers import Database, ObjectStore, Reader, Served


@pytest.fixture(scope="session", autouse=True)
def ended_in_order() -> Iterator[None]:
    """SIGTERM, which `timeout` and CI send, ends the session as Ctrl-C does: its servers are stopped first."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say what a signal does
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def reader() -> Reader:
    """Whoever follows a page."""
    return Reader()


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    """An S3 store."""
    with servers.object_store() as store:
        yield store


@pytest.fixture(scope="session")
def page_server(reader: Reader, postgres: Database, object_store: ObjectStore) -> Iterator[Served]:
    """The server of docs/production.md, on both."""
    with servers.page_server(reader, postgres, object_store) as served:
        yield served


@pytest.fixture(scope="session")
def mlflow_server(page_server: Served) -> str:
    """Its address."""
    return page_server.address


@dataclass(frozen=True)
class Backend:
    """One way to keep a championship: the settings that choose it, and what the environment must hold."""

    name: str
    settings: Settings
    environment: dict[str, str] = field(default_factory=dict)


ON_SERVERS = [pytest.param(name, marks=pytest.mark.servers) for name in ("http", "postgresql", "mysql")]


@pytest.fixture(params=["sqlite", *ON_SERVERS])
def backend(request: pytest.FixtureRequest, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """Each backend in turn, empty, chosen by settings alone."""
    made: Backend = globals()[f"_{request.param}"](request)
    for name, value in {**made.environment, "NO_PROXY": "*", "no_proxy": "*"}.items():
        monkeypatch.setenv(name, value)
    return made


def _sqlite(request: pytest.FixtureRequest) -> Backend:
    return Backend("sqlite", request.getfixturevalue("settings"))


def _http(request: pytest.FixtureRequest) -> Backend:
    # One server serves all tests: a pair of its own keeps each test's family apart.
    return Backend("http", Settings(tracking_uri=request.getfixturevalue("mlflow_server"), pair=_unused_pair()))


def _postgresql(request: pytest.FixtureRequest) -> Backend:
    store, address = request.getfixturevalue("object_store"), request.getfixturevalue("postgresql_address")
    settings = Settings(tracking_uri=address, artifact_location=f"s3://{store.bucket}/direct", pair=_unused_pair())
    return Backend("postgresql", settings, store.environment)


@pytest.fixture(scope="session")
def page_database(
    reader: Reader, postgres: Database, object_store: ObjectStore, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """A database and an object store as docs/production.md arranges them, with the championship that it holds there.

    Its address, and the folder of who held it. The schema takes seconds to create, so that all tests share it.
    """
    address, folder = postgres.fresh(), reader.folder(tmp_path_factory.mktemp("database") / "desk")
    words = reader.words("production.md", 2, **object_store.named, postgresql=address.partition("://")[2])
    done = reader.does(words, folder)
    assert done.returncode == 0, done.stderr
    return address, folder


@pytest.fixture(scope="session")
def postgresql_address(page_database: tuple[str, Path]) -> str:
    """One database for all tests that speak to PostgreSQL directly."""
    return page_database[0]


def _mysql(request: pytest.FixtureRequest) -> Backend:
    address = request.getfixturevalue("mysql_address")
    return Backend("mysql", Settings(tracking_uri=address, pair=_unused_pair()))


@pytest.fixture(scope="session")
def mysql_address(reader: Reader) -> str:
    """A new database on the MariaDB or MySQL server at PODIUM_TEST_MYSQL_URL, `mysql+pymysql://user:password@host:port`."""
    server = os.environ.get("PODIUM_TEST_MYSQL_URL")
    if not server:
        pytest.skip("PODIUM_TEST_MYSQL_URL names no MariaDB or MySQL server")
    import sqlalchemy

    name = f"podium_{uuid.uuid4().hex[:12]}"
    engine = sqlalchemy.create_engine(server)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name} CHARACTER SET utf8mb4"))
    engine.dispose()
    place = f"{server.rstrip('/').partition('://')[2]}/{name}"
    (line,) = reader.words("production.md", 3, mysql=place).splitlines()
    return line.removeprefix("export MLFLOW_TRACKING_URI=")


def _unused_pair() -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    pair = "".join(letters[byte % 26] for byte in uuid.uuid4().bytes[:6])
    return pair if pair[:3] != pair[3:] else _unused_pair()
