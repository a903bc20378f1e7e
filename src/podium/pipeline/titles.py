"""Moving a title by hand: promote, roll back; and the history of all changes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from podium.errors import InputError, MissingError, RegistryError
from podium.records import ALIASES, CHAMPION, VersionRecord, pinned_uri
from podium.registry import judgements, pointer
from podium.registry.entities import SUSPICION_TAG
from podium.registry.history import BY_HAND, ROLLED_BACK, Title, taken
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings


def history(settings: Settings) -> list[Title]:
    """Every change of the pair's title, oldest first."""
    return MlflowStore(settings).titles()


def verify(settings: Settings) -> tuple[int, list[str]]:
    """How many entries the pair's history has, and where it was changed beside Podium, a sentence each."""
    return MlflowStore(settings).verify_titles()


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
    with store.one_look():
        champion, winner = store.champion(), _find(store, wanted)
    if suspicion := winner.tags.get(SUSPICION_TAG):
        if not accept_leak:
            raise InputError(f"{suspicion}. If {winner.pinned_uri} shall have the title all the same, --accept-leak")
        why = f"{why}; under suspicion, and accepted"
    return move(store, champion, winner, why, BY_HAND, pinned=True)


def rollback(settings: Settings, why: str) -> Title | None:
    """Give the title back to the holder before this one, and pin it there: another family, or whom a hand put aside.

    Raises:
        MissingError: nobody held the title before, only earlier fits of this family did, or that version is gone.
        RegistryError: somebody else moved the title meanwhile; the message says who, and to whom.
    """
    store = MlflowStore(settings)
    champion = store.champion()
    *before, reign = _reigns(store.titles(), champion)
    if not before:
        nobody = f"nobody held the title of {settings.pair} before {champion.pinned_uri}; nothing to roll back to"
        fit = reign[-2].removeprefix(f"models:/{settings.pair}_") if len(reign) > 1 else ""
        only = (
            f"nobody but {champion.family} held the title of {settings.pair}; `podium promote {fit}` is its fit before"
        )
        raise MissingError(only if fit else nobody)
    found = store.version(before[-1][-1])
    if found is None:
        raise MissingError(
            f"{before[-1][-1]}, the champion before, is no longer registered; name another with `podium promote`"
        )
    return move(store, champion, found, why, ROLLED_BACK, pinned=True)


def _reigns(titles: Sequence[Title], champion: VersionRecord) -> list[list[str]]:
    """Who held the title, oldest first and last the champion, each with its renewals; rollbacks take back what came.

    So that a second rollback goes one champion further back, and never forward to the one that was fled from.
    """
    reigns: list[list[str]] = []
    for title in (title for title in titles if title.alias == CHAMPION):
        back = [place for place, reign in enumerate(reigns) if title.pinned_uri in reign]
        if title.verdict == ROLLED_BACK and back:
            last = reigns[back[-1]]
            reigns[back[-1] :] = [last[: last.index(title.pinned_uri) + 1]]
        elif reigns and (title.renewal or title.pinned_uri == reigns[-1][-1]):
            reigns[-1] = [*dict.fromkeys([*reigns[-1], title.pinned_uri])]
        else:
            reigns.append([title.pinned_uri])
    return reigns if reigns and reigns[-1][-1] == champion.pinned_uri else [*reigns, [champion.pinned_uri]]


def _find(store: MlflowStore, wanted: str) -> VersionRecord:
    pair = store.settings.pair
    held: list[VersionRecord] = []
    if wanted.lstrip("@") in ALIASES:
        held = [version for version in store.holders() if wanted.lstrip("@") in version.aliases]
    elif parts := re.fullmatch(rf"(?:models:/)?(?:{pair}_)?(\w+?)(?:/v?(\d+))?", wanted):
        named = store.version(pinned_uri(f"{pair}_{parts[1]}", parts[2])) if parts[2] else None
        asked = [named] if parts[2] else [*store.holders(), *store.newest()]
        held = [version for version in asked if version and version.family == parts[1]]
    if not held:
        versions = store.versions()
        if not versions:
            raise MissingError(f"no model {pair}_* is registered; run `podium run`")
        there_are = ", ".join(f"{version.name}/{version.version}" for version in versions)
        raise InputError(f"{wanted!r} is no version of {pair}_*; there are {there_are}")
    return max(held, key=lambda version: (bool(version.aliases), version.version))


def move(
    store: MlflowStore, seen: VersionRecord, winner: VersionRecord, why: str, how: str, **entry: Any
) -> Title | None:
    """Give the title to a version, if whoever held it when somebody looked still does.

    Args:
        store: of the pair.
        seen: who held the title then.
        winner: who gets it.
        why: one sentence for the history.
        how: one word for it.
        **entry: what else the entry holds, see `MlflowStore.record_title`.

    Returns:
        The entry; None where the history needs none.

    Raises:
        MissingError: the version has lost its files.
        RegistryError: somebody else moved the title meanwhile; the message says who, and to whom.
    """
    if not store.has_model(winner.pinned_uri):
        raise MissingError(f"the files of {winner.pinned_uri} are gone; name another version, or run `podium run`")
    with store.turn():
        champion = store.champion()
        if champion.pinned_uri != seen.pinned_uri:
            last = store.titles()[-1]
            raise RegistryError(
                f"{winner.pinned_uri} was not promoted: meanwhile the title went to {last.pinned_uri}, by {last.by}; "
                "do it again if it is still meant"
            )
        decided = {"data_version": champion.data_version or winner.data_version}
        return _crown(store, champion, winner, {"why": why, "verdict": how, **decided, **entry})


def _crown(
    store: MlflowStore, champion: VersionRecord, winner: VersionRecord, entry: Mapping[str, Any]
) -> Title | None:
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
    title = store.record_title(winner, **entry)
    if judgement is not None:
        told = pointer.build(winner, judgement, taken(store.titles(), winner.pinned_uri))
        pointer.write(told, store.settings.models_dir)
    return title
