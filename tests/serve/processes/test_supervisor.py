"""Real processes on loopback: start, hot swap, slow clients, drain, sudden death."""

import contextlib
import http.client
import json
import multiprocessing
import os
import re
import select
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from filelock import FileLock

from podium.errors import SettingError
from podium.registry.glance import mark_of
from podium.registry.mlflow_store import MlflowStore
from podium.serve.hotswap.manifest import Manifest, save
from podium.serve.hotswap.signals import MANIFEST, READ, RESTARTED
from podium.serve.processes import supervisor
from podium.serve.processes.supervisor import _Companion, serve, worker_config
from podium.serve.web.security import new_key
from podium.settings import ServeSettings
from tests.support import until

pytestmark = pytest.mark.servers

RUN = """
import json, sys
from podium.serve.processes.supervisor import serve
from podium.settings import Settings

settings = Settings(**json.loads(sys.argv[1]))
decide = None
if settings.serve.approvers:
    from podium.pipeline.approval import decide
sys.exit(serve(settings, lambda line: print(line, flush=True), decide))
"""


class Server:
    """A running `serve`, and ways to talk to it."""

    def __init__(self, world: Any, **options: Any) -> None:
        serving = {"port": 0, "interval": 0.2, "ledger": "off", **options}
        told = {**world.settings.model_dump(mode="json"), "serve": serving}
        self.cache = world.cache
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, json.dumps(told)], stdout=subprocess.PIPE, text=True, cwd=world.root
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.took = time.monotonic() - self.started
        assert re.match(r"https?://127.0.0.1:", line), line
        self.port = int(line.rpartition(":")[2])

    def family(self) -> list[int]:
        """Process ids of everything below it: serving processes, the reader, and what helps them."""
        return [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]

    def workers(self) -> list[int]:
        """Process ids of the serving processes."""
        said = {int(place.name) for place in self.cache.glob("*/in-service/[0-9]*")}
        return [number for number in self.family() if number in said]

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json", **headers})
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def champion(self) -> str:
        """Who leads, as the server sees it."""
        return str(json.loads(self.ask("GET", "/health")[2])["pairs"]["EURUSD"]["champion"])

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and wait for the end."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(60)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code


Serving = Callable[..., Server]


