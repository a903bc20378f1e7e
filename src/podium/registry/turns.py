"""Turns: who changes a pair's titles does so alone, and whoever waits can say for whom.

On a SQLite file a turn is a lock beside it, which the system lets go of with its process. Elsewhere it is a registered
model: that of all clients one alone can make a model of a name is what every MLflow server and database agrees on. Who
has it renews it; what nobody renews is taken away by who waits, by the waiter's own clock.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from podium.errors import RegistryError
from podium.registry.entities import ABSENT, EXISTS, absent, tolerating

PATIENCE = 120.0  # seconds that somebody waits for a turn
TERM = 15.0  # seconds without a renewal after which a turn is taken away
TICK = 0.1  # seconds between two looks of who waits
PREFIX = "podium.turn."
ABOUT = "Somebody is changing this pair's titles; it is gone when that is over. See the tags."


class FileTurn:
    """A lock beside a SQLite file; who has it stands in it."""

    def __init__(self, path: Path, pair: str, holder: Mapping[str, str]) -> None:
        self._lock = FileLock(path, timeout=PATIENCE)
        try:
            self._lock.acquire()
        except Timeout:
            raise RegistryError(_busy(pair, _written(path))) from None
        with suppress(OSError):
            path.write_text(json.dumps(holder))

    def check(self) -> None:
        """Nobody takes it away."""

    def end(self) -> None:
        """Let the next one in."""
        self._lock.release()


class ServerTurn:
    """A registered model `podium.turn.EURUSD`, seen by every client of the server or database."""

    def __init__(self, registry: Any, pair: str, holder: Mapping[str, str]) -> None:
        self._registry, self._pair, self._name = registry, pair, PREFIX + pair
        self._token = uuid.uuid4().hex
        self._taken: list[str] = []
        self._over = threading.Event()
        self._wait({**holder, "token": self._token})
        threading.Thread(target=self._renew, name="podium-turn", daemon=True).start()

    def check(self) -> None:
        """See that it has not been taken away.

        Raises:
            RegistryError: it has; the message says by whom.
        """
        found = self._holder()
        if found is None or found.get("token") != self._token:
            raise RegistryError(
                f"this process stood still for more than {TERM:g} s and lost its turn; {_busy(self._pair, found)}"
            )

    def end(self) -> None:
        """Let the next one in; where the server does not hear it, the turn ends by itself."""
        self._over.set()
        with suppress(Exception):
            self.check()
            for name in (self._name, *self._taken):
                self._registry.delete_registered_model(name)

    def _wait(self, tags: Mapping[str, str]) -> None:
        make = partial(self._registry.create_registered_model, self._name, {**tags, **_until()}, ABOUT)
        heard, since = None, time.monotonic()
        end = since + PATIENCE
        while (found := self._holder()) is None or found.get("token") != self._token:
            if time.monotonic() > end:
                raise RegistryError(_busy(self._pair, found))
            if found is None:
                if tolerating(EXISTS | ABSENT, make):
                    return
                continue
            if found != heard:
                heard, since = found, time.monotonic()
            elif time.monotonic() - since > TERM:
                self._take_away(found)
            time.sleep(TICK)

    def _take_away(self, found: Mapping[str, str]) -> None:
        """Of several who find the same holder silent one alone can give its model that name."""
        name = f"{self._name}.{found.get('token', '')[:40]}"
        if tolerating(EXISTS | ABSENT, partial(self._registry.rename_registered_model, self._name, name)):
            self._taken.append(name)

    def _holder(self) -> dict[str, str] | None:
        """The tags of whoever has the turn; None where nobody has it."""
        found = absent(lambda: self._registry.get_registered_model(self._name))
        return dict(found.tags) if found else None

    def _renew(self) -> None:
        while not self._over.wait(TERM / 4):
            with suppress(Exception):  # the server may be away for a moment; `check` says if it was too long
                self.check()
                for key, value in _until().items():
                    self._registry.set_registered_model_tag(self._name, key, value)


def who(developer: str) -> dict[str, str]:
    """What others are told of who has a turn."""
    return {"holder": f"{developer}@{socket.gethostname()}, process {os.getpid()}", "since": _time()}


def _until() -> dict[str, str]:
    return {"until": _time(TERM)}


def _time(later: float = 0.0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=later)).isoformat(timespec="seconds").replace("+00:00", "Z")


def _written(path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def _busy(pair: str, found: Mapping[str, str] | None) -> str:
    holder, since = ((found or {}).get(name, "unknown")[:100] for name in ("holder", "since"))
    text = f"{holder} has been changing the titles of {pair} since {since}; run it again when that is over"
    return "".join(letter if letter.isprintable() else "?" for letter in text)
