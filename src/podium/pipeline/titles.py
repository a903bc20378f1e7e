"""Moving a title by hand: promote, roll back; and the history of all changes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from podium.errors import InputError, MissingError, RegistryError
from podium.records import ALIASES, VersionRecord
from podium.registry import judgements, pointer
from podium.registry.entities import SUSPICION_TAG
from podium.registry.history import Title, taken
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings

BY_HAND, ROLLED_BACK = "by hand", "rolled back"


def history(settings: Settings) -> list[Title]:
    """Every change of the pair's title, oldest first."""
    return MlflowStore(settings).titles()


def promote(settings: Settings, wanted: str, why: str, accept_leak: bool = False) -> Title | None:
    """Give the title to a version and pin it there: championships leave it until somebody unpins it.

    Args:
        settings: pair and addresses.
        wanted: an alias (`challenger`), a family (`ARIMA`), or a version (`ARIMA/2`, `EURUSD_ARIMA/2`).
        why: one sentence for the history.
        accept_leak: take the responsibility for a version under suspicion; it is recorded.

    Returns:
        The entry of the history; None when the version held the title, pinned, already.

    Raises:
        InputError: there is no such version, or it is under suspicion.
        MissingError: there is no champion yet.
        RegistryError: somebody else moved the title meanwhile; the message says who, and to whom.
    """
    store = MlflowStore(settings)
    champion, winner = store.champion(), _find(store, wanted)
    if suspicion := winner.tags.get(SUSPICION_TAG):
        if not accept_leak:
            raise InputError(f"{suspicion}. If {winner.pinned_uri} shall have the title all the same, --accept-leak")
        why = f"{why}; under suspicion, and accepted"
    return _move(store, champion, winner, why, BY_HAND)


def rollback(settings: Settings, why: str) -> Title | None:
    """Give the title back to the champion before this one, and pin it there.

    Raises:
        MissingError: nobody held the title before, or that version is gone.
        RegistryError: somebody else moved the title meanwhile; the message says who, and to whom.
    """
    store = MlflowStore(settings)
    champion = store.champion()
    before = _reigns_before(store.titles(), champion)
    if not before:
        raise MissingError(
            f"nobody held the title of {settings.pair} before {champion.pinned_uri}; nothing to roll back to"
        )
    found = store.version(before[-1])
    if found is None:
        raise MissingError(
            f"{before[-1]}, the champion before, is no longer registered; name another with `podium promote`"
        )
    return _move(store, champion, found, why, ROLLED_BACK)


def _reigns_before(titles: Sequence[Title], champion: VersionRecord) -> list[str]:
    """Who held the title before the champion, oldest first; a rollback undoes what it went back over.

    So that a second rollback goes one champion further back, and never forward to the one that was fled from.
    """
    reigns: list[str] = []
    for title in titles:
        if title.alias != "champion":
            continue
        if title.verdict == ROLLED_BACK and title.pinned_uri in reigns:
            last = len(reigns) - 1 - reigns[::-1].index(title.pinned_uri)
            del reigns[last + 1 :]
        if not reigns or reigns[-1] != title.pinned_uri:
            reigns.append(title.pinned_uri)
    return reigns[:-1] if reigns and reigns[-1] == champion.pinned_uri else reigns


def _find(store: MlflowStore, wanted: str) -> VersionRecord:
    pair = store.settings.pair
    held: list[VersionRecord] = []
    if wanted.lstrip("@") in ALIASES:
        held = [version for version in store.holders() if wanted.lstrip("@") in version.aliases]
    elif parts := re.fullmatch(rf"(?:models:/)?(?:{pair}_)?(\w+?)(?:/v?(\d+))?", wanted):
        named = store.version(f"models:/{pair}_{parts[1]}/{parts[2]}") if parts[2] else None
        asked = [named] if parts[2] else [*store.holders(), *store.newest()]
        held = [version for version in asked if version and version.family == parts[1]]
    if not held:
        versions = store.versions()
        if not versions:
            raise MissingError(f"no model {pair}_* is registered; run `podium run`")
        there_are = ", ".join(f"{version.name}/{version.version}" for version in versions)
        raise InputError(f"{wanted!r} is no version of {pair}_*; there are {there_are}")
    return max(held, key=lambda version: (bool(version.aliases), version.version))


def _move(store: MlflowStore, seen: VersionRecord, winner: VersionRecord, why: str, how: str) -> Title | None:
    if not store.has_model(winner.pinned_uri):
        raise MissingError(f"the files of {winner.pinned_uri} are gone; name another version, or run `podium run`")
    with store.turn():
        champion = store.champion()
        if champion.pinned_uri != seen.pinned_uri:
            raise RegistryError(_overtaken(store.titles()[-1], winner))
        return _crown(store, champion, winner, why, how)


def _overtaken(title: Title, winner: VersionRecord) -> str:
    return (
        f"{winner.pinned_uri} was not promoted: meanwhile the title went to {title.pinned_uri}, by {title.by}; "
        "do it again if it is still meant"
    )


def _crown(store: MlflowStore, champion: VersionRecord, winner: VersionRecord, why: str, how: str) -> Title | None:
    store.record_found(champion)
    judgement = judgements.carried(store, champion)
    others = sorted(
        (version for version in store.holders() if version.aliases & set(ALIASES)),
        key=lambda version: min(ALIASES.index(alias) for alias in version.aliases if alias in ALIASES),
    )
    podium = [winner, *(version for version in others if version.pinned_uri != winner.pinned_uri)]
    if judgement is not None:
        judgements.record(store, winner, judgement)  # whoever won it, so that a status can be read
    store.assign(store.settings.pair, dict(zip(ALIASES, podium, strict=False)))
    data_version = champion.data_version or winner.data_version
    title = store.record_title(winner, why=why, verdict=how, data_version=data_version, pinned=True)
    if judgement is not None:
        told = pointer.build(winner, judgement, taken(store.titles(), winner.pinned_uri))
        pointer.write(told, store.settings.models_dir)
    return title
