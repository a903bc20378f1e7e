"""The parts of one serving process, put together once."""

from __future__ import annotations

from dataclasses import dataclass

from podium.serve.hotswap.swap import Swapper
from podium.serve.web.bookkeeping import Bookkeeping
from podium.serve.web.closes import Closes
from podium.serve.web.config import WorkerConfig
from podium.serve.web.forecaster import Forecaster
from podium.serve.web.health import HealthReporter
from podium.serve.web.http import Room
from podium.serve.web.security import Gate, make_gate
from podium.serve.web.selection import Selection
from podium.serve.web.telemetry import Telemetry
from podium.settings import ServeSettings


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of one serving process.

    Attributes:
        config: what it was told.
        gate: who may call.
        telemetry: what is counted.
        swapper: the models in service.
        selection: who answers.
        bookkeeping: the ledger.
        closes: the newest stored closes.
        forecaster: forecasts.
        health: what is not as it should be.
        room: places of forecasts.
    """

    config: WorkerConfig
    gate: Gate
    telemetry: Telemetry
    swapper: Swapper
    selection: Selection
    bookkeeping: Bookkeeping
    closes: Closes
    forecaster: Forecaster
    health: HealthReporter
    room: Room

    @property
    def options(self) -> ServeSettings:
        """How to serve."""
        return self.config.settings.serve


def make_service(config: WorkerConfig) -> Service:
    """A service as its configuration wants it.

    Raises:
        SettingError: the split, the keys or the address cannot be used.
    """
    settings, telemetry, swapper = config.settings, Telemetry(), Swapper(config.cache)
    options = settings.serve
    gate = make_gate(options)
    selection = Selection(options, settings.pair, swapper)
    bookkeeping = Bookkeeping(options, settings.ledger, telemetry)
    forecaster = Forecaster(options, bookkeeping, telemetry)
    closes = Closes(settings)
    health = HealthReporter(selection, swapper, forecaster, bookkeeping, gate.ring, closes)
    return Service(
        config, gate, telemetry, swapper, selection, bookkeeping, closes, forecaster, health,
        Room(options.max_in_flight),
    )  # fmt: skip
