"""Styles and scripts of the pages, each under an address that names its content, so that a browser may keep it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import podium.report
from podium.serve.web.http import MISSING, PAGE_HEADERS, RefusedError, Reply, Request, Room, Route

FOLDER = "/static/"
FOR_EVER = "private, max-age=31536000, immutable"
_SERVE = Path(__file__).parent.parent
_KINDS = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
_SOURCES = {
    path.name.removesuffix(".gz"): path
    for folder in (Path(podium.report.__file__).parent / "assets", _SERVE / "dashboard/files", _SERVE / "web/files")
    for path in folder.iterdir()
    if path.name.removesuffix(".gz").endswith((".css", ".js"))
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file.

    Attributes:
        content: of it.
        media_type: of it.
        digest: of its content, short.
        headers: further ones; of a large file that is kept packed, since every browser takes gzip.
    """

    content: bytes
    media_type: str
    digest: str
    headers: tuple[tuple[str, str], ...]


@cache
def asset(name: str) -> Asset:
    """The file of that name.

    Raises:
        RefusedError: 404, there is no such file.
    """
    path = _SOURCES.get(name)
    if path is None:
        raise RefusedError(404, "There is no such file.", MISSING)
    content, packed = path.read_bytes(), (("content-encoding", "gzip"),) if path.suffix == ".gz" else ()
    return Asset(content, _KINDS[name.rpartition(".")[2]], hashlib.sha256(content).hexdigest()[:16], packed)


def asset_url(name: str) -> str:
    """Its address from a page, with the digest of its content."""
    return f"{FOLDER.lstrip('/')}{name}?v={asset(name).digest}"


async def _static(request: Request) -> Reply:
    """A style or script; who asks by its digest may keep it."""
    found = asset(request.argument)
    cache = FOR_EVER if request.query.get("v") == found.digest else "no-store"
    return Reply(200, found.content, found.media_type, (*PAGE_HEADERS, *found.headers), cache)


def static_route(room: Room) -> Route:
    """Where they are read."""
    return Route("GET", FOLDER + "{name}", _static, query=frozenset({"v"}), room=room)
