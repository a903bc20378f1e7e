"""The contract of a source, and how `--source NAME[:ARGUMENT]` becomes one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib.metadata import EntryPoint, entry_points
from typing import ClassVar

from podium.data.table import RawTable
from podium.errors import SettingError
from podium.plugins import load_class
from podium.settings import Settings

GROUP = "podium.sources"


class Source(ABC):
    """A provider of daily rates: one class and one entry point in the group `podium.sources`.

    Args:
        argument: what follows the colon in `--source NAME:ARGUMENT`; empty if nothing does.
        settings: addresses and folders.

    Attributes:
        takes_argument: whether anything may follow the colon.

    Raises:
        SettingError: the argument cannot be used.
    """

    takes_argument: ClassVar[bool] = True

    def __init__(self, argument: str, settings: Settings) -> None:
        self.argument = argument
        self.settings = settings

    @abstractmethod
    def fetch(self, pair: str) -> RawTable:
        """Every daily rate of a pair that the provider has, in any order.

        Args:
            pair: six capital letters, `GBPJPY`: JPY per 1 GBP.

        Raises:
            SettingError: the provider does not quote the pair.
            DataError: what was read is not a table of rates.
            SourceError: the provider cannot be reached and no copy is at hand.
        """


def available() -> dict[str, EntryPoint]:
    """Installed sources by name."""
    return {point.name: point for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)}


def resolve(spec: str, settings: Settings) -> Source:
    """The source that `ecb`, `ecb-online`, `csv:PATH` or an installed plug-in's name stands for.

    Raises:
        SettingError: no entry point has that name, its class cannot be loaded, or the argument is wrong.
    """
    name, _, argument = spec.partition(":")
    sources = available()
    if name not in sources:
        raise SettingError(f"setting source = {spec!r}: no such source; there are {', '.join(sources) or 'none'}")
    found = load_class(sources[name], Source, "source")  # type: ignore[type-abstract]
    if argument and not found.takes_argument:
        raise SettingError(f"setting source = {spec!r}: {name} takes nothing after a colon; write {name!r}")
    return found(argument, settings)
