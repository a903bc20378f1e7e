"""How things stand: the registry's aliases as they are now, and the championship behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from podium.data.store import last_day_of
from podium.evaluate.outcome import Outcome
from podium.pipeline.evaluate import carried_outcome
from podium.records import VersionRecord
from podium.registry import pointer
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings


@dataclass(frozen=True, slots=True)
class Status:
    """How things stand for one pair.

    Attributes:
        pair: six capital letters.
        champion: who holds the alias now.
        aliases: every holder now, by alias; several where a championship was killed or one was moved by hand.
        outcome: of the last championship; None where the champion carries none.
        age_days: calendar days since the last day of the data behind the champion; None where it is not known.
        pointer_agrees: whether the local pointer names the champion; None where there is no pointer here.
    """

    pair: str
    champion: VersionRecord
    aliases: dict[str, list[str]]
    outcome: Outcome | None
    age_days: int | None
    pointer_agrees: bool | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: those of the championship, and how things stand now."""
        decided = self.outcome.as_dict() if self.outcome else {"pair": self.pair, "ranking": []}
        return {
            **decided,
            "champion": self.champion.name,
            "champion_version": self.champion.version,
            "aliases": self.aliases,
            "age_days": self.age_days,
            "pointer_agrees": self.pointer_agrees,
        }


def status(settings: Settings) -> Status:
    """How things stand for the pair.

    Raises:
        MissingError: there is no champion yet.
    """
    store = MlflowStore(settings)
    champion = store.champion()
    aliases: dict[str, list[str]] = {}
    for holder in store.holders():
        for alias in sorted(holder.aliases):
            aliases.setdefault(alias, []).append(holder.pinned_uri)
    return Status(
        pair=settings.pair,
        champion=champion,
        aliases=aliases,
        outcome=carried_outcome(champion),
        age_days=_age(champion),
        pointer_agrees=_pointer_agrees(settings, champion),
    )


def _age(champion: VersionRecord) -> int | None:
    version = champion.tags.get("data_version")
    return int((np.datetime64("today", "D") - last_day_of(version)).astype(int)) if version else None


def _pointer_agrees(settings: Settings, champion: VersionRecord) -> bool | None:
    if not (settings.models_dir / pointer.FILE_NAME).exists():
        return None
    return bool(pointer.read(settings.models_dir)["pinned_uri"] == champion.pinned_uri)
