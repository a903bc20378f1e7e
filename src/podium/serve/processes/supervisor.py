"""`serve`: the serving processes, which Granian starts and replaces, and the reader of the registry beside them."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from logging.config import dictConfig
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from podium.environment import FRUGAL, SAFE_PATH, collect_seldom, lent
from podium.errors import SettingError
from podium.registry.databases import sqlite_path
from podium.registry.glance import mark_of
from podium.serve.hotswap.signals import ANEW, READING, RESTARTED, SILENCE, address_digest, in_service, is_current
from podium.serve.processes.logs import logging_config
from podium.serve.web.config import SHARED, WorkerConfig
from podium.serve.web.security import make_gate
from podium.serve.web.split import Split
from podium.settings import ServeSettings, Settings

TICK = 0.05  # seconds between two looks at the processes until the server answers
CALM = 0.5  # and from then on: each look takes the CPU from those who answer
PAUSE = 2.0  # seconds that the reader must have lived before it is started again, so that none is started in a frenzy
GLANCE = 0.2  # seconds between two looks at a registry's file, which cost microseconds
NEWS = 60.0  # seconds that the reader must have lived until its last end is no news
GRACE = 5  # seconds beyond the drain before a process is killed
READERS_SILENCE = 90.0  # seconds that the reader may take over one thing, which has an end of its own before
MEMORY = "/dev/shm"  # noqa: S108  where Linux has files that no disk holds
MAX_HEAD = 32 * 1024  # bytes of a request's line and headers
FILES = 512  # files that a process may have open beside its connections

_log = logging.getLogger("podium.serve")

Announce = Callable[[str], None]


def serve(
    settings: Settings, announce: Announce = lambda address: None, decide: Callable[..., Any] | None = None
) -> int:
    """Serve until SIGTERM or SIGINT; open requests are finished first.

    Args:
        settings: where registry, data and series are, and how to serve.
        announce: is told the address when requests are accepted.
        decide: see `WorkerConfig`.

    Returns:
        Exit code: 0 after a signal, 1 when the processes cannot be kept running.

    Raises:
        SettingError: an option cannot be used, or the address is taken.
    """
    options = settings.serve
    dictConfig(logging_config(options))
    Split.parse(options.split)
    gate = make_gate(options)
    gate.ring.check()
    _check_tls(options)
    if gate.ring and not options.loopback and not options.tls_cert:
        _log.warning("API keys travel in the open on %s: give tls_cert and tls_key, or a proxy with TLS", options.host)
    config = worker_config(settings, decide)
    config.cache.mkdir(parents=True, exist_ok=True)
    # spawn: a fork would copy the locks of this process's threads in whatever state they are
    multiprocessing.set_start_method("spawn", force=True)
    with lent(SAFE_PATH | FRUGAL), _address(options) as (host, port), _shared_metrics(options.processes):
        companion = _Companion(settings, config, (host, port), announce)
        try:
            with companion:
                from granian import Granian  # the reader, which takes longest, is already on its way

                server = Granian("podium", **_granian(config, host, port))
                server.serve(target_loader=partial(_load, config), wrap_loader=False)
        except SystemExit:
            return 1  # a process that was just started again ended once more
    return 0


def _check_tls(options: ServeSettings) -> None:
    files = (options.tls_cert, options.tls_key)
    if any(files) and not all(files):
        raise SettingError("tls_cert and tls_key: TLS needs both, the certificate and its key")
    if missing := next((path for path in files if path is not None and not path.is_file()), None):
        raise SettingError(f"{missing} is not there; TLS needs the certificate and its key")


def _load(config: WorkerConfig) -> Any:
    from podium.serve.processes.worker import load

    return load(config)


def _granian(config: WorkerConfig, host: str, port: int) -> dict[str, Any]:
    """What Granian is told."""
    from granian.constants import HTTPModes, Interfaces, RuntimeModes, SSLProtocols
    from granian.http import HTTP1Settings

    options = config.settings.serve
    milliseconds = int(options.header_timeout * 1000)
    return {
        "address": host,
        "port": port,
        "interface": Interfaces.RSGI,
        "workers": options.processes,
        "runtime_mode": RuntimeModes.mt,  # still one thread of Rust; its bursts reach Python sooner (0166)
        "http": HTTPModes.http1,
        "http1_settings": HTTP1Settings(header_read_timeout=milliseconds, max_buffer_size=MAX_HEAD),
        "websockets": False,
        "backlog": 2048,
        "backpressure": _connections(options.max_connections),
        "log_enabled": False,  # of its own; the access log and ours are told how to look
        "log_dictconfig": logging_config(options),
        "log_access": options.access_log,
        "respawn_failed_workers": True,
        "workers_kill_timeout": int(options.drain) + GRACE,
        "ssl_cert": options.tls_cert,
        "ssl_key": options.tls_key,
        "ssl_protocol_min": SSLProtocols.tls12,
    }


def _connections(wanted: int) -> int:
    """How many connections a process may hold, whose files it asks the system for: the usual 1,024 need not be all."""
    if sys.platform == "win32":
        return wanted
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    may = wanted + FILES if hard == resource.RLIM_INFINITY else min(wanted + FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < may:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (may, hard))
        except (OSError, ValueError):  # macOS has a limit behind the one that it tells
            may = soft
    return min(wanted, max(may - FILES, may // 2))


def _read(settings: Settings, cache: Path) -> None:
    from podium.serve.hotswap.registry_reader import read  # in its own process: it is heavy

    collect_seldom()
    dictConfig(logging_config(settings.serve))
    read(settings, settings.serve.pairs, cache, settings.serve.interval)


def worker_config(settings: Settings, decide: Callable[..., Any] | None = None) -> WorkerConfig:
    """What each serving process is told."""
    options = settings.serve
    pages = pages_of(options.mlflow_ui or settings.tracking_uri)
    return WorkerConfig(
        settings.model_copy(update={"serve": options.model_copy(update={"mlflow_ui": pages})}),
        # Servers of other registries or other pairs have podiums and models of their own.
        cache=(options.cache or settings.data_dir / "serving")
        / address_digest(settings.tracking_uri, settings.registry_uri, *options.pairs),
        begun=time.time(),
        decide=decide,
    )


def pages_of(address: str) -> str | None:
    """Where MLflow's pages are at a server's address, without user and password; None for a database or a folder."""
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))


@contextmanager
def _address(options: ServeSettings) -> Iterator[tuple[str, int]]:
    """Address and port to listen on, free and kept: each serving process opens a socket of its own there."""
    try:
        family, _, _, _, found = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM)[0]
        with socket.create_server(found[:2], family=family) as probe:  # alone, unlike the serving processes
            host, port = probe.getsockname()[:2]
        kept = socket.socket(family)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingError(
            f"cannot listen on {options.host}:{options.port} ({reason}); choose another with --port"
        ) from None
    with kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        kept.bind((host, port))
        yield host, port


@contextmanager
def _shared_metrics(workers: int) -> Iterator[None]:
    """Where several processes add up their metrics: in memory, since a full disk ends who writes into a mapped file."""
    if workers == 1:
        yield
        return
    place = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="podium-metrics-", dir=place, ignore_cleanup_errors=True) as folder:
        os.environ[SHARED] = folder
        try:
            yield
        finally:
            del os.environ[SHARED]


class _Watch(threading.Thread):
    """Looks now and then whether the registry has changed; who needs to know does not wait for its server."""

    def __init__(self, registry: str, interval: float, ending: threading.Event) -> None:
        super().__init__(name="podium-watch", daemon=True)
        self._registry, self._ending = registry, ending
        self._pause = min(interval, GLANCE) if sqlite_path(registry) else interval
        self._seen = ("", 0.0)

    @property
    def mark(self) -> str:
        """The registry's mark; empty where nobody can say, or the last look takes long."""
        mark, at = self._seen
        return mark if time.monotonic() - at < self._pause + SILENCE else ""

    def look(self) -> None:
        """Ask once."""
        self._seen = (mark_of(self._registry), time.monotonic())

    def run(self) -> None:
        """Until the server ends."""
        self.look()
        while not self._ending.wait(self._pause):
            self.look()


