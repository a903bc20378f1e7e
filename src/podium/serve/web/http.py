"""uvicorn's HTTP protocol with the limits that it lacks: time and size of a request's head, and open connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sized
from functools import partial
from typing import Any, ClassVar

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from podium.serve.web.invocations import Tell
from podium.serve.web.security import Headers

Quick = Callable[[Headers, bytes, Tell], bool]
MAX_HEAD = 32 * 1024  # bytes of request line and headers

_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: 20\r\nconnection: close\r\n\r\nThe server is full.\n"
)
_SLOW = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: 27\r\nconnection: close\r\n\r\nThe request took too long.\n"
)
_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: 26\r\nconnection: close\r\n\r\nThe headers are too large\n"
)


class _Flow(FlowControl):
    """Reads no more while requests stand in line: else each answer lets in another read, and the line has no end."""

    def __init__(self, transport: asyncio.Transport, line: Sized) -> None:
        super().__init__(transport)
        self._line = line

    def resume_reading(self) -> None:
        if not self._line:  # while there is one, the request before it has its whole body
            super().resume_reading()


class GuardedProtocol(HttpToolsProtocol):
    """Closes connections of clients that send their head too slowly, or too much of it; refuses those too many."""

    header_timeout: ClassVar[float] = 10.0
    max_connections: ClassVar[int] = 1024

    quickly: Quick | None = None  # answers small requests of the hot route without a task

    _guard: asyncio.TimerHandle | None = None
    _waiting: RequestResponseCycle | None = None  # of the hot route, until its body is complete
    _turn: RequestResponseCycle | None = None  # the one that is answered now; others may stand behind it
    _idle: asyncio.TimerHandle | None = None
    _answered = 0.0  # when the last answer was complete, in the loop's time
    _head = 0  # bytes of the head so far; -1 once it is complete

    def connection_made(self, transport: Any) -> None:
        """A client has connected."""
        super().connection_made(transport)
        self.flow = _Flow(transport, self.pipeline)
        if len(self.connections) > self.max_connections:
            transport.write(_FULL)
            transport.close()
            return
        self._guard = self.loop.call_later(self.header_timeout, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._release()
        if self._idle is not None:
            self._idle.cancel()
        if self._turn is not None and not self._turn.response_complete:
            # uvicorn tells the newest request only, and the one whose turn it is would write to nobody.
            self._turn.disconnected = True
            self._turn.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came; those of a head are counted and timed."""
        if self._head >= 0:
            self._head += len(data)
        super().data_received(data)
        if self._waiting is not None:  # the body did not come with the head: a task waits for it, with its time limit
            cycle, self._waiting = self._waiting, None
            super()._start_asgi_task(cycle, self.app)
        if self._head > MAX_HEAD:
            self._refuse_head()
        elif self._head > 0 and self._guard is None:
            self._guard = self.loop.call_later(self.header_timeout, self._give_up)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head = max(self._head, 0)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is complete: its size is known, and the body has a time limit of its own."""
        self._head = -1
        if self._guard is not None:
            self._release()
        # While it came it was counted in whole reads, in which a body may come along; and one read may bring too much.
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > MAX_HEAD:
            self._refuse_head()
        if not self.transport.is_closing():  # else nobody hears the answer to this request, or to one behind it
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is complete; what comes next is a head again."""
        self._head = 0
        if self.transport.is_closing():
            return
        super().on_message_complete()
        if self._waiting is not None and self._waiting is self.cycle:
            self._answer(self._waiting)

    def on_body(self, body: bytes) -> None:
        """A piece of the body came."""
        if not self.transport.is_closing():
            super().on_body(body)

    def _unsupported_upgrade_warning(self) -> None:
        # A client may ask for another protocol and gets HTTP; uvicorn tells the log each time which package to install.
        pass

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """A request's turn has come; one of the hot route waits for its body, which usually comes with its head."""
        self._turn, scope = cycle, cycle.scope
        hot = scope["path"] == "/invocations" and scope["method"] == "POST" and self.quickly is not None
        # A request that stood behind another one is complete already. It gets a task, so that a long row of them does
        # not answer itself within one call.
        if hot and cycle.more_body and not cycle.waiting_for_100_continue:
            self._waiting = cycle
        else:
            super()._start_asgi_task(cycle, app)

    def _answer(self, cycle: RequestResponseCycle) -> None:
        self._waiting = None
        # To a client that does not read, a task waits until it does, and what else it sends waits behind the task.
        quick = self.quickly if not self.flow.write_paused else None
        if quick is None or not quick(list(cycle.scope["headers"]), bytes(cycle.body), partial(self._tell, cycle)):
            super()._start_asgi_task(cycle, self.app)

    def _tell(self, cycle: RequestResponseCycle, status: int, headers: Headers, content: bytes) -> None:
        if cycle.disconnected or self.transport.is_closing():
            return
        lines = [STATUS_LINE[status], *(b"%b: %b\r\n" % header for header in (*cycle.default_headers, *headers))]
        if (b"connection", b"close") in headers:
            cycle.keep_alive = False
        elif not cycle.keep_alive:
            lines.append(b"connection: close\r\n")
        lines.append(b"content-length: %d\r\n\r\n%b" % (len(content), content))
        self.transport.write(b"".join(lines))
        cycle.response_started = cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()

    def on_response_complete(self) -> None:
        """An answer is complete: the next request's turn, or a while of idleness, which one timer looks after."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._answered = self.loop.time()
        cycle, app = self.pipeline.pop() if self.pipeline else (None, self.app)
        self.flow.resume_reading()
        if cycle is not None:
            self._start_asgi_task(cycle, app)
        elif self._idle is None:
            # uvicorn sets a timer for each answer and cancels it with each request, which costs more than decoding one.
            self._idle = self.loop.call_later(self.timeout_keep_alive, self._look_whether_idle)

    def _look_whether_idle(self) -> None:
        self._idle = None
        if self.transport.is_closing():
            return
        busy = not self.cycle.response_complete  # there is one: the timer is set after the first answer
        since = self.loop.time() if busy else self._answered
        left = since + self.timeout_keep_alive - self.loop.time()
        if left <= 0:
            self.transport.close()
        else:
            self._idle = self.loop.call_later(left, self._look_whether_idle)

    def _refuse_head(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(_LONG)
            self.transport.close()

    def _release(self) -> None:
        if self._guard is not None:
            self._guard.cancel()
            self._guard = None

    def _give_up(self) -> None:
        self._guard = None
        if not self.transport.is_closing():
            self.transport.write(_SLOW)
            self.transport.close()
