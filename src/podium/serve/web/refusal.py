"""Requests that cannot be answered: a status and one sentence, in the shape that MLflow's server gives its errors."""

from __future__ import annotations

import msgspec

from podium.errors import PodiumError

BAD_REQUEST = "BAD_REQUEST"
INVALID = "INVALID_PARAMETER_VALUE"
TOO_LARGE = "REQUEST_LIMIT_EXCEEDED"
MISSING = "RESOURCE_DOES_NOT_EXIST"
UNAUTHENTICATED = "UNAUTHENTICATED"
FORBIDDEN = "PERMISSION_DENIED"
UNAVAILABLE = "TEMPORARILY_UNAVAILABLE"
TIMEOUT = "REQUEST_TIMEOUT"
INTERNAL = "INTERNAL_ERROR"


class RefusedError(PodiumError):
    """A request is refused.

    Attributes:
        status: HTTP status.
        code: MLflow's name of the kind of error.
        message: one sentence for the client; it never holds a path or a stack trace.
        plain: whether MLflow answers this one as plain text.
        headers: further headers of the answer.
        close: whether the connection cannot be used again.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str = BAD_REQUEST,
        *,
        plain: bool = False,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        close: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.plain = plain
        self.headers = headers
        self.close = close

    @property
    def body(self) -> bytes:
        """`{"error_code": ..., "message": ...}`, or the sentence itself."""
        if self.plain:
            return self.message.encode()
        return msgspec.json.encode({"error_code": self.code, "message": self.message})

    @property
    def media_type(self) -> bytes:
        """Of the body."""
        return b"text/plain; charset=utf-8" if self.plain else b"application/json"


def unavailable(message: str, retry_after: int = 1) -> RefusedError:
    """503: come again in so many seconds."""
    return RefusedError(503, message, UNAVAILABLE, headers=((b"retry-after", str(retry_after).encode()),))


def quoted(value: object, limit: int = 40) -> str:
    """A client's text in a sentence: short, on one line, printable."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
