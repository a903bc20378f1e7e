"""`python -m podium.serve.processes.worker`: one serving process, told on one line of JSON what to do."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from podium.serve.dashboard import dashboard_routes
from podium.serve.dashboard.live import LiveComparisons
from podium.serve.processes.frames import first_line
from podium.serve.processes.options import WorkerConfig
from podium.serve.web.app import PodiumApp
from podium.serve.web.health import measure
from podium.serve.web.http import GuardedProtocol
from podium.serve.web.security import make_gate
from podium.serve.web.service import Service

READY = b"ready\n"
HOUSEKEEPING = 1.0  # seconds between two looks at series and keys

_log = logging.getLogger("podium.serve")


def make_service(config: WorkerConfig) -> Service:
    """A service as its configuration wants it.

    Raises:
        SettingError: the split, the keys or the address cannot be used.
    """
    options = config.settings.serve
    gate = make_gate(
        options.host,
        loopback=options.loopback,
        keys_file=options.keys_file,
        allowed_hosts=options.allowed_hosts,
        insecure=options.insecure,
    )
    return Service(config, gate)


def make_app(service: Service, routes: Sequence[BaseRoute] = ()) -> PodiumApp:
    """The application with its life: models and ledger first, watching meanwhile, the ledger's rest at the end."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with running(service):
            yield

    service.live_errors = LiveComparisons(service).errors
    return PodiumApp(service, [*dashboard_routes(service), *routes], lifespan)


@contextlib.asynccontextmanager
async def running(service: Service) -> AsyncIterator[None]:
    """A service with its models loaded, its ledger open, and its eyes on registry, series and keys."""
    config = service.config
    registry = Path(config.registry) if config.registry else None
    await asyncio.gather(
        service.swapper.start(registry, config.address, config.settings.serve.patience), service.recording.start()
    )
    await _refresh(service)
    # What is loaded now stays: the collector need not walk through it again and again between requests.
    gc.collect()
    gc.freeze()
    tasks = [asyncio.create_task(service.swapper.watch()), asyncio.create_task(_keep_house(service))]
    for task in tasks:
        task.add_done_callback(_report)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await service.recording.stop()
        for lineup in service.swapper.lineups.values():
            for model in lineup.arms.values():
                model.scorer.close()
        service.pool.shutdown(wait=False)
        service.shadow_pool.shutdown(wait=False, cancel_futures=True)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        # A server that no longer looks would serve an old champion for ever; the supervisor starts another.
        _log.error("watching has failed; the process ends", exc_info=task.exception())
        os.kill(os.getpid(), signal.SIGTERM)


async def _keep_house(service: Service) -> None:
    while True:
        await asyncio.sleep(HOUSEKEEPING)
        await _refresh(service)
        await service.recording.probe()
        # Each process keeps its own up to date, whichever of them is asked; the ledger is read for it, so in a thread.
        await asyncio.get_running_loop().run_in_executor(None, measure, service)
        service.gate.ring.refresh()


async def _refresh(service: Service) -> None:
    lineups = service.swapper.lineups
    await asyncio.get_running_loop().run_in_executor(None, service.market.refresh, lineups)


class _Server(uvicorn.Server):
    """Says on standard output when it accepts connections."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            os.write(sys.stdout.fileno(), READY)


def serve_on(listener: socket.socket, config: WorkerConfig, routes: Sequence[BaseRoute] = ()) -> int:
    """Serve until SIGTERM or SIGINT, or until standard input is closed; open requests are finished first.

    Returns:
        0, or 1 when the application could not start.
    """
    options = config.settings.serve
    service = make_service(config)
    app = make_app(service, routes)
    limits = {
        "header_timeout": options.header_timeout,
        "max_connections": options.max_connections,
        "quickly": staticmethod(app.invocations.quickly),
    }
    protocol = type("Protocol", (GuardedProtocol,), limits)
    server = _Server(
        uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=2048,
            timeout_keep_alive=int(options.keep_alive),
            timeout_graceful_shutdown=int(options.drain),
        )
    )
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(_until_orphaned(server, listener))
    return 0 if server.started else 1


async def _until_orphaned(server: uvicorn.Server, listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()

    def gone() -> None:
        if not os.read(0, 4096):
            loop.remove_reader(0)
            server.should_exit = True

    loop.add_reader(0, gone)
    await server.serve(sockets=[listener])


def main() -> int:
    """The process's edge."""
    logging.basicConfig(level=logging.WARNING, format="podium serve [%(process)d]: %(message)s")
    told = json.loads(first_line(0))
    listener = socket.socket(fileno=told["listener"])
    return serve_on(listener, WorkerConfig.from_plain(told["config"]))


if __name__ == "__main__":
    sys.exit(main())
