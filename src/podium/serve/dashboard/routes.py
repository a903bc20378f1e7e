"""The page over HTTP: made in a thread, at most once a second for each pair, and not sent twice to who has it."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podium.serve.web.http import HTML, MISSING, PAGE_HEADERS, RefusedError, Reply, Request, Room, Route
from podium.serve.web.selection import Selection

if TYPE_CHECKING:
    from podium.serve.dashboard.page import Pages

FRESH = 1.0  # seconds for which a page is handed out as it is
PAGES = 32  # at a time


@dataclass(frozen=True, slots=True)
class Made:
    """A page as it is sent.

    Attributes:
        at: `time.monotonic` when it was made.
        tag: of its content, without quotes.
        content: the page.
    """

    at: float
    tag: str
    content: bytes


@dataclass(slots=True)
class Dashboard:
    """Hands out the pages of one service.

    Attributes:
        selection: the models in service.
        make_pages: makes what renders them, for the first who looks.
    """

    selection: Selection
    make_pages: Callable[[], Pages]
    _pages: Pages | None = None
    _made: dict[str, Made] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="podium-page"))

    async def page(self, request: Request) -> Reply:
        """What is served, how good it is, and how it is doing: `GET /`, `GET /?pair=EURUSD`."""
        made = await self._current(request.query.get("pair"))
        headers = (("etag", f'"{made.tag}"'), *PAGE_HEADERS)
        if has_tag(request.headers.get("if-none-match") or "", made.tag):
            return Reply(304, b"", HTML, headers)
        return Reply(200, made.content, HTML, headers)

    async def _current(self, pair: str | None) -> Made:
        key = pair or self.selection.default_pair
        made = self._made.get(key)
        if made is not None and time.monotonic() - made.at < FRESH:
            return made
        async with self._lock:  # those who come meanwhile get what the first one makes
            made = self._made.get(key)
            if made is None or time.monotonic() - made.at >= FRESH:
                made = await asyncio.get_running_loop().run_in_executor(self._pool, self._make, pair)
                self._made = {known: page for known, page in self._made.items() if known in self.selection.lineups}
                self._made[key] = made
        return made

    def _make(self, pair: str | None) -> Made:
        if self._pages is None:
            self._pages = self.make_pages()
        found = self._pages.render(pair)
        if found is None:
            raise RefusedError(404, "This pair is not served here; / shows those that are.", MISSING)
        content = found.encode()
        return Made(time.monotonic(), hashlib.sha256(content).hexdigest()[:32], content)


def has_tag(wanted: str, tag: str) -> bool:
    """Whether an If-None-Match names a page: one tag of a list, weak or strong, or a star."""
    found = {part.strip().removeprefix("W/").strip('"') for part in wanted.split(",")}
    return tag in found or "*" in found


def dashboard_routes(selection: Selection, make_pages: Callable[[], Pages]) -> Sequence[Route]:
    """Where the page is read."""
    page = Dashboard(selection, make_pages).page
    return [Route("GET", "/", page, query=frozenset({"pair"}), room=Room(PAGES), page=True)]
