"""A person between verdict and title: what championships propose, and who says yes or no."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from podium.errors import InputError, MissingError
from podium.evaluate.judgement import Judgement
from podium.pipeline.titles import move
from podium.records import VersionRecord
from podium.registry.history import Title
from podium.registry.mlflow_store import MlflowStore
from podium.registry.proposals import APPROVED, PROPOSED, REJECTED, WITHDRAWN, Proposal, proposals
from podium.settings import Settings


def all_proposals(settings: Settings) -> list[Proposal]:
    """Open and past proposals of the pair, the oldest first."""
    return _known(settings, MlflowStore(settings).titles())


def rejected(settings: Settings, titles: Sequence[Title]) -> frozenset[str]:
    """Addresses of the versions that somebody said no to."""
    return frozenset(one.made.pinned_uri for one in _known(settings, titles) if one.state == "rejected")


def propose(store: MlflowStore, titles: Sequence[Title], decided: Judgement, proposed: VersionRecord | None) -> None:
    """Write down what a championship proposes; an open proposal that it no longer makes is withdrawn.

    A version that is proposed already, or was rejected, is not proposed again; its family's next fit is.

    Args:
        store: of the pair, in its turn.
        titles: the history, oldest first.
        decided: the championship.
        proposed: who shall have the title; None where nobody else shall.
    """
    known = _known(store.settings, titles)
    mine = [one for one in known if proposed and one.made.pinned_uri == proposed.pinned_uri]
    if proposed and not any(one.state in {"open", "rejected"} for one in mine):
        number = max((one.number for one in known), default=0) + 1
        store.record_step(proposed, number, PROPOSED, decided.reason, decided.data_version)
    for one in known if proposed is None else ():
        if one.state == "open":
            store.record_step(one.made, one.number, WITHDRAWN, decided.reason, decided.data_version)


def approve(settings: Settings, number: int, why: str) -> Title | None:
    """Give the title to the version that was proposed; championships go on deciding.

    Raises:
        InputError: there is no such proposal, it is no longer open, or whoever made it wants to approve it.
        MissingError: the version is gone, or its files are.
        RegistryError: somebody else moved the title meanwhile.
    """
    store = MlflowStore(settings)
    with store.turn():
        made = _open(store, number).made
        winner = store.version(made.pinned_uri)
        if winner is None:
            raise MissingError(f"{made.pinned_uri}, which proposal {number} is about, is no longer registered")
        champion = store.champion()
        return move(store, champion, winner, why, APPROVED, number=number, data_version=made.data_version)


def reject(settings: Settings, number: int, why: str) -> Title:
    """Leave the title where it is.

    Raises:
        InputError: see `approve`.
    """
    store = MlflowStore(settings)
    with store.turn():
        made = _open(store, number).made
        return store.record_step(made, number, REJECTED, why, made.data_version)


def decide(settings: Settings, number: int, decision: Literal["approve", "reject"], why: str) -> Proposal:
    """Approve or reject, and say what became of the proposal.

    Raises:
        InputError: see `approve`, as the rest.
    """
    (approve if decision == "approve" else reject)(settings, number, why)
    return next(one for one in all_proposals(settings) if one.number == number)


def _open(store: MlflowStore, number: int) -> Proposal:
    known = {one.number: one for one in _known(store.settings, store.titles())}
    pair, found = store.settings.pair, known.get(number)
    if found is None:
        there_are = f"; there are 1 to {max(known)}" if known else ""
        raise InputError(f"{pair} has no proposal {number}{there_are}; `podium titles` lists them")
    if found.state != "open":
        when = f" on {found.ended.at[:10]} by {found.ended.by}" if found.ended else f", open until {found.until}"
        raise InputError(f"proposal {number} of {pair} is {found.state}{when}; it can no longer be decided")
    if found.made.by == store.connection.clean(store.settings.developer):
        raise InputError(f"proposal {number} of {pair} was made by {found.made.by}; somebody else must decide on it")
    return found


def _known(settings: Settings, titles: Sequence[Title]) -> list[Proposal]:
    return proposals(titles, datetime.now(UTC).date(), settings.approval_days)
