"""The parts of one serving process, put together once."""

from __future__ import annotations

from podium.serve.hotswap.swap import Swapper
from podium.serve.web.bookkeeping import Bookkeeping
from podium.serve.web.closes import Closes
from podium.serve.web.config import WorkerConfig
from podium.serve.web.forecaster import Forecaster
from podium.serve.web.health import HealthReporter
from podium.serve.web.http import Room
from podium.serve.web.security import make_gate
from podium.serve.web.selection import Selection
from podium.serve.web.telemetry import Telemetry


class Service:
    """The parts of one serving process.

    Args:
        config: what it was told.

    Attributes:
        options: how to serve.
        gate: who may call.
        telemetry: what is counted.
        swapper: the models in service.
        selection: who answers.
        bookkeeping: the ledger.
        closes: the newest stored closes.
        forecaster: forecasts.
        health: what is not as it should be.
        room: places of forecasts.

    Raises:
        SettingError: the split, the keys or the address cannot be used.
    """

    def __init__(self, config: WorkerConfig) -> None:
        settings, options = config.settings, config.settings.serve
        self.config, self.options = config, options
        self.gate = make_gate(options)
        self.telemetry = Telemetry()
        self.swapper = Swapper(config.cache)
        self.selection = Selection(options, settings.pair, self.swapper)
        self.bookkeeping = Bookkeeping(options, settings.ledger, self.telemetry)
        self.closes = Closes(settings)
        self.forecaster = Forecaster(options, self.bookkeeping, self.telemetry)
        self.health = HealthReporter(
            self.selection, self.swapper, self.forecaster, self.bookkeeping, self.gate.ring, self.closes
        )
        self.room = Room(options.max_in_flight)
