"""What a server of real processes does with clients who are slow, large, many or encrypted."""

import contextlib
import http.client
import select
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from podium.errors import SettingError
from podium.serve.processes.supervisor import serve
from podium.settings import ServeSettings
from tests.serve.processes.live import Serving

pytestmark = pytest.mark.servers


def test_slow_and_oversized_heads_are_cut_off(serving: Serving) -> None:
    """A client that sends nothing, or drips its head, or sends no end of headers, loses its connection."""
    server = serving(header_timeout=0.5)
    silent = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    dripping = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    dripping.sendall(b"GET /ping HTTP/1.1\r\nHo")
    for client in (silent, dripping):
        with client:
            assert client.recv(1000) == b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(b"GET /ping HTTP/1.1\r\nX: " + b"x" * 100_000)
        assert client.recv(1000).startswith(b"HTTP/1.1 431")


def test_a_slow_body_is_cut_off(serving: Serving) -> None:
    """A client that does not send the body it announced gets 408, on the hot route too."""
    server = serving(body_timeout=0.5)
    for path in ("/invocations", "/v1/invocations/EURUSD"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            client.sendall(head.encode() + b'Content-Length: 100\r\n\r\n{"inp')
            assert client.recv(1000).startswith(b"HTTP/1.1 408")


def test_half_sent_bodies_keep_nobody_out(serving: Serving, split_body: Any) -> None:
    """More requests without the end of their body than may be worked on: others, and probes, are answered as before."""
    server = serving(max_in_flight=4)
    begun = b"POST /invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    begun += b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n{"
    clients = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(8)]
    for client in clients:
        client.sendall(begun)
        assert client.recv(1000).startswith(b"HTTP/1.1 100")
    assert [server.ask("GET", path)[0] for path in ("/ping", "/health", "/metrics", "/v1/podium")] == [200] * 4
    assert server.ask("POST", "/invocations", split_body())[0] == 200
    assert server.ask("POST", "/v1/invocations/EURUSD", split_body())[0] == 200
    for client in clients:
        client.close()


def test_requests_in_one_packet_are_answered_in_order(serving: Serving, split_body: Any, rows: Any) -> None:
    """Many requests sent without waiting are all answered, in their order, on the quick way and between others."""
    server = serving(ledger="required")
    wanted, packet = [], b""
    for at in range(60):
        body = split_body(rows[: 1 + at % 3]).encode()
        packet += b"POST /invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        packet += b"X-Request-Key: key%d\r\nContent-Length: %d\r\n\r\n" % (at, len(body)) + body
        wanted.append(f"key{at}")
        if at % 5 == 0:
            packet += b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(packet)
        found = b""
        while found.count(b"HTTP/1.1 ") < 72:
            part = client.recv(1 << 16)
            assert part
            found += part
    keys = [line.split(b": ")[1].decode() for line in found.split(b"\r\n") if line.startswith(b"x-request-key")]
    assert keys == wanted
    assert found.count(b"HTTP/1.1 200") == 72


def test_connections_beyond_the_limit_wait(serving: Serving) -> None:
    """Beyond the limit a connection is answered as soon as another one is closed; those that are open go on working."""
    server = serving(max_connections=3)
    clients = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(3)]
    for client in clients:
        assert ping(client)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as extra:
        extra.sendall(b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert select.select([extra], [], [], 0.3)[0] == []
        clients.pop().close()
        assert extra.recv(1000).startswith(b"HTTP/1.1 200")
    for client in clients:
        assert ping(client)
        client.close()


def test_idle_connections_take_no_place_of_a_probe(serving: Serving, split_body: Any) -> None:
    """More connections than there once were, silent or within their first line, and everybody else is answered."""
    server = serving()
    with contextlib.ExitStack() as held:
        for number in range(1100):
            client = held.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            if number % 2:
                client.sendall(b"GET /ping HTTP/1.1\r\nHost: ")
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as probe:
            assert ping(probe)
        assert server.ask("GET", "/health")[0] == 200
        assert server.ask("POST", "/invocations", split_body())[0] == 200


def ping(client: socket.socket) -> bool:
    """Whether a connection is answered; its answer is read to the end."""
    client.sendall(b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    found = b""
    while not found.endswith(b"\r\n\r\n\n"):
        part = client.recv(1000)
        if not part:
            return False
        found += part
    return found.startswith(b"HTTP/1.1 200")


def test_a_client_that_never_reads_is_not_read_for_ever(serving: Serving, split_body: Any, rows: Any) -> None:
    """Who takes no answers is kept waiting after some MB of requests; when he reads at last he gets all of them."""
    server = serving()
    body = split_body(rows[-1:]).encode()
    head = (
        b"POST /invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    )
    packet, sent, limit = (head % len(body) + body) * 100, 0, 60_000_000
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.setblocking(False)
        while sent < limit and select.select([], [client], [], 1.0)[1]:
            sent += client.send(packet[sent % len(packet) :])
        assert sent < limit
        assert server.ask("POST", "/invocations", body.decode())[0] == 200  # others are served meanwhile
        client.setblocking(True)
        whole, found = sent // (len(packet) // 100), 0
        tail = b""
        while found < whole:
            part = client.recv(1 << 20)
            assert part
            found += (tail + part).count(b"HTTP/1.1 200 OK\r\n")
            tail = part[-16:]
    assert found == whole


def test_a_client_that_leaves_without_reading_is_no_failure(
    serving: Serving, split_body: Any, rows: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """Who leaves with answers unsent and requests in line is forgotten: the log holds no trace of a failure."""
    server = serving()
    body = split_body(rows[-1:]).encode()
    head = b"POST /invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    packet, sent = (head + b"Content-Length: %d\r\n\r\n" % len(body) + body) * 1000, 0
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.setblocking(False)
        while select.select([], [client], [], 1.0)[1]:
            sent += client.send(packet[sent % len(packet) :])
    assert server.ask("POST", "/invocations", body.decode())[0] == 200
    assert server.stop() == 0
    assert "Traceback" not in capfd.readouterr().err


def test_a_large_head_in_one_packet_is_refused(serving: Serving) -> None:
    """The limit of a head holds however it comes, and nothing that follows it is answered."""
    server = serving()
    ask = b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(ask + b"X: " + b"x" * 200_000 + b"\r\n\r\n" + ask + b"\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 431")
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1000) == b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(ask + b"X: " + b"x" * 30_000 + b"\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 200")


def test_tls_takes_two_settings(serving: Serving, certificate: tuple[Path, Path], split_body: Any) -> None:
    """With a certificate and its key the server speaks TLS, and nothing else; one of them alone is refused."""
    cert, key = certificate
    server = serving(tls_cert=str(cert), tls_key=str(key))
    context = ssl.create_default_context(cafile=cert)
    connection = http.client.HTTPSConnection("localhost", server.port, timeout=30, context=context)
    connection.request("POST", "/invocations", split_body(), {"Content-Type": "application/json"})
    assert connection.getresponse().status == 200
    connection.close()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"HTTP" not in client.recv(1000)


def test_half_of_tls_is_refused(own_world: Any, certificate: tuple[Path, Path]) -> None:
    """A certificate without its key is no TLS, and a server that was meant to have it does not start without."""
    with pytest.raises(SettingError, match="needs both"):
        serve(own_world.settings.model_copy(update={"serve": ServeSettings(tls_cert=certificate[0])}))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of localhost, signed by itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    more = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command, *more], check=True, capture_output=True)
    return cert, key
