"""One serving process: its parts, put together once, and its life from the first model to the last answer."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing import parent_process
from typing import TYPE_CHECKING, Any

from podium.serve.dashboard import dashboard_routes
from podium.serve.dashboard.live_comparisons import LiveComparisons
from podium.serve.hotswap.signals import forget_in_service
from podium.serve.processes.logs import News
from podium.serve.processes.service import Service
from podium.serve.web.app import App
from podium.serve.web.config import WorkerConfig
from podium.serve.web.decisions import Decisions
from podium.serve.web.endpoints import Endpoints
from podium.serve.web.health import measure

if TYPE_CHECKING:
    from podium.serve.dashboard.page import Pages

YOUNG = 50_000  # new objects between two collections: the rows of a large body are ten thousand lists, and no garbage
HOUSEKEEPING = 1.0  # seconds between two turns of each duty
GAUGES = 5.0  # and of the gauges, which are scraped every 15 seconds or so

_log = logging.getLogger("podium.serve")


def make_app(service: Service) -> App:
    """The application with its life: models and ledger first, watching meanwhile, the ledger's rest at the end."""
    endpoints = Endpoints(
        service.options, service.selection, service.closes, service.forecaster, service.health, service.telemetry
    )
    decisions = Decisions(
        service.config.settings, service.config.decide, service.gate.ring, service.selection, service.swapper
    )
    pages = dashboard_routes(service.selection, partial(make_pages, service))
    routes = [*endpoints.routes(service.room, decisions), *pages]
    return App(service.gate, service.telemetry, routes, running(service, make_measures(service)))


def make_measures(service: Service) -> Callable[[], None]:
    """What brings the gauges of a service up to date."""
    live = LiveComparisons(service.config.settings).errors
    return partial(measure, service.telemetry, service.health, service.room, live)


def make_pages(service: Service) -> Pages:
    """What renders the pages of a service."""
    from podium.serve.dashboard.page import Pages  # Jinja2 and the charts wait for the first who looks

    return Pages(service.config.settings, service.config.cache, service.selection, service.closes, service.health)


def load(config: WorkerConfig) -> App:
    """What a serving process of Granian's serves."""
    # The ledger's thread comes back from each commit, and by default waits 5 ms for a loop that is at work.
    sys.setswitchinterval(0.0005)
    return make_app(Service(config))


@contextlib.asynccontextmanager
async def running(service: Service, measures: Callable[[], None]) -> AsyncIterator[None]:
    """A service with its models loaded, its ledger open, and its eyes on registry, series and keys."""
    config, threads = service.config, ThreadPoolExecutor(thread_name_prefix="podium-duty")

    def thread(act: Callable[..., Any], *given: Any) -> Awaitable[Any]:
        """In a thread that no request takes, however many of those wait for a disk that hangs."""
        return asyncio.get_running_loop().run_in_executor(threads, act, *given)

    service.swapper.tell()
    _end_with_parent()
    # Told from here on: the first models may take longer than a process may stand still.
    tasks = [_begun(_over_and_over(partial(thread, service.swapper.tell), HOUSEKEEPING, HOUSEKEEPING))]
    await asyncio.gather(
        service.swapper.start(config.begun, service.options.patience),
        service.bookkeeping.start(),
    )

    async def refresh() -> None:
        await thread(service.closes.refresh, service.swapper.lineups)

    await refresh()
    news = News(service.health)
    news.tell()
    # What is loaded now stays: the collector need not walk through it again and again between requests.
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)
    # Each duty has its own turn: a ledger that hangs keeps nobody from reading the keys. They do not begin together:
    # so many threads at once keep the interpreter from those who answer.
    duties: dict[Callable[[], Awaitable[None]], float] = {
        refresh: HOUSEKEEPING, service.bookkeeping.probe: HOUSEKEEPING, partial(thread, measures): GAUGES,
        partial(thread, service.gate.ring.refresh): HOUSEKEEPING, partial(thread, news.tell): HOUSEKEEPING,
    }  # fmt: skip
    first = [HOUSEKEEPING * (1 + at / len(duties)) for at in range(len(duties))]
    tasks += [_begun(service.swapper.watch()), *map(_begun, map(_over_and_over, duties, duties.values(), first))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await service.bookkeeping.stop()
        for lineup in service.swapper.lineups.values():
            for model in lineup.arms.values():
                model.scorer.close()
        service.forecaster.close()
        threads.shutdown(wait=False)
        forget_in_service(config.cache)
        _log.info("stopped; open requests were answered")


def _begun(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = asyncio.create_task(work)
    task.add_done_callback(_report)
    return task


async def _over_and_over(duty: Callable[[], Awaitable[None]], pause: float, first: float) -> None:
    await asyncio.sleep(first)
    while True:
        await duty()
        await asyncio.sleep(pause)


def _end_with_parent() -> None:
    """Whoever started this process is killed: then it ends too, as after SIGTERM."""
    parent, loop = parent_process(), asyncio.get_running_loop()
    if parent is None:
        return

    def gone() -> None:
        loop.remove_reader(parent.sentinel)
        os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(parent.sentinel, gone)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        # A server that no longer looks would serve an old champion for ever; the supervisor starts another.
        _log.error("watching has failed; the process ends", exc_info=task.exception())
        os.kill(os.getpid(), signal.SIGKILL)
