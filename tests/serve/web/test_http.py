import asyncio
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from podium.serve.web.http import GuardedProtocol

REQUEST = b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


@pytest.mark.parametrize("paused", [False, True])
def test_the_quick_way_waits_for_a_client_that_does_not_read(paused: bool) -> None:
    """While writing is paused a request takes the way on which its answer waits; nothing is written meanwhile."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"long"})

    def quickly(_headers: Any, _body: Any, tell: Any) -> bool:
        tell(200, [], b"quick")
        return True

    async def ask() -> bytes:
        config = uvicorn.Config(app, ws="none", lifespan="off")
        config.load()
        protocol = GuardedProtocol(config, ServerState(), {})
        protocol.quickly = quickly
        wire = Wire()
        protocol.connection_made(wire)
        if paused:
            protocol.pause_writing()
        protocol.data_received(REQUEST)
        if paused:
            await asyncio.sleep(0)
            assert wire.written == b""
            protocol.resume_writing()
            await asyncio.gather(*protocol.tasks)
        protocol.connection_lost(None)
        return wire.written

    assert asyncio.run(ask()).endswith(b"long" if paused else b"quick")
