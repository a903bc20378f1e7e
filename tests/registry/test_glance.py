"""What is asked of a server to see whether its registry has changed, and of whom."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from podium.registry import glance
from podium.registry.glance import mark_of

MODEL = {"name": "EURUSD_LSTM", "aliases": [{"alias": "champion", "version": "1"}], "latest_versions": []}


class Server:
    """An MLflow server as far as it is asked: pages of models, versions, and what it was asked with."""

    def __init__(self) -> None:
        self.pages: list[dict[str, Any]] = [{"registered_models": [MODEL]}]
        self.version: dict[str, Any] = {"tags": []}
        self.status = 200
        self.moved_to = ""
        self.asked: list[tuple[str, str | None]] = []

    def answer(self, path: str, authorization: str | None) -> tuple[int, bytes]:
        """To one question."""
        self.asked.append((path, authorization))
        place, _, query = path.partition("?")
        given = urllib.parse.parse_qs(query)
        if place.endswith("model-versions/get"):
            return self.status, json.dumps(self.version | {"asked": given}).encode()
        return self.status, json.dumps(self.pages[int(given.get("page_token", ["0"])[0])]).encode()


def listening(server: Server) -> tuple[ThreadingHTTPServer, str]:
    """It on loopback, and its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = server.answer(self.path, self.headers.get("Authorization"))
            self.send_response(status)
            if server.moved_to:
                self.send_header("Location", server.moved_to)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01}).start()
    return found, f"127.0.0.1:{found.server_port}"


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Server, str]]]:
    """Two of them."""
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    made = [Server(), Server()]
    running = [listening(server) for server in made]
    yield [(server, place) for server, (_, place) in zip(made, running, strict=True)]
    for found, _ in running:
        found.shutdown()
        found.server_close()


def test_all_pages_and_the_versions_that_do_not_come_along_are_looked_at(servers: Any) -> None:
    """A change on the last page, or of a champion that is not its model's newest version, changes the mark."""
    server, place = servers[0]
    first = mark_of(f"http://{place}")
    assert first == mark_of(f"http://{place}/") != ""
    server.version["tags"] = [{"key": "verdict", "value": "proven"}]
    second = mark_of(f"http://{place}")
    server.pages = [server.pages[0] | {"next_page_token": "1"}, {"registered_models": []}]
    third = mark_of(f"http://{place}")
    server.pages[1]["registered_models"] = [{"name": "EURUSD_ARIMA"}]
    assert len({first, second, third, mark_of(f"http://{place}"), ""}) == 5


@pytest.mark.parametrize(
    ("userinfo", "variables", "told"),
    [
        ("", {}, None),
        ("", {"TOKEN": "t0ken"}, "Bearer t0ken"),
        ("", {"USERNAME": "me", "PASSWORD": "s3cret", "TOKEN": "t0ken"}, "Basic bWU6czNjcmV0"),
        ("me:s%33cret@", {"TOKEN": "t0ken"}, "Basic bWU6czNjcmV0"),
    ],
)
def test_who_asks_says_what_mlflow_would_say(
    servers: Any, monkeypatch: pytest.MonkeyPatch, userinfo: str, variables: dict[str, str], told: str | None
) -> None:
    """User and password of the address, else of the environment, else a token."""
    server, place = servers[0]
    for name, value in variables.items():
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", value)
    assert mark_of(f"http://{userinfo}{place}")
    assert {authorization for _, authorization in server.asked} == {told}


def test_credentials_follow_nobody_elsewhere(servers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that sends whoever asks to another host is not followed: that one hears nothing at all."""
    (server, place), (elsewhere, other) = servers
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    server.status, server.moved_to = 302, f"http://{other}/"
    assert mark_of(f"http://{place}") == ""
    assert elsewhere.asked == []


@pytest.mark.parametrize("status", [401, 500])
def test_a_server_that_refuses_has_no_mark(servers: Any, status: int) -> None:
    """Then nobody rests: who reads the registry is told the same, and says what is wrong."""
    server, place = servers[0]
    server.status = status
    assert mark_of(f"http://{place}") == ""


def test_a_server_that_is_silent_has_no_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for it waits for seconds, of PostgreSQL and of MLflow's server alike."""
    monkeypatch.setattr(glance, "PATIENCE", 1)
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("NO_PROXY", "*")
        assert mark_of(f"http://{place}") == ""
        assert mark_of(f"postgresql+psycopg://me:pw@{place}/mlflow") == ""
    assert time.monotonic() - began < 10


# PostgreSQL's: somebody is let in, the server is ready; then a notice whose text has no end.
READY = bytes.fromhex("52 00000008 00000000 5a 00000005 49 4e 0000ffff 4d")


@pytest.mark.parametrize(
    ("scheme", "begins"),
    [("http", b"HTTP/1.1 200 OK\r\n\r\n"), ("http", b"HTTP/1.1 200 OK\r\nX-Slow: "), ("postgresql", READY)],
    ids=["body", "head", "postgresql"],
)
def test_a_server_that_drips_is_cut_off(monkeypatch: pytest.MonkeyPatch, scheme: str, begins: bytes) -> None:
    """One limit holds for the whole answer: a letter now and then, for ever, keeps nobody longer than silence does."""
    monkeypatch.setattr(glance, "PATIENCE", 1)
    monkeypatch.setenv("NO_PROXY", "*")
    done = threading.Event()

    def drip(slow: socket.socket) -> None:
        line, _ = slow.accept()
        with line, contextlib.suppress(OSError):
            if scheme == "postgresql":  # where who connects asks for TLS, or says no more than who he is
                line.sendall(b"N" if line.recv(64).endswith(bytes.fromhex("04d2162f")) else b"")
                line.recv(1000)
            line.sendall(begins)
            while not done.wait(0.05):
                line.sendall(b" ")

    with socket.create_server(("127.0.0.1", 0)) as slow:
        dripping = threading.Thread(target=drip, args=(slow,))
        dripping.start()
        found: list[str] = []
        address = f"{scheme}://me@127.0.0.1:{slow.getsockname()[1]}"
        asking = threading.Thread(target=lambda: found.append(mark_of(address)))
        asking.start()
        asking.join(5)
        in_time = list(found)
        done.set()
        dripping.join()
        asking.join()
    assert in_time == [""]
