"""A request's body: received whole, within a size and a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from granian.rsgi import ProtocolClosed, ProtocolError  # type: ignore[attr-defined]  # named there, not listed

from podium.serve.web.http import TIMEOUT, TOO_LARGE, RefusedError, Request, quoted

QUICK_BODY = 64 * 1024  # bytes; what is smaller is taken at once


async def receive(request: Request, limit: int, seconds: float, grown: Callable[[int], None] | None = None) -> bytes:
    """All of a body.

    Args:
        request: whose body it is.
        limit: bytes that it may have.
        seconds: that it may take.
        grown: is told the size of a large one whenever it has grown, and may refuse it.

    Raises:
        RefusedError: 400, 408, 413 or 415.
    """
    length = _check_head(request, limit)
    try:
        async with asyncio.timeout(seconds):
            if length is not None and length <= QUICK_BODY:
                return await request.body()
            parts, size = list[bytes](), 0
            async for part in request.body:
                parts.append(part)
                size += len(part)
                if size > limit:
                    raise _too_large(limit)
                if grown:
                    grown(size)
            return b"".join(parts)
    except TimeoutError:
        raise RefusedError(408, "The body took too long to arrive.", TIMEOUT) from None
    except (ProtocolClosed, ProtocolError):
        raise RefusedError(400, "The client left before its body was complete.") from None


def _check_head(request: Request, limit: int) -> int | None:
    """The length of the body, where the client says it."""
    encoding = request.headers.get("content-encoding")
    if encoding is not None and encoding.strip().lower() != "identity":
        raise RefusedError(415, f"The body is encoded as {quoted(encoding)}; send it without Content-Encoding.")
    length = request.headers.get("content-length") or ""
    if not length.isdigit():
        return None
    if int(length[:20]) > limit:
        raise _too_large(limit)
    return int(length)


def _too_large(limit: int) -> RefusedError:
    return RefusedError(413, f"The body is larger than {limit} bytes; send it in several requests.", TOO_LARGE)
