"""`POST /invocations`: the hot route, written against ASGI itself."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from podium.records import Floats
from podium.serve.web import protocol
from podium.serve.web.market import Close
from podium.serve.web.refusal import INTERNAL, TIMEOUT, TOO_LARGE, UNAVAILABLE, RefusedError, quoted
from podium.serve.web.security import ANSWER_HEADERS, Headers
from podium.serve.web.service import Ask, Service

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Tell = Callable[[int, Headers, bytes], None]

_log = logging.getLogger("podium.serve")
QUICK_BODY = 64 * 1024  # bytes; a larger body takes the long way, and is decoded in a thread
LARGE_BODIES = 4  # so many bodies of the largest size may be in memory at a time; beyond them, 503
_JSON = (b"content-type", b"application/json")


class Head(NamedTuple):
    """What the headers of a request say about it."""

    content_type: str | None
    key: str | None
    arm: str | None


class Invocations:
    """Scores the rows of a request's body.

    Args:
        service: models, ledger and limits.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._held = 0  # bytes of large bodies in memory, beyond what each may have without asking
        # One at a time: the rows of a body take several times its bytes while they are decoded.
        self._decoder = ThreadPoolExecutor(1, thread_name_prefix="podium-decode")

    async def __call__(self, scope: Scope, receive: Receive, send: Send, pair: str | None = None) -> int:
        """Answer one request.

        Args:
            scope: of the request; its method is POST.
            receive: gives the body.
            send: takes the answer.
            pair: whose model; the default pair's if not given.

        Returns:
            The status.
        """
        service, started = self._service, time.perf_counter()
        try:
            status, headers, content = await self._answer(scope, receive, pair, started)
        except RefusedError as refused:
            status, headers, content = _refusal(refused)
        except Exception:  # noqa: BLE001  the edge: the client gets a plain 500, the log the trace
            _log.exception("a request failed")
            status, headers, content = _refusal(_failure())
        headers.append((b"content-length", str(len(content)).encode()))
        service.telemetry.counted("invocations", status, time.perf_counter() - started)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})
        return status

    async def _answer(
        self, scope: Scope, receive: Receive, pair: str | None, started: float
    ) -> tuple[int, Headers, bytes]:
        service = self._service
        service.check_room()
        head = _read_head(scope["headers"], service.options.max_body)
        with self._share() as grown:
            body = await self._body(receive, grown)
            # A request counts from here: one whose body is on its way costs bytes, which are counted, and no work.
            service.check_room()
            service.in_flight += 1
            try:
                if len(body) <= QUICK_BODY:
                    ask, X, close, row = self._rows(head, body, pair, started)
                else:
                    work = partial(self._rows, head, body, pair, started)
                    ask, X, close, row = await asyncio.get_running_loop().run_in_executor(self._decoder, work)
                del body
                answer = await service.answer(ask, X, close, row)
            finally:
                service.in_flight -= 1
        return 200, [_JSON, *ask.headers, *ANSWER_HEADERS], protocol.encode(answer.forecasts)

    @contextmanager
    def _share(self) -> Iterator[Callable[[int], None]]:
        """A body's share of the memory for large ones; to be told its size whenever it has grown."""
        own, budget = 0, LARGE_BODIES * self._service.options.max_body

        def grown(size: int) -> None:
            nonlocal own
            more = max(0, size - QUICK_BODY) - own
            if self._held + more > budget:
                raise _full()
            own += more
            self._held += more

        try:
            yield grown
        finally:
            self._held -= own

    def _rows(
        self, head: Head, body: bytes, pair: str | None, started: float
    ) -> tuple[Ask, Floats, Close | None, int | None]:
        service = self._service
        lineup = service.lineup(pair or service.default_pair)
        ask = service.ask(lineup, head.key, head.arm, started)
        card = ask.model.card
        X = protocol.decode(body, head.content_type, card.features, service.options.max_rows, card.positional)
        close = service.market.known(lineup.pair)
        return ask, X, close, close.place(card.features, X) if close else None

    def quickly(self, headers: Headers, body: bytes, tell: Tell) -> bool:
        """Answer a small request at once, in the caller's turn, or as soon as its forecast is in the ledger.

        The same as `__call__` for a body that is there already, without a task, and without ASGI's messages.

        Args:
            headers: of the request.
            body: complete.
            tell: takes the answer's status, headers and content.

        Returns:
            False when the request needs the long way; then nothing has been done.
        """
        service, started = self._service, time.perf_counter()
        if len(body) > QUICK_BODY or service.in_flight >= service.options.max_in_flight:
            return False
        try:
            service.gate.check(headers)
            head = _read_head(headers, service.options.max_body)
            ask, X, close, row = self._rows(head, body, None, started)
            if not service.quick(ask, len(X)):
                return False
            answer = service.forecast(ask, X, close, row)
            waiting = service.recording.submit(answer.entries) if answer.entries else None
        except RefusedError as refused:
            self._tell_refusal(refused, started, tell)
            return True
        except Exception:  # noqa: BLE001  the edge: the client gets a plain 500, the log the trace
            _log.exception("a request failed")
            self._tell_refusal(_failure(), started, tell)
            return True
        told = partial(tell, 200, [_JSON, *ask.headers, *ANSWER_HEADERS], protocol.encode(answer.forecasts))
        if waiting is None:
            service.telemetry.counted("invocations", 200, time.perf_counter() - started)
            told()
        else:
            self._tell_later(waiting, told, started, tell)
        return True

    def _tell_later(self, waiting: asyncio.Future[None], told: Callable[[], None], started: float, tell: Tell) -> None:
        service = self._service
        service.in_flight += 1
        timer = waiting.get_loop().call_later(service.options.ledger_timeout, waiting.cancel)

        def done(written: asyncio.Future[None]) -> None:
            service.in_flight -= 1
            timer.cancel()
            error = TimeoutError() if written.cancelled() else written.exception()
            if error is None:
                service.recording.problem = ""
                service.telemetry.counted("invocations", 200, time.perf_counter() - started)
                told()
                return
            try:
                service.recording.missed(Exception(*error.args))
            except RefusedError as refused:
                self._tell_refusal(refused, started, tell)

        waiting.add_done_callback(done)

    def _tell_refusal(self, refused: RefusedError, started: float, tell: Tell) -> None:
        self._service.telemetry.counted("invocations", refused.status, time.perf_counter() - started)
        tell(*_refusal(refused))

    async def _body(self, receive: Receive, grown: Callable[[int], None]) -> bytes:
        parts, size, limit = list[bytes](), 0, self._service.options.max_body
        try:
            async with asyncio.timeout(self._service.options.body_timeout):
                while True:
                    message = await receive()
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > limit:
                        raise _too_large(limit)
                    grown(size)
                    if not message.get("more_body"):
                        break
        except TimeoutError:
            raise RefusedError(408, "The body took too long to arrive.", TIMEOUT, close=True) from None
        if message["type"] == "http.disconnect":
            raise RefusedError(400, "The client left before its body was complete.", close=True)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _read_head(headers: Headers, max_body: int) -> Head:
    content_type = key = forced = None
    for name, value in headers:
        if name == b"content-type":
            content_type = value.decode("latin-1")
        elif name == b"x-request-key":
            key = value.decode("latin-1")
        elif name == b"x-podium-arm":
            forced = value.decode("latin-1")
        elif name == b"content-length":
            _check_length(value, max_body)
        elif name == b"content-encoding" and value.strip().lower() != b"identity":
            sentence = f"The body is encoded as {quoted(value.decode('latin-1'))}; send it without Content-Encoding."
            raise RefusedError(415, sentence, plain=True, close=True)
    return Head(content_type, key, forced)


def _failure() -> RefusedError:
    return RefusedError(500, "The server failed; it has logged why.", INTERNAL)


def _check_length(value: bytes, limit: int) -> None:
    if value.isdigit() and int(value[:20]) > limit:
        raise _too_large(limit)


def _full() -> RefusedError:
    return RefusedError(
        503,
        "Too many large bodies are being received; try again.",
        UNAVAILABLE,
        headers=((b"retry-after", b"1"),),
        close=True,
    )


def _too_large(limit: int) -> RefusedError:
    return RefusedError(
        413, f"The body is larger than {limit} bytes; send it in several requests.", TOO_LARGE, close=True
    )


def _refusal(refused: RefusedError) -> tuple[int, Headers, bytes]:
    headers: Headers = [(b"content-type", refused.media_type), *ANSWER_HEADERS, *refused.headers]
    if refused.close:
        headers.append((b"connection", b"close"))
    return refused.status, headers, refused.body
