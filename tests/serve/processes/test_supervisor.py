"""Real processes on loopback: start, drain, sudden death."""

import multiprocessing
import os
import resource
import signal
import socket
import sqlite3
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from podium.errors import SettingError
from podium.registry.glance import mark_of
from podium.serve.hotswap.manifest import Manifest, save
from podium.serve.hotswap.registry_reader import RegistryReader
from podium.serve.hotswap.signals import IN_SERVICE, MANIFEST, READ, READING, RESTARTED, SILENCE, tell_in_service
from podium.serve.hotswap.trial import Trials
from podium.serve.processes import supervisor
from podium.serve.processes.supervisor import _Companion, serve, worker_config
from podium.serve.web.config import SHARED
from podium.serve.web.security import new_key
from podium.settings import ServeSettings
from tests.serve.processes.live import Load, Serving
from tests.support import until

pytestmark = pytest.mark.servers


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


@pytest.fixture
def watching(own_world: Any, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A companion that looks every half second, with this process as the only one, and whom it ended."""
    config = worker_config(own_world.settings)
    found = SimpleNamespace(ended=[], cache=config.cache, now=0.0, process=SimpleNamespace(pid=os.getpid()))
    found.companion = _Companion(own_world.settings, config, ("127.0.0.1", 0), print)
    monkeypatch.setattr(Trials, "begin", lambda _: None)  # it begins and kills a process of its own
    monkeypatch.setattr(supervisor.os, "kill", lambda number, _signal: found.ended.append(number))
    monkeypatch.setattr(supervisor.multiprocessing, "active_children", lambda: [found.process])
    monkeypatch.setattr(supervisor, "time", SimpleNamespace(monotonic=lambda: found.now))

    def look(seconds: float) -> None:
        for _ in range(int(2 * seconds)):
            found.now += 0.5
            found.companion._end_the_still()

    found.look = look
    return found


def test_a_clock_that_is_set_ends_nobody(watching: SimpleNamespace) -> None:
    """A process is still when look after look finds nothing new of it, not when a clock says that it was long ago."""
    for hours in (-1, 1):
        tell_in_service(watching.cache, 1)
        heard = time.time() + 3600 * hours
        os.utime(watching.cache / IN_SERVICE / str(os.getpid()), (heard, heard))
        watching.look(SILENCE - 2)
        watching.now += 3600  # the whole machine slept
        assert watching.ended == []
    watching.look(SILENCE)
    assert set(watching.ended) == {os.getpid()}


@pytest.mark.parametrize(
    ("soft", "hard", "held", "raised_to"),
    [
        (1024, 524_288, 10_000, 10_512),
        (1024, 4096, 3584, 4096),
        (256, 256, 128, None),
        (20_000, 20_000, 10_000, None),
        (1024, resource.RLIM_INFINITY, 10_000, 10_512),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 10_000, None),
    ],
)
def test_connections_are_within_the_files_that_a_process_may_open(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, held: int, raised_to: int | None
) -> None:
    """The limit of open files is raised as far as may be, and connections leave some for everything else."""
    raised: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: raised.append(limits))
    assert supervisor._connections(10_000) == held
    assert raised == ([] if raised_to is None else [(raised_to, hard)])


def test_a_system_that_gives_no_more_files_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the limit that a system tells is not what it gives, connections stay within what there was."""

    def refuse(*_: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (2048, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert supervisor._connections(10_000) == 2048 - supervisor.FILES


def test_a_reader_that_stands_still_is_replaced(own_world: Any, watching: SimpleNamespace) -> None:
    """One that hangs where no alarm wakes it, or was stopped, is ended, so that another is started in its place."""
    watching.companion._reader = watching.process
    RegistryReader(own_world.settings, (), watching.cache).look()
    watching.look(supervisor.READERS_SILENCE - 5)
    (watching.cache / READING).touch()
    watching.look(supervisor.READERS_SILENCE - 5)
    assert watching.ended == []
    watching.look(10)
    assert set(watching.ended) == {os.getpid()}


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


@pytest.mark.parametrize(
    ("host", "tls", "told"), [("0.0.0.0", False, True), ("127.0.0.1", False, False), ("0.0.0.0", True, False)]
)
def test_keys_that_travel_in_the_open_are_told(  # noqa: PLR0917  fixtures are asked for by name
    own_world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any, host: str, tls: bool, told: bool
) -> None:
    """Others reach the address, keys are asked for, and there is no TLS: the log says so before anything listens."""
    files = [tmp_path / name for name in ("keys", "cert", "key")]
    for file in files:
        file.write_text(new_key("me")[1])
        file.chmod(0o600)
    given = {"tls_cert": files[1], "tls_key": files[2]} if tls else {}
    monkeypatch.setattr(supervisor, "worker_config", lambda *_: 1 / 0)
    monkeypatch.setattr(supervisor, "dictConfig", lambda _: None)
    options = ServeSettings(host=host, keys_file=files[0], **given)
    with pytest.raises(ZeroDivisionError):
        serve(own_world.settings.model_copy(update={"serve": options}))
    assert ("travel in the open" in caplog.text) is told


def test_shared_metrics_lie_on_no_disk() -> None:
    """A process that writes into a mapped file is ended by the kernel where the disk has no room for it."""
    with supervisor._shared_metrics(2):
        assert Path(os.environ[SHARED]).parent == Path(supervisor.MEMORY)
    assert SHARED not in os.environ


def test_an_address_that_is_taken_is_a_plain_error(own_world: Any) -> None:
    """A taken port is told with the remedy, before any process is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SettingError, match="--port"):
        serve(own_world.settings.model_copy(update={"serve": ServeSettings(port=taken.getsockname()[1])}))


def test_other_addresses_are_refused_before_anything_listens(own_world: Any) -> None:
    """Without keys the server does not start on an address that others can reach."""
    with pytest.raises(SettingError, match="--insecure"):
        serve(own_world.settings.model_copy(update={"serve": ServeSettings(host="0.0.0.0", port=0)}))