@pytest.fixture
def serving(own_world: Any) -> Iterator[Serving]:
    """`serving(processes=2)`: a server of this test's own registry."""
    servers: list[Server] = []

    def start(**options: Any) -> Server:
        servers.append(Server(own_world, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


class Load:
    """Clients in threads that send the same request over and over, each on a connection that stays."""

    def __init__(self, port: int, body: str, clients: int = 4) -> None:
        self.answers: list[tuple[int, str, str, list[float]]] = []
        self.failures: list[str] = []
        self._body, self._port, self._go = body, port, True
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while self._go:
            try:
                connection.request("POST", "/invocations", self._body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                content = response.read()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                break
            found = response.headers
            numbers = json.loads(content).get("predictions", [])
            version = f"{found['x-podium-model']}/{found['x-podium-version']}"
            self.answers.append((response.status, version, found["x-podium-forecast-id"] or "", numbers))
        connection.close()

    def stop(self) -> None:
        """Let the clients finish."""
        self._go = False
        for thread in self._threads:
            thread.join()


def test_an_alias_moved_under_load_is_served_without_a_failed_request(
    serving: Serving, own_world: Any, split_body: Any
) -> None:
    """The alias is moved by a plain MLflow client; within seconds the answers change, and every one was good."""
    server = serving()
    load = Load(server.port, split_body())
    until(lambda: len(load.answers) > 50, "fifty answers")
    client = MlflowStore(own_world.settings).client
    for version in ("2", "1", "2"):
        moved = time.monotonic()
        client.set_registered_model_alias("EURUSD_LinearRegression", "champion", version)
        until(lambda version=version: load.answers[-1][1].endswith(f"Regression/{version}"), "the moved alias")
        assert time.monotonic() - moved < 15
    load.stop()
    assert load.failures == []
    assert {status for status, *_ in load.answers} == {200}
    by_version: dict[str, set[tuple[float, ...]]] = {}
    for _, version, _, numbers in load.answers:
        by_version.setdefault(version, set()).add(tuple(numbers))
    assert {version: len(numbers) for version, numbers in by_version.items()} == {
        "EURUSD_LinearRegression/1": 1,
        "EURUSD_LinearRegression/2": 1,
    }


def test_reload_serves_the_new_champion_at_once(
    serving: Serving, own_world: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """After `POST /v1/reload` has answered, the moved alias is in service; the log tells start, swap, refusal, stop."""
    server = serving(interval=600.0, patience=120.0, access_log=True, log_format="json")
    MlflowStore(own_world.settings).client.set_registered_model_alias("EURUSD_LinearRegression", "champion", "2")
    assert server.champion().endswith("/1")
    status, _, content = server.ask("POST", "/v1/reload")
    assert (status, json.loads(content)["pairs"]["EURUSD"]["champion"]) == (200, "EURUSD_LinearRegression/2")
    assert [server.ask("POST", "/invocations", "nonsense")[0] for _ in range(3)] == [400] * 3
    logged = ""

    def told() -> bool:
        nonlocal logged
        logged += capfd.readouterr().err
        return "EURUSD_LinearRegression/2" in logged

    until(told, "a line that tells of the swap")
    assert server.stop() == 0
    lines = [json.loads(line)["message"] for line in (logged + capfd.readouterr().err).splitlines()]
    told_by_us = [line.partition(", challenger")[0] for line in lines if "HTTP/1.1" not in line]
    assert told_by_us[0] == "serving EURUSD: champion EURUSD_LinearRegression/1"
    assert sorted(told_by_us[1:3])[0].startswith("refused POST /invocations: 400, The body is not valid JSON")
    assert sorted(told_by_us[1:3])[1] == "serving EURUSD: champion EURUSD_LinearRegression/2"
    assert told_by_us[3:] == ["stopped; open requests were answered"]
    assert sum('"POST /invocations HTTP/1.1" 400' in line for line in lines) == 3


def test_a_reload_is_answered_when_every_process_serves_what_was_found(serving: Serving, own_world: Any) -> None:
    """Of three processes none answers from the old champion once `POST /v1/reload` has been answered."""
    server = serving(processes=3, interval=600.0)
    client = MlflowStore(own_world.settings).client
    for version in ("2", "1"):
        client.set_registered_model_alias("EURUSD_LinearRegression", "champion", version)
        assert server.ask("POST", "/v1/reload")[0] == 200
        assert {server.champion() for _ in range(20)} == {f"EURUSD_LinearRegression/{version}"}


def test_a_title_that_nobody_holds_for_a_while_goes_on_being_served(serving: Serving, own_world: Any) -> None:
    """The alias is taken away first and given to another model later: no request is refused in between."""
    server = serving(interval=600.0)
    client = MlflowStore(own_world.settings).client
    client.delete_registered_model_alias("EURUSD_LinearRegression", "champion")
    status, _, content = server.ask("POST", "/v1/reload")
    assert (status, json.loads(content)["status"]) == (200, "degraded")
    assert "holds @champion" in json.loads(content)["problems"]["EURUSD"]
    assert server.champion() == "EURUSD_LinearRegression/1"
    client.set_registered_model_alias("EURUSD_Drift", "champion", "1")
    assert json.loads(server.ask("POST", "/v1/reload")[2])["problems"] == {}
    assert server.champion() == "EURUSD_Drift/1"


def test_servers_of_one_folder_that_serve_other_pairs_keep_apart(serving: Serving, own_world: Any) -> None:
    """A server of another pair does not overwrite what this one has read, nor take its models away."""
    server = serving(interval=600.0)
    other = serving(interval=600.0, pairs=("USDJPY",), patience=60.0)
    assert other.ask("POST", "/v1/reload")[0] == 200
    assert json.loads(other.ask("GET", "/health")[2])["pairs"] == {}
    assert server.ask("POST", "/v1/reload")[0] == 200
    assert server.champion() == "EURUSD_LinearRegression/1"
    assert len(list(own_world.cache.glob("*/manifest.json"))) == 2


def test_sigterm_finishes_what_was_begun(serving: Serving, split_body: Any) -> None:
    """A request whose body is still on its way when SIGTERM comes is answered; then the server ends with 0."""
    server = serving()
    body = split_body().encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        head = b"POST /invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        client.sendall(head + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:10])
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"  # said when the server begins to wait for the body
        server.process.send_signal(signal.SIGTERM)
        until(lambda: refuses(server.port), "a port that takes nobody")
        client.sendall(body[10:])
        answer = client.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"connection: close" in answer
    assert server.stop() == 0


def refuses(port: int) -> bool:
    """Whether a new connection is refused, rather than left waiting."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it stood in line while the server closed
        return False
    return False


def listens(port: int) -> bool:
    """Whether a new connection is answered at all."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.2) as client:
            client.settimeout(0.3)
            client.sendall(b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            return bool(client.recv(10))
    except OSError:
        return False


def test_no_child_outlives_a_supervisor_that_is_killed(serving: Serving) -> None:
    """SIGKILL of the parent ends the serving processes and the reader too."""
    server = serving(processes=2)
    until(lambda: len(server.workers()) == 2, "two serving processes")
    children = server.family()
    server.stop(signal.SIGKILL)
    until(lambda: not any(alive(child) for child in children), "the end of every child")


def alive(pid: int) -> bool:
    """Whether a process runs, and is no corpse."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_every_forecast_that_a_client_got_is_in_the_ledger_after_sigkill(
    serving: Serving, own_world: Any, split_body: Any, rows: Any
) -> None:
    """Two serving processes are killed under load: what clients have received is written down, all of it."""
    server = serving(ledger="required", processes=2)
    load = Load(server.port, split_body(rows[-1:]), clients=6)
    until(lambda: len(load.answers) > 300, "300 answers")
    for pid in server.workers():
        os.kill(pid, signal.SIGKILL)
    server.process.kill()
    load.stop()
    got = {found for status, _, found, _ in load.answers if status == 200}
    with sqlite3.connect(own_world.root / "data" / "ledger.db") as ledger:
        written = {row[0]: row[1] for row in ledger.execute("SELECT forecast_id, origin FROM ledger_entries")}
    ledger.close()
    assert len(got) > 300
    assert got <= written.keys()
    assert None not in written.values()


def test_a_serving_process_that_dies_is_replaced(serving: Serving, split_body: Any, tmp_path: Path) -> None:
    """The supervisor starts a new serving process in the place of one that died, whatever state the key file is in."""
    keys, (key, line) = tmp_path / "keys", new_key("client")
    keys.touch(mode=0o600)
    keys.write_text(line)
    server = serving(keys_file=str(keys))
    keys.write_text("no key")
    (before,) = server.workers()
    os.kill(before, signal.SIGKILL)
    until(lambda: server.workers() not in ([], [before]) and listens(server.port), "another serving process")
    asked = partial(server.ask, "POST", "/invocations", split_body(), **{"X-API-Key": key})
    assert asked()[0] == 401
    keys.write_text(line)
    until(lambda: asked()[0] == 200, "keys that are read again")
    assert server.stop() == 0


def test_a_serving_process_that_stands_still_is_replaced(serving: Serving, split_body: Any) -> None:
    """A process that is stopped, or whose loop hangs, is killed within seconds, and another takes its place."""
    server = serving()
    (before,) = server.workers()
    os.kill(before, signal.SIGSTOP)
    until(lambda: server.workers() not in ([], [before]) and listens(server.port), "another serving process")
    assert server.ask("POST", "/invocations", split_body())[0] == 200


def test_how_an_earlier_server_ended_is_no_news(own_world: Any) -> None:
    """A signal to all processes of a server ends its reader too; the next server is not degraded by that."""
    config = worker_config(own_world.settings)
    news = config.cache / RESTARTED
    news.parent.mkdir(parents=True)
    news.write_text("the registry's reader ended (-15) and was started again")
    companion = _Companion(own_world.settings, config, ("127.0.0.1", 0), print)
    companion._ending.set()
    companion.run()
    assert not news.exists()


def test_a_reader_that_rests_is_started_when_the_registry_changes(own_world: Any) -> None:
    """It ends while nothing happens, of its own accord, and is there again at the first change; that is no trouble."""
    config, database = worker_config(own_world.settings), own_world.root / "mlflow.db"
    save(Manifest(), config.cache / MANIFEST)
    companion = _Companion(own_world.settings, config, ("127.0.0.1", 0), print)
    started: list[int] = []

    def read_and_end(*_: object, **__: object) -> Any:
        started.append(1)
        (config.cache / READ).write_text(mark_of(own_world.settings.tracking_uri))
        return SimpleNamespace(is_alive=lambda: False, exitcode=0, start=lambda: None)

    def look(times: int) -> int:
        for _ in range(times):
            companion._watch.look()
            companion._look_after_reader()
        return len(started)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multiprocessing, "Process", read_and_end)
        patch.setattr(supervisor, "PAUSE", 0.0)
        assert look(3) == 1
        os.utime(database)
        assert look(3) == 2
        patch.setattr(supervisor, "mark_of", lambda _: "")  # a server that has fallen silent: the reader says so
        assert look(1) == 3
        patch.undo()
        patch.setattr(multiprocessing, "Process", read_and_end)
        patch.setattr(supervisor, "PAUSE", 0.0)
        assert look(1) == 3
        patch.setattr(supervisor, "SILENCE", -1.0)  # likewise
        patch.setattr(companion._watch, "look", lambda: None)
        assert look(1) == 4
        patch.setattr(supervisor, "ANEW", 0.0)
        assert look(1) == 5
    assert not (config.cache / RESTARTED).exists()


def test_what_an_earlier_server_left_is_served_if_it_is_still_true(own_world: Any) -> None:
    """The manifest of a registry that has not changed since is told to be current, before any reader has read it."""
    config = worker_config(own_world.settings)
    save(Manifest(), config.cache / MANIFEST)
    os.utime(config.cache / MANIFEST, (1, 1))
    companion = _Companion(own_world.settings, config, ("127.0.0.1", 0), print)
    (config.cache / READ).write_text("another")
    companion._watch.look()
    assert not companion._is_current()
    assert (config.cache / MANIFEST).stat().st_mtime == 1
    (config.cache / READ).write_text(mark_of(own_world.settings.tracking_uri))
    assert companion._is_current()
    assert (config.cache / MANIFEST).stat().st_mtime >= config.begun - 1


def test_workers_agree_on_the_arm_and_add_up_their_metrics(serving: Serving, split_body: Any) -> None:
    """Whichever process answers, a key has one arm; `/metrics` counts the requests of both."""
    server = serving(processes=2, split="champion=50,challenger=50")
    for key in ("a", "b", "c", "d"):
        arms = {
            server.ask("POST", "/invocations", split_body(), **{"X-Request-Key": key})[1]["x-podium-arm"]
            for _ in range(10)
        }
        assert len(arms) == 1
    text = server.ask("GET", "/metrics")[2].decode()
    assert 'podium_requests_total{endpoint="invocations",status="200"} 40.0' in text


def test_a_server_that_starts_again_serves_at_once_what_is_current(serving: Serving, own_world: Any) -> None:
    """With a warm cache and an unchanged registry the server does not wait until the registry has been read."""
    serving().stop()
    (read,) = own_world.cache.glob(f"*/{READ}")
    before = read.stat().st_mtime_ns
    with FileLock(own_world.root / "mlflow.db.lock"):  # which the reader waits for
        assert serving(patience=600.0).champion() == "EURUSD_LinearRegression/1"
        assert read.stat().st_mtime_ns == before


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


def test_mlflows_own_client_moves_over_by_changing_the_address(serving: Serving, world: Any, rows: Any) -> None:
    """MLflow's scoring client talks to Podium as to its own server."""
    import pandas as pd
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    client = ScoringServerClient("127.0.0.1", serving().port)
    client.wait_server_ready(timeout=10)
    found = client.invoke(pd.DataFrame(rows, columns=list(world.table.names)))
    assert len(found.get_predictions()) == 4


def test_an_approver_gives_a_title_by_a_request(serving: Serving, own_world: Any, tmp_path: Path) -> None:
    """A process of its own asks the registry: the title is served at once, and no process at work imported MLflow."""
    keys, (key, line) = tmp_path / "keys", new_key("anna")
    keys.touch(mode=0o600)
    keys.write_text(line)
    store = MlflowStore(own_world.settings)
    store.record_step(own_world.versions[1], 1, "proposed", "lowest RMSE", None)
    server = serving(keys_file=str(keys), approvers=["anna"], interval=600.0, patience=120.0)
    yes = json.dumps({"number": 1, "decision": "approve", "why": "so"})
    status, _, content = server.ask("POST", "/v1/proposals/EURUSD", yes, **{"X-API-Key": key})
    assert (status, json.loads(content)["in_service"]) == (200, True), content
    found = json.loads(server.ask("GET", "/v1/podium/EURUSD", **{"X-API-Key": key})[2])
    assert (found["podium"][0]["version"], found["titles"][-1]["by"]) == (2, "anna")
    (worker,) = server.workers()
    maps = Path(f"/proc/{worker}/maps").read_text()
    assert [library for library in ("pandas", "sklearn", "scipy") if f"/{library}/" in maps] == []


def test_the_serving_process_is_light(serving: Serving, split_body: Any) -> None:
    """It has none of the heavy libraries in memory after a forecast of each kind; all together stay under 300 MB."""
    server = serving(ledger="required")
    assert server.ask("POST", "/invocations", split_body())[0] == 200
    assert server.ask("GET", "/v1/forecast/EURUSD")[0] == 200
    (worker,) = server.workers()
    maps = Path(f"/proc/{worker}/maps").read_text()
    for library in ("pandas", "sklearn", "scipy", "tensorflow", "matplotlib"):
        assert f"/{library}/" not in maps
    others = [Path(f"/proc/{number}/maps").read_text() for number in server.family() if number != worker]
    assert not any(f"/{library}/" in maps for library in ("scipy", "pyarrow", "pandas") for maps in others)
    assert "/numpy/" not in Path(f"/proc/{server.process.pid}/maps").read_text()
    everybody = [psutil.Process(number) for number in (server.process.pid, *server.family())]
    assert sum(process.memory_full_info().pss for process in everybody) < 300e6


def test_an_address_that_is_taken_is_a_plain_error(own_world: Any) -> None:
    """A taken port is told with the remedy, before any process is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SettingError, match="--port"):
        serve(own_world.settings.model_copy(update={"serve": ServeSettings(port=taken.getsockname()[1])}))


def test_other_addresses_are_refused_before_anything_listens(own_world: Any) -> None:
    """Without keys the server does not start on an address that others can reach."""
    with pytest.raises(SettingError, match="--insecure"):
        serve(own_world.settings.model_copy(update={"serve": ServeSettings(host="0.0.0.0", port=0)}))


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
