"""Titles that championships proposed: read by everybody, decided by those whose API keys the settings name.

The decision is carried out by a process of its own, which speaks to the registry; the serving ones stay without MLflow.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing import TimeoutError as LateError
from multiprocessing import get_context
from typing import Any, Literal

import msgspec

from podium.errors import InputError, MissingError, PodiumError
from podium.registry.proposals import Proposal, proposals
from podium.serve.hotswap.swap import Swapper
from podium.serve.web import schemas
from podium.serve.web.bodies import receive
from podium.serve.web.http import (
    CONFLICT,
    FORBIDDEN,
    JSON,
    RefusedError,
    Reply,
    Request,
    Room,
    Route,
    encode,
    unavailable,
)
from podium.serve.web.security import KeyRing, key_of
from podium.serve.web.selection import Selection
from podium.settings import Settings

MAX_BODY = 4096  # bytes
DECIDE_TIMEOUT = 60.0  # seconds, of which importing MLflow takes some
RELOAD_TIMEOUT = 15.0  # seconds

Decide = Callable[[Settings, int, Literal["approve", "reject"], str], Proposal]
"""Approves or rejects a proposal of the settings' pair as their developer, and says what became of it."""

_log = logging.getLogger("podium.serve")


class Decisions:
    """Lists what is proposed and takes decisions.

    Args:
        settings: the registry, and who may decide.
        decide: does it, in a process of its own; None where nobody may.
        ring: says whose key it is.
        selection: pairs in service.
        swapper: brings what was decided into service.
    """

    def __init__(
        self, settings: Settings, decide: Decide | None, ring: KeyRing, selection: Selection, swapper: Swapper
    ) -> None:
        self._settings, self._decide, self._ring = settings, decide, ring
        self._selection, self._swapper, self._turn = selection, swapper, Room(1)

    def routes(self, room: Room) -> list[Route]:
        """Both of them.

        Args:
            room: places of those who read or decide.
        """
        path, refuses = "/v1/proposals/{pair}", (400, 404, 408, 409, 413, 415, 503)
        return [
            Route("GET", path, self._list, {200: schemas.Proposals}, (404, 503), room=room),
            Route("POST", path, self._take, {200: schemas.Decided}, refuses, body=schemas.Decision, room=room),
        ]

    async def _list(self, request: Request) -> Reply:
        """Titles that championships proposed, open and past."""
        lineup, today = self._selection.lineup(request.argument), datetime.now(UTC).date()
        found = [_told(one) for one in proposals(lineup.titles, today, self._settings.approval_days)]
        return Reply(200, encode(schemas.Proposals(lineup.pair, found)))

    async def _take(self, request: Request) -> Reply:
        """Approve or reject a proposed title, by the name of the API key; who proposed it may not."""
        key = key_of(request.headers)
        name = (key and self._ring.label(key)) or ""
        if self._decide is None or name not in self._settings.serve.approvers:
            who = f"The key of {name}" if name else "Who has no API key"
            raise RefusedError(
                403, f"{who} decides on no title here; the setting serve.approvers names whose do.", FORBIDDEN
            )
        pair = self._selection.lineup(request.argument).pair
        body = await receive(request, MAX_BODY, self._settings.serve.body_timeout)
        wanted = _wanted(request.headers.get("content-type") or "", body)
        settings = self._settings.model_copy(update={"pair": pair, "developer": name})
        with self._turn:
            made = await asyncio.to_thread(_decided, self._decide, settings, wanted)
        told = (made.state, made.number, pair, made.made.pinned_uri, name, wanted.why)
        _log.info("%s: proposal %d of %s, %s, by %s (%s)", *told)
        served = await self._swapper.reload(RELOAD_TIMEOUT)
        return Reply(200, encode(schemas.Decided(_told(made), served)))


def _wanted(content_type: str, body: bytes) -> schemas.Decision:
    if content_type.partition(";")[0].strip().lower() != JSON:  # a form of another site's page cannot say so
        raise RefusedError(415, f"A decision is {JSON}; say so in Content-Type.")
    try:
        return msgspec.json.decode(body, type=schemas.Decision)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusedError(400, f"The body is no decision: {error}.") from None


def _decided(decide: Decide, settings: Settings, wanted: schemas.Decision) -> Proposal:
    try:
        return _apart(decide, settings, wanted.number, wanted.decision, wanted.why)
    except (InputError, MissingError) as error:
        raise RefusedError(409, f"{error}.", CONFLICT) from None
    except (PodiumError, LateError) as error:
        why = str(error) or "no answer in time"
        _log.warning("proposal %d of %s was not decided: %s", wanted.number, settings.pair, why)
        where = f"GET /v1/proposals/{settings.pair}"
        raise unavailable(f"The registry did not take it, or not in time; {where} says what holds.", 5) from None


def _apart(decide: Decide, *given: Any) -> Proposal:
    """Decide in a process of its own, which is ended where it takes too long."""
    with get_context("spawn").Pool(1, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as process:
        return process.apply_async(decide, given).get(DECIDE_TIMEOUT)


def _told(proposal: Proposal) -> schemas.Proposal:
    return msgspec.convert(proposal.as_dict(), schemas.Proposal)