class _Companion(threading.Thread):
    """Beside Granian: keeps the reader of the registry alive, says when the server answers, ends who stands still."""

    def __init__(self, settings: Settings, config: WorkerConfig, address: tuple[str, int], announce: Announce) -> None:
        super().__init__(name="podium-companion", daemon=True)
        options = config.settings.serve
        self._read = partial(_read, settings, config.cache)
        self._cache, self._address, self._announce = config.cache, address, announce
        self._begun_with, self._interval = config.begun, options.interval
        self._scheme = "https" if options.tls_cert else "http"
        self._ending = threading.Event()
        self._watch = _Watch(settings.registry_uri or settings.tracking_uri, options.interval, self._ending)
        self._reader: multiprocessing.Process | None = None
        self._begun = -PAUSE
        self._heard: dict[int, tuple[float, float, float]] = {}  # last word, silence and look, by process

    def __enter__(self) -> None:
        self._watch.start()
        self.start()

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self.join()

    def run(self) -> None:
        """Until the server ends."""
        answered = current = False
        (self._cache / RESTARTED).unlink(missing_ok=True)  # of an earlier server, which may have ended by it
        self._look_after_reader()
        while not self._ending.wait(CALM if answered else TICK):
            self._look_after_reader()
            current = current or self._is_current()  # what an earlier server left need not be read again to be served
            answered = answered or self._says_so()
            self._end_the_still()
        if self._reader is not None:
            self._reader.kill()
            self._reader.join()

    def _look_after_reader(self) -> None:
        lived, reader = time.monotonic() - self._begun, self._reader
        news = self._cache / RESTARTED
        rested = reader is not None and reader.exitcode == 0 and lived < ANEW and self._is_current()
        if reader is not None and (reader.is_alive() or rested):
            if lived >= NEWS:
                news.unlink(missing_ok=True)
            return
        if lived < PAUSE:
            return
        if reader is not None and reader.exitcode:
            with suppress(OSError):  # a full disk; the reader is started all the same
                news.write_text(f"the registry's reader ended ({reader.exitcode}) and was started again")
        self._reader = multiprocessing.Process(target=self._read, daemon=True)
        self._reader.start()
        self._begun = time.monotonic()

    def _is_current(self) -> bool:
        return is_current(self._cache, self._watch.mark, max(self._begun_with, time.time() - self._interval))

    def _says_so(self) -> bool:
        try:
            socket.create_connection(self._address, timeout=1).close()
        except OSError:
            return False
        host, port = self._address
        self._announce(f"{self._scheme}://{f'[{host}]' if ':' in host else host}:{port}")
        return True

    def _end_the_still(self) -> None:
        """A process whose loop has not turned for a while is killed; Granian starts another."""
        heard = {number: at for number, (at, _) in in_service(self._cache).items()}
        for process in multiprocessing.active_children():
            number, patience = process.pid or 0, SILENCE
            if process is self._reader:
                with suppress(FileNotFoundError):
                    heard[number], patience = (self._cache / READING).stat().st_mtime, READERS_SILENCE
            if number in heard and self._still(number, heard[number]) > patience:
                _log.warning("process %d has stood still for %.0f s; another takes its place", number, patience)
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)

    def _still(self, number: int, heard: float) -> float:
        """Seconds of looks that found nothing new of it; a clock that is set, or a sleep, adds one at most."""
        now = time.monotonic()
        at, quiet, looked = self._heard.get(number, (0.0, 0.0, now))
        quiet = quiet + min(now - looked, 1.0) if at == heard else 0.0
        self._heard[number] = heard, quiet, now
        return quiet
