"""Whether a registry has changed: a value that changes with it, in milliseconds, without MLflow and pandas."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlencode, urlsplit, urlunsplit

from podium.registry.databases import sqlite_path

PATIENCE = 8  # seconds that a server may take over all its answers to one look
LARGEST = 64_000_000  # bytes of an answer
# Sums do not depend on the order in which a server finds rows. What hangs by an alias is what is read of versions.
_SUM = "(SELECT sum(hashtextextended(t::text, 0)) FROM {})"
_ALL = ("registered_models t", "registered_model_tags t", "registered_model_aliases t")
_HELD = "{} t JOIN registered_model_aliases a USING (workspace, name, version)"
_QUERY = "SELECT " + ", ".join(map(_SUM.format, (*_ALL, *map(_HELD.format, ("model_versions", "model_version_tags")))))


def mark_of(uri: str) -> str:
    """State of what Podium reads of a registry: of its SQLite file, its tables in PostgreSQL, its server's answers.

    Empty when nobody can say without MLflow, for whatever reason: then it has to be read.
    """
    try:
        if path := sqlite_path(uri):
            return _of_file(path)
        until = time.monotonic() + PATIENCE
        with _cut_at(until) as lines:
            if uri.startswith("postgresql"):
                return _of_tables(uri, lines)
            if uri.startswith(("http://", "https://")):
                return hashlib.sha256(b"\n".join(_answers(urlsplit(uri), until, _handler(lines)))).hexdigest()
    except Exception:  # noqa: BLE001  whoever reads the registry meets the same, and says what is wrong
        return ""
    return ""


def _of_file(path: Path) -> str:
    """Change counter, size and time of a SQLite file and its log, some of which each commit changes."""
    with path.open("rb") as file:
        counter = file.read(28)[24:].hex()
    states = [path.stat()]
    log = path.with_name(f"{path.name}-wal")
    if log.exists():
        states.append(log.stat())
    return " ".join([counter, *(f"{state.st_ino}.{state.st_size}.{state.st_mtime_ns}" for state in states)])


def _of_tables(uri: str, lines: list[socket.socket]) -> str:
    import psycopg

    address = f"postgresql://{uri.partition('://')[2]}"
    line = {"keepalives_idle": 3, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": PATIENCE * 1000}
    with psycopg.connect(address, autocommit=True, connect_timeout=PATIENCE, **line) as connection:  # type: ignore[arg-type]
        lines.append(socket.socket(fileno=os.dup(connection.fileno())))
        connection.execute(f"SET statement_timeout = {PATIENCE * 1000}")
        return str(connection.execute(_QUERY).fetchone())


def _answers(address: SplitResult, until: float, handler: Any) -> Iterator[bytes]:
    """All registered models, and the versions that hold an alias and do not come along with their model."""
    token, ask = "", partial(_ask, address, until, handler)
    while True:
        yield (answer := ask("registered-models/search", max_results="1000", page_token=token))
        page = json.loads(answer)
        for model in page.get("registered_models", ()):
            along = {version["version"] for version in model.get("latest_versions", ())}
            for version in sorted({alias["version"] for alias in model.get("aliases", ())} - along):
                yield ask("model-versions/get", name=model["name"], version=version)
        token = page.get("next_page_token")
        if not token:
            return


def _ask(address: SplitResult, until: float, handler: Any, question: str, **given: str) -> bytes:
    """An answer of MLflow's REST interface. Nobody is followed elsewhere, where credentials would go along."""
    from urllib.request import OpenerDirector, ProxyHandler, Request

    opener = OpenerDirector()
    place = f"{address.path.rstrip('/')}/api/2.0/mlflow/{question}"
    host, query = address.netloc.rpartition("@")[2], urlencode({name: value for name, value in given.items() if value})
    request = Request(urlunsplit((address.scheme, host, place, query, "")), headers=_authorization(address))  # noqa: S310
    for one in (ProxyHandler(), handler):
        opener.add_handler(one)
    with opener.open(request, timeout=max(until - time.monotonic(), 0.001)) as answer:
        if answer.status not in {200, 404}:  # an alias on a version that is gone
            raise ConnectionError(f"it answers {answer.status}")
        content: bytes = answer.read(LARGEST)
    if time.monotonic() > until:
        raise TimeoutError("it takes too long")
    return content


@contextmanager
def _cut_at(until: float) -> Iterator[list[socket.socket]]:
    """A list of connections that are cut then: a server that sends a byte now and then is never silent."""
    lines: list[socket.socket] = []

    def cut() -> None:
        for line in lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    cutting = threading.Timer(until - time.monotonic(), cut)
    cutting.daemon = True
    cutting.start()
    try:
        yield lines
    finally:
        cutting.cancel()
        for line in lines:
            line.close()


def _handler(lines: list[socket.socket]) -> Any:
    """What opens connections for urllib, and tells of each before TLS begins on it."""
    from http.client import HTTPConnection, HTTPSConnection
    from urllib.request import AbstractHTTPHandler, Request

    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            lines.append(self.sock.dup())

    class Secure(HTTPSConnection, Plain):
        """Its connect calls Plain's."""

    class Handler(AbstractHTTPHandler):
        http_request = https_request = AbstractHTTPHandler.do_request_

        def http_open(self, request: Request) -> Any:
            return self.do_open(Plain, request)

        def https_open(self, request: Request) -> Any:
            return self.do_open(Secure, request)

    return Handler()


def _authorization(address: SplitResult) -> dict[str, str]:
    """What MLflow's client would say of who asks."""
    user, password, token = (
        os.environ.get(f"MLFLOW_TRACKING_{name}", "") for name in ("USERNAME", "PASSWORD", "TOKEN")
    )
    if address.username:
        user, password = unquote(address.username), unquote(address.password or "")
    if user and password:
        return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}
    return {"Authorization": f"Bearer {token}"} if token else {}
