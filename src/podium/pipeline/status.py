"""How things stand: the registry's aliases as they are now, and the championship behind them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from podium.data.calendar import stale
from podium.data.store import data_version, load_series
from podium.errors import MissingError, PodiumError, RegistryError
from podium.evaluate.judgement import Judgement
from podium.evaluate.significance import discoveries
from podium.pipeline.contest import pin_of
from podium.pipeline.prepare import series_path
from podium.records import DataVersion, Tabular, VersionRecord
from podium.registry import judgements, pointer
from podium.registry.history import Title, since, taken
from podium.registry.judgements import Told
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Status(Tabular):
    """How things stand for one pair.

    Attributes:
        pair: six capital letters.
        champion: who holds the alias now.
        aliases: every holder now, by alias; several where a championship was killed or one was moved by hand.
        judgement: of the last championship; None where the champion carries none, or its run has lost it.
        age_days: calendar days since the last day of the data behind the champion; None where it is not known.
        pointer_agrees: whether the local pointer names the champion; None where there is none of this pair here.
        pinned: why somebody pinned the champion to its title; None where championships decide.
        title: the entry of the history by which its model took the title; None where there is none.
        stale: that the stored rates are too old, in a sentence; empty where they are not.
    """

    pair: str
    champion: VersionRecord
    aliases: dict[str, list[str]]
    judgement: Judgement | None
    age_days: int | None
    pointer_agrees: bool | None
    pinned: str | None
    title: Title | None = None
    stale: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Who holds which alias now, a row a holder."""
        import pandas as pd

        held = [(alias, uri) for alias, uris in self.aliases.items() for uri in uris]
        return pd.DataFrame(held, columns=["alias", "model"])

    def _repr_html_(self) -> str:
        last = f" Last championship: <b>{self.judgement.verdict}</b>." if self.judgement else ""
        old = f"<b>{self.stale}.</b> " if self.stale else ""
        return f"<p>{old}{self.pair}: {self.champion.pinned_uri} leads.{last}</p>{Tabular._repr_html_(self)}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: those of the championship, and how things stand now."""
        decided = self.judgement.as_dict() if self.judgement else {"pair": self.pair, "ranking": []}
        return {
            "stale": self.stale or None,
            **decided,
            "champion": self.champion.name,
            "champion_version": self.champion.version,
            "aliases": self.aliases,
            "age_days": self.age_days,
            "pointer_agrees": self.pointer_agrees,
            "pinned": self.pinned,
            **since(self.title),
        }


@dataclass(frozen=True, slots=True)
class PairStatus:
    """One pair among many.

    Attributes:
        champion: who holds the alias now.
        told: of the last championship; None where the champion carries none.
        age_days: calendar days since the last day of the data behind the champion.
        found: whether it beats the random walk among so many pairs; see `podium.evaluate.significance.discoveries`.
    """

    champion: VersionRecord
    told: Told | None
    age_days: int | None
    found: bool


def status(settings: Settings) -> Status:
    """How things stand for the pair.

    Raises:
        MissingError: there is no champion yet.
    """
    store = MlflowStore(settings)
    with store.one_look():
        champion, holders, titles = store.champion(), store.holders(), store.titles()
    aliases: dict[str, list[str]] = {}
    for holder in holders:
        for alias in sorted(holder.aliases):
            aliases.setdefault(alias, []).append(holder.pinned_uri)
    pin = pin_of(titles, champion)
    return Status(
        pair=settings.pair,
        champion=champion,
        aliases=aliases,
        judgement=_judgement(store, champion),
        age_days=_age(champion),
        pointer_agrees=_pointer_agrees(settings, champion),
        pinned=pin.why if pin else None,
        title=taken(titles, champion.pinned_uri),
        stale=_stale(settings, champion.data_version),
    )


def status_of_all(settings: Settings) -> list[PairStatus]:
    """How things stand for every pair that has a champion, by name.

    Each pair is one of many, looked at every day: among twenty champions that know nothing one is "significant at 5 %"
    on any day. Those that are found among all hold their share of false discoveries, whenever one looks.

    Raises:
        MissingError: there is no champion of any pair yet.
    """
    store = MlflowStore(settings)
    champions = store.champions()
    if not champions:
        store.champion()  # says why there is none
    last = {pair: Told.of(champion) for pair, champion in champions.items()}
    found = discoveries({pair: told.e_value if told else 0.0 for pair, told in last.items()}, settings.alpha)
    return [
        PairStatus(champion, last[pair], _age(champion), found=pair in found) for pair, champion in champions.items()
    ]


def _judgement(store: MlflowStore, champion: VersionRecord) -> Judgement | None:
    try:
        return judgements.carried(store, champion)
    except RegistryError:  # the runs' files were moved, or cannot be reached; who leads is known all the same
        return None


def _stale(settings: Settings, trained_on: DataVersion | None) -> str:
    """That the newest rates are too old; those that the champion was trained on where none are stored here."""
    newest = trained_on
    with suppress(PodiumError):
        newest = data_version(load_series(series_path(settings)))
    late = stale(settings, newest) if newest else None
    return late.told() if late else ""


def _age(champion: VersionRecord) -> int | None:
    version = champion.data_version
    return int((np.datetime64("today", "D") - version.last_day).astype(int)) if version else None


def _pointer_agrees(settings: Settings, champion: VersionRecord) -> bool | None:
    try:
        return bool(pointer.read(settings.models_dir, settings.pair)["pinned_uri"] == champion.pinned_uri)
    except MissingError:
        return None
    except RegistryError:
        return False  # it cannot be read, so it names nobody
