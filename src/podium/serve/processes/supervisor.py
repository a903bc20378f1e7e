"""`serve`: one listening address, the processes behind it, and the reader of the registry beside them."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from podium.environment import child_environment
from podium.errors import SettingError
from podium.serve.hotswap.manifest import address_digest
from podium.serve.processes.options import WorkerConfig
from podium.serve.web.security import make_gate
from podium.serve.web.split import Split
from podium.serve.web.telemetry import SHARED
from podium.settings import ServeSettings, Settings

TICK = 0.25  # seconds between two looks at the processes
PAUSE = 2.0  # seconds that a process must have lived before it is started again, so that none is started in a frenzy
GRACE = 5.0  # seconds beyond the drain before a process is killed

Announce = Callable[[str], None]


def serve(settings: Settings, announce: Announce = lambda line: None) -> int:
    """Serve until SIGTERM or SIGINT; open requests are finished first.

    Args:
        settings: where registry, data and series are, and how to serve.
        announce: is told, in one line, when requests are accepted.

    Returns:
        Exit code: 0 after a signal, 1 when no process could be started.

    Raises:
        SettingError: an option cannot be used, or the address is taken.
    """
    options = settings.serve
    Split.parse(options.split)
    make_gate(
        options.host,
        loopback=options.loopback,
        keys_file=options.keys_file,
        allowed_hosts=options.allowed_hosts,
        insecure=options.insecure,
    )
    config = worker_config(settings)
    config.cache.mkdir(parents=True, exist_ok=True)
    with _listener(options) as listener, _shared_metrics(options.processes) as metrics:
        return _Supervisor(settings, config, listener, metrics, announce).run()


def worker_config(settings: Settings) -> WorkerConfig:
    """What each serving process is told."""
    from podium.registry.databases import sqlite_path

    options = settings.serve
    registry = sqlite_path(settings.registry_uri or settings.tracking_uri)
    address = address_digest(settings.tracking_uri, settings.registry_uri)
    pages = pages_of(options.mlflow_ui or settings.tracking_uri)
    return WorkerConfig(
        settings.model_copy(update={"serve": options.model_copy(update={"mlflow_ui": pages})}),
        # Servers of other registries or other pairs have podiums and models of their own.
        cache=(options.cache or settings.data_dir / "serving") / address_digest(address, *options.pairs),
        registry=str(registry) if registry else "",
        address=address,
    )


def pages_of(address: str) -> str | None:
    """Where MLflow's pages are at a server's address, without user and password; None for a database or a folder."""
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))


@contextmanager
def _listener(options: ServeSettings) -> Iterator[socket.socket]:
    try:
        family = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((options.host, options.port), family=family, backlog=2048)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingError(
            f"cannot listen on {options.host}:{options.port} ({reason}); choose another with --port"
        ) from None
    with listener:
        yield listener


@contextmanager
def _shared_metrics(workers: int) -> Iterator[Path | None]:
    if workers == 1:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="podium-metrics-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class _Child:
    """A process that is started again when it ends."""

    module: str
    told: dict[str, Any]
    passed: tuple[int, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    ready: bool = False

    def start(self) -> None:
        """Start it, and tell it its configuration."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", self.module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=self.passed,
            env=child_environment(**self.environment),
        )
        self.started, self.ready = time.monotonic(), False
        try:
            os.write(_fileno(self.process.stdin), json.dumps(self.told).encode() + b"\n")
        except BrokenPipeError:
            return  # it has ended already, which the next look sees

    @property
    def ended(self) -> bool:
        """Whether it runs no more."""
        return self.process is None or self.process.poll() is not None

    @property
    def due(self) -> bool:
        """Whether it may be started again."""
        return self.ended and time.monotonic() - self.started >= PAUSE

    def stop(self, number: signal.Signals) -> None:
        """Send it a signal, and close its standard input, which says the same."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()


def _fileno(pipe: Any) -> int:
    number: int = pipe.fileno()
    return number


class _Supervisor:
    """Starts the processes, starts again those that end, and ends them all."""

    def __init__(
        self,
        settings: Settings,
        config: WorkerConfig,
        listener: socket.socket,
        metrics: Path | None,
        announce: Announce,
    ) -> None:
        self._options = config.settings.serve
        self._listener = listener
        self._announce = announce
        self._stopping = self._told_to_stop = False
        self._metrics = metrics
        told = {"listener": listener.fileno(), "config": config.to_plain()}
        shared = {SHARED: str(metrics)} if metrics else {}
        self._workers = [
            _Child("podium.serve.processes.worker", told, (listener.fileno(),), shared)
            for _ in range(self._options.processes)
        ]
        looks = {
            "settings": settings.model_dump(mode="json"),
            "pairs": list(self._options.pairs),
            "cache": str(config.cache),
            "interval": self._options.interval,
        }
        self._reader = _Child("podium.serve.hotswap.registry_reader", looks)

    def run(self) -> int:
        """Until a signal comes."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        children = [self._reader, *self._workers]
        try:
            for child in children:
                child.start()
            self._await_first()
            while not self._stopping:
                time.sleep(TICK)
                for child in children:
                    if child.due and not self._stopping:
                        self._bury(child)
                        child.start()
        finally:
            self._end(children)
        return 0 if self._told_to_stop else 1

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = self._told_to_stop = True

    def _await_first(self) -> None:
        with selectors.DefaultSelector() as selector:
            for child in self._workers:
                selector.register(_fileno(child.process.stdout if child.process else None), selectors.EVENT_READ, child)
            while not self._stopping and selector.get_map():
                for key, _ in selector.select(TICK):
                    key.data.ready = bool(os.read(key.fd, 64))
                    selector.unregister(key.fd)
        ready = sum(child.ready for child in self._workers)
        if not ready:
            self._stopping = True
        elif not self._stopping:
            host, port = self._listener.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            self._announce(f"serving on http://{shown}:{port}")

    def _bury(self, child: _Child) -> None:
        """What a dead process leaves in the shared metrics must not count as alive."""
        if child.process is not None:
            for pipe in (child.process.stdin, child.process.stdout):
                if pipe is not None:
                    pipe.close()
            if self._metrics is not None:
                for path in self._metrics.glob(f"gauge_*_{child.process.pid}.db"):
                    path.unlink(missing_ok=True)

    def _end(self, children: list[_Child]) -> None:
        self._listener.close()  # or who connects now would wait for an answer that never comes
        for child in self._workers:
            child.stop(signal.SIGTERM)
        until = time.monotonic() + self._options.drain + GRACE
        for child in [*self._workers, self._reader]:
            if child is self._reader:
                child.stop(signal.SIGTERM)
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        for child in children:
            if child.process is not None and child.process.stdout is not None:
                child.process.stdout.close()
