"""What is written into the ledger of what is answered, and what an answer waits for: required, best effort, or off."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from podium.errors import LedgerError
from podium.ledger.entry import Entry
from podium.serve.web.http import unavailable
from podium.serve.web.telemetry import Telemetry
from podium.settings import ServeSettings

if TYPE_CHECKING:
    from podium.ledger.writer import LedgerWriter

AGAIN = 2.0  # seconds between two attempts to open a ledger that cannot be reached


class Bookkeeping:
    """Writes forecasts down before they are answered, as far as the mode asks for it.

    Args:
        options: mode and limits.
        address: of the ledger.
        telemetry: counts what could not be written.

    Attributes:
        problem: why nothing can be written at the moment; empty when all is well.
    """

    def __init__(self, options: ServeSettings, address: str, telemetry: Telemetry) -> None:
        self.mode = options.ledger
        self.problem = "" if self.mode == "off" else "the ledger is not open yet"
        self._options = options
        self._address = address
        self._telemetry = telemetry
        self._writer: LedgerWriter | None = None
        self._opening: asyncio.Task[None] | None = None

    @property
    def pending(self) -> int:
        """Entries that wait to be written."""
        return self._writer.pending if self._writer else 0

    async def start(self) -> None:
        """Open the ledger; where that fails, go on trying in the background."""
        if self.mode != "off" and not await self._open():
            self._opening = asyncio.create_task(self._open_later())

    async def stop(self) -> None:
        """Write what waits, and close."""
        if self._opening is not None:
            self._opening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._opening
        if self._writer is not None:
            await self._writer.close()

    async def write(self, entries: Sequence[Entry]) -> None:
        """Write the entries of one request down.

        Raises:
            RefusedError: 503, in the mode `required`: they are not in the ledger, so there is no answer.
        """
        done = self.submit(entries)
        if done is None:
            return
        alarm = asyncio.get_running_loop().call_later(self._options.ledger_timeout, _give_up, done)
        try:
            await done
        except (LedgerError, TimeoutError) as error:
            self.missed(error)
        else:
            self.problem = ""
        finally:
            alarm.cancel()

    async def probe(self) -> None:
        """Let go of a connection that hangs; see whether a ledger that took nothing does so again."""
        if self._writer is None:
            return
        self._writer.give_up()
        if not self.problem:
            return
        try:
            async with asyncio.timeout(self._options.ledger_timeout):
                await self._writer.submit(())
        except (LedgerError, TimeoutError):
            return
        self.problem = ""

    def submit(self, entries: Sequence[Entry]) -> asyncio.Future[None] | None:
        """Hand entries in without waiting.

        Returns:
            What the answer has to wait for; None when it need not wait.

        Raises:
            RefusedError: 503, in the mode `required`: the ledger does not take them.
        """
        if self._writer is None:
            self.missed(LedgerError(self.problem))
            return None
        try:
            done = self._writer.submit(entries)
        except LedgerError as error:
            self.missed(error)
            return None
        if self.mode == "required":
            return done
        done.add_done_callback(self._settled)
        return None

    def missed(self, error: Exception) -> None:
        """Entries could not be written.

        Raises:
            RefusedError: 503, in the mode `required`.
        """
        if self.mode == "off":
            return
        self.problem = str(error) or "the ledger did not answer in time"
        self._telemetry.ledger_failures.inc()
        if self.mode == "required":
            raise unavailable("The forecast could not be written to the ledger; try again.", retry_after=2)

    def _settled(self, done: asyncio.Future[None]) -> None:
        error = None if done.cancelled() else done.exception()
        self.problem = str(error or "")
        if error is not None:
            self._telemetry.ledger_failures.inc()

    async def _open(self) -> bool:
        # SQLAlchemy is imported with it, and a database may take its time.
        from podium.ledger.database import Ledger
        from podium.ledger.writer import LedgerWriter

        open_ledger = partial(Ledger.open, self._address, self._options.ledger_durability)
        try:
            ledger = await asyncio.get_running_loop().run_in_executor(None, open_ledger)
        except Exception as error:  # noqa: BLE001  whatever a database raises, the server starts and goes on trying
            self.problem = str(error) or type(error).__name__
            return False
        self._writer, self.problem = LedgerWriter(ledger), ""
        return True

    async def _open_later(self) -> None:
        while not await self._open():
            await asyncio.sleep(AGAIN)


def _give_up(done: asyncio.Future[None]) -> None:
    """Nobody waits any longer: half the price of a timeout that cancels who waits."""
    if not done.done():
        done.set_exception(TimeoutError())
