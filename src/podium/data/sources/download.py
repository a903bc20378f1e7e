"""One conditional HTTP request: time limits, a size limit, retries with back-off, `Retry-After` honoured."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from podium.data.sources.content import MAX_BYTES
from podium.errors import SettingError, SourceError

if TYPE_CHECKING:
    import requests
    from tenacity import RetryCallState

ATTEMPTS = 4
TIMEOUT = (5.0, 20.0)  # seconds to connect, seconds between two packets
DEADLINE = 120.0  # seconds for one answer as a whole: a trickle never ends by itself
LONGEST_WAIT = 30.0  # seconds; a server that asks for more is not waited for
BLOCK = 2**16  # bytes read at once, at most
FIRST_WAIT = 0.5  # seconds, doubled after each attempt


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server gave to recognise its last answer by; empty where it gave nothing."""

    etag: str = ""
    last_modified: str = ""


Answer = tuple[bytes | None, Validators]
"""The body, None when the server says that nothing has changed (304); and what the next request needs."""


class _AgainError(Exception):
    """This attempt failed in a way that may pass; `wait` is what the server asked for, in seconds."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


def get(url: str, known: Validators = Validators()) -> Answer:
    """Fetch `url` unless it is what `known` stands for.

    Args:
        url: http or https address.
        known: validators of the copy at hand.

    Raises:
        SettingError: the address is none.
        SourceError: the server cannot be reached or refuses, after retries where these may help.
    """
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

    retrying = Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=_wait,
        retry=retry_if_exception_type(_AgainError),
        reraise=True,
    )
    try:
        return retrying(_attempt, url, known)
    except _AgainError as error:
        raise SourceError(f"{masked(url)} {error}, {ATTEMPTS} times") from error


def masked(url: str) -> str:
    """The address without user, password and query, for messages."""
    try:
        parts = urlsplit(url)
    except ValueError:  # a bracket without its fellow
        return "the address"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _attempt(url: str, known: Validators) -> Answer:
    import requests
    import urllib3

    headers = {"Accept-Encoding": "identity"}  # a zip gains nothing, and the length can be checked
    if known.etag:
        headers["If-None-Match"] = known.etag
    if known.last_modified:
        headers["If-Modified-Since"] = known.last_modified
    try:
        with requests.get(url, headers=headers, timeout=TIMEOUT, stream=True) as response:
            return _answer(url, response, known)
    except (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema):
        raise SettingError(f"setting ecb_url: {masked(url)} is no http address") from None
    except (requests.exceptions.Timeout, urllib3.exceptions.ReadTimeoutError) as error:
        raise _AgainError("does not answer in time") from error
    except (requests.exceptions.ChunkedEncodingError, urllib3.exceptions.HTTPError) as error:
        raise _AgainError("broke off in the middle of the answer") from error
    except requests.exceptions.RequestException as error:
        raise _AgainError(f"cannot be reached ({type(error).__name__})") from error


def _answer(url: str, response: requests.Response, known: Validators) -> Answer:
    status = response.status_code
    if status == 304 and known != Validators():
        return None, known
    if status == 429 or status >= 500:
        wait = _retry_after(response.headers.get("Retry-After", ""))
        if wait is not None and wait > LONGEST_WAIT:
            raise SourceError(f"{masked(url)} answers {status} and asks to come back in {wait:.0f} s")
        raise _AgainError(f"answers {status}", wait)
    if status != 200:
        raise SourceError(f"{masked(url)} answers {status}")
    headers = response.headers
    validators = Validators(headers.get("ETag", ""), headers.get("Last-Modified", ""))
    return _body(url, response), validators


def _body(url: str, response: requests.Response) -> bytes:
    """The answer as it comes; asking for a full block would wait for it, however late it gets."""
    body = bytearray()
    end = time.monotonic() + DEADLINE
    while chunk := response.raw.read1(BLOCK, decode_content=True):
        body += chunk
        if len(body) > MAX_BYTES:
            raise SourceError(f"{masked(url)} sends more than {MAX_BYTES} bytes: no history of daily rates")
        if time.monotonic() > end:
            raise SourceError(f"{masked(url)} takes more than {DEADLINE:g} s to answer")
    return bytes(body)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait if isinstance(error, _AgainError) else None
    return asked if asked is not None else FIRST_WAIT * 2.0 ** (state.attempt_number - 1)


def _retry_after(value: str) -> float | None:
    """Seconds, from the header's seconds or date; None when it says nothing usable."""
    import urllib3

    try:
        return urllib3.Retry().parse_retry_after(value)
    except urllib3.exceptions.InvalidHeader:
        return None
