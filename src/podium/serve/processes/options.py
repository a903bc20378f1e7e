"""What one serving process is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from podium.settings import Settings


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What one serving process is told.

    Attributes:
        settings: the championship's, with those of serving.
        cache: folder of the models served and of the reader's manifest.
        registry: the registry's SQLite file, for the check whether the manifest is still current; empty where there is
            none.
        address: digest of the registry's address.
    """

    settings: Settings
    cache: Path
    registry: str = ""
    address: str = ""

    def to_plain(self) -> dict[str, Any]:
        """As values that JSON knows."""
        told = {"cache": str(self.cache), "registry": self.registry, "address": self.address}
        return {"settings": self.settings.model_dump(mode="json"), **told}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Back from `to_plain`."""
        return cls(Settings(**plain["settings"]), Path(plain["cache"]), plain["registry"], plain["address"])
