"""`POST /invocations`: rows in a request's body become forecasts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from podium.records import Floats
from podium.serve.web import protocol
from podium.serve.web.bodies import QUICK_BODY, receive
from podium.serve.web.closes import Close, Closes
from podium.serve.web.forecaster import Forecaster
from podium.serve.web.http import Reply, Request, Room, unavailable
from podium.serve.web.selection import Ask, Selection
from podium.settings import ServeSettings

LARGE_BODIES = 4  # so many bodies of the largest size may be in memory at a time; beyond them, 503

Rows = tuple[Ask, Floats, Close | None, int | None]


class Invocations:
    """Scores the rows of a request's body.

    Args:
        options: limits.
        selection: the models.
        closes: the newest closes.
        forecaster: forecasts.
        room: places for requests whose body is there: one whose body is on its way costs bytes, and no work.
    """

    def __init__(
        self, options: ServeSettings, selection: Selection, closes: Closes, forecaster: Forecaster, room: Room
    ) -> None:
        self._options, self._selection, self._closes = options, selection, closes
        self._forecaster, self._room = forecaster, room
        self._held = 0  # bytes of large bodies in memory, beyond what each may have without asking
        # One at a time: the rows of a body take several times its bytes while they are decoded.
        self._decoder = ThreadPoolExecutor(1, thread_name_prefix="podium-decode")

    async def default(self, request: Request) -> Reply:
        """Forecast rows with the default pair's models."""
        return await self._answer(request, self._selection.default_pair)

    async def named(self, request: Request) -> Reply:
        """Forecast rows with a pair's models."""
        return await self._answer(request, request.argument)

    async def _answer(self, request: Request, pair: str) -> Reply:
        self._room.check()
        with self._share() as grown:
            body = await receive(request, self._options.max_body, self._options.body_timeout, grown)
            with self._room:
                if len(body) <= QUICK_BODY:
                    rows = self._rows(request, body, pair)
                else:
                    loop = asyncio.get_running_loop()
                    rows = await loop.run_in_executor(self._decoder, self._rows, request, body, pair)
                forecasts = await self._forecaster.answer(*rows)
        return Reply(200, protocol.encode(forecasts), headers=rows[0].headers)

    @contextmanager
    def _share(self) -> Iterator[Callable[[int], None]]:
        """A body's share of the memory for large ones; to be told its size whenever it has grown."""
        own, budget = 0, LARGE_BODIES * self._options.max_body

        def grown(size: int) -> None:
            nonlocal own
            more = max(0, size - QUICK_BODY) - own
            if self._held + more > budget:
                raise unavailable("Too many large bodies are being received; try again.")
            own += more
            self._held += more

        try:
            yield grown
        finally:
            self._held -= own

    def _rows(self, request: Request, body: bytes, pair: str) -> Rows:
        lineup = self._selection.lineup(pair)
        ask = self._selection.ask(lineup, request)
        card, kind = ask.model.card, request.headers.get("content-type")
        X = protocol.decode(body, kind, card.features, self._options.max_rows, card.positional)
        close = self._closes.known(lineup.pair)
        return ask, X, close, close.place(card.features, X) if close else None
