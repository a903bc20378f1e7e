"""Styles and scripts of the page, each under an address that names its content, so that a browser may keep it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import podium.report

FOLDER = "/static/"
_SHARED = Path(podium.report.__file__).parent / "assets"
_OWN = Path(__file__).parent / "files"
_KINDS = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
_SOURCES = {
    "page.css": _SHARED / "page.css",
    "charts.js": _SHARED / "charts.js",
    "dashboard.css": _OWN / "dashboard.css",
    "dashboard.js": _OWN / "dashboard.js",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file.

    Attributes:
        content: of it.
        media_type: of it.
        digest: of its content, short.
    """

    content: bytes
    media_type: str
    digest: str


@cache
def asset(name: str) -> Asset | None:
    """The file of that name; None when there is no such file."""
    path = _SOURCES.get(name)
    if path is None:
        return None
    content = path.read_bytes()
    return Asset(content, _KINDS[name.rpartition(".")[2]], hashlib.sha256(content).hexdigest()[:16])


def asset_url(name: str) -> str:
    """Its address from the page, with the digest of its content.

    Raises:
        KeyError: there is no such file.
    """
    found = asset(name)
    if found is None:
        raise KeyError(name)
    return f"{FOLDER.lstrip('/')}{name}?v={found.digest}"
