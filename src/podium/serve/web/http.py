"""What is asked, what is answered, and how many may ask at a time: values between the HTTP server and the endpoints."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import msgspec

from podium.errors import PodiumError

JSON = "application/json"
HTML = "text/html; charset=utf-8"
PAGE_HEADERS: tuple[tuple[str, str], ...] = (
    (
        "content-security-policy",
        (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
    ),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "geolocation=(), camera=(), microphone=()"),
)

BAD_REQUEST = "BAD_REQUEST"
INVALID = "INVALID_PARAMETER_VALUE"
TOO_LARGE = "REQUEST_LIMIT_EXCEEDED"
MISSING = "RESOURCE_DOES_NOT_EXIST"
CONFLICT = "RESOURCE_CONFLICT"
UNAUTHENTICATED = "UNAUTHENTICATED"
FORBIDDEN = "PERMISSION_DENIED"
UNAVAILABLE = "TEMPORARILY_UNAVAILABLE"
TIMEOUT = "REQUEST_TIMEOUT"
INTERNAL = "INTERNAL_ERROR"

encode = msgspec.json.Encoder().encode


class Headers(Protocol):
    """A request's headers by name in lower case; one that is not visible ASCII is there and has no value."""

    def __contains__(self, name: str) -> bool: ...

    def get(self, name: str) -> str | None:
        """The first of that name."""

    def get_all(self, name: str) -> list[str]:
        """All of that name."""


class Body(Protocol):
    """A request's body: whole when called, in parts when iterated over; once only."""

    def __call__(self) -> Awaitable[bytes]:
        """All of it."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...


class Request(NamedTuple):
    """One request.

    Attributes:
        headers: see `Headers`.
        body: see `Body`.
        started: `time.perf_counter` when it came.
        argument: the last part of its path where the route has a name for it, such as a pair.
        query: parameters behind the question mark, only such as the route knows.
    """

    headers: Headers
    body: Body
    started: float = 0.0
    argument: str = ""
    query: Mapping[str, str] = {}


class Reply(NamedTuple):
    """One answer.

    Attributes:
        status: of HTTP.
        content: bytes.
        media_type: of the content.
        headers: further ones.
        cache: what may be kept of it, and where.
    """

    status: int
    content: bytes
    media_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    cache: str = "no-store"


class Refusal(msgspec.Struct):
    """Every error: MLflow's name of its kind, and one sentence."""

    error_code: str
    message: str


class RefusedError(PodiumError):
    """A request is refused.

    Attributes:
        status: HTTP status.
        message: one sentence for the client; it never holds a path or a stack trace.
        code: MLflow's name of the kind of error.
        headers: further headers of the answer.
    """

    def __init__(
        self, status: int, message: str, code: str = BAD_REQUEST, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.headers = status, message, code, headers

    @property
    def reply(self) -> Reply:
        """`{"error_code": ..., "message": ...}`."""
        return Reply(self.status, encode(Refusal(self.code, self.message)), headers=self.headers)


def unavailable(message: str, retry_after: int = 1) -> RefusedError:
    """503: come again in so many seconds."""
    return RefusedError(503, message, UNAVAILABLE, (("retry-after", str(retry_after)),))


def quoted(value: object, limit: int = 40) -> str:
    """A client's text in a sentence: short, on one line, printable."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


class Room:
    """Places for requests that are worked on at the same time; `with room:` takes one.

    Attributes:
        taken: places in use.
    """

    def __init__(self, places: float = math.inf) -> None:
        self.taken = 0
        self._places = places

    def check(self) -> None:
        """See whether there is a place.

        Raises:
            RefusedError: 503, there is none.
        """
        if self.taken >= self._places:
            raise unavailable("The server is full; try again.")

    def __enter__(self) -> None:
        self.check()
        self.taken += 1

    def __exit__(self, *_: object) -> None:
        self.taken -= 1


Endpoint = Callable[[Request], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: how it is reached, who answers, and what the description says of it.

    Attributes:
        method: GET or POST; HEAD is answered as GET.
        path: its last part may be a name in braces, `/v1/forecast/{pair}`.
        endpoint: answers; the first line of its docstring is the summary.
        answers: by status, a Struct that is sent as JSON, or a media type.
        refuses: further statuses, beside those that every route may give.
        query: names of parameters that it takes.
        headers: names of request headers that it reads.
        body: Struct that describes the request's body.
        takes: media types of the body.
        room: whose places it takes.
        open: whether it needs no key.
        page: whether it is for people, so that other sites may link to it.
    """

    method: str
    path: str
    endpoint: Endpoint
    answers: Mapping[int, Any] = field(default_factory=dict)
    refuses: tuple[int, ...] = ()
    query: frozenset[str] = frozenset()
    headers: tuple[str, ...] = ()
    body: Any = None
    takes: tuple[str, ...] = (JSON,)
    room: Room = field(default_factory=Room)
    open: bool = False
    page: bool = False

    @property
    def label(self) -> str:
        """Its name in the metrics."""
        return self.path.partition("/{")[0][1:] or "index"
