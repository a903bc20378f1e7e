"""Who is told, and how: apprise for mail, chat and a hundred more, and a signed webhook.

Nothing here raises for a channel that is down, and nothing takes longer than `PATIENCE_S`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from podium.alerts.rules import Alarm
from podium.errors import SettingError
from podium.settings import AlertSettings
from podium.settings.wording import mask

PATIENCE_S = 40.0
TIMEOUT_S = 30
"""Of one channel of apprise."""

TRIES = 3

State = Literal["raised", "over", "test"]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing to tell.

    Attributes:
        event_id: the same however often it is sent, so that a receiver can tell a repetition.
        state: that the alarm is there, that it is over, or neither.
        alarm: what it is about.
        first_at: when the alarm was first found.
        at: when this happened.
    """

    event_id: str
    state: State
    alarm: Alarm
    first_at: datetime
    at: datetime

    @property
    def line(self) -> str:
        """For people, in a line."""
        where, alarm = self.alarm.pair or "all pairs", self.alarm
        if self.state == "over":
            return f"over: {where} {alarm.name}, since {self.first_at:%Y-%m-%d %H:%M} UTC ({alarm.found})"
        if not alarm.remedy:
            return alarm.found
        return f"{alarm.severity}: {where} {alarm.name}: {alarm.found}. What to do: {alarm.remedy}"

    def as_dict(self) -> dict[str, str]:
        """For programs."""
        alarm, over = self.alarm, self.at.isoformat() if self.state == "over" else ""
        return {"id": self.event_id, "state": self.state, "name": alarm.name, "pair": alarm.pair,
                "severity": alarm.severity, "found": alarm.found, "remedy": alarm.remedy,
                "first_at": self.first_at.isoformat(), "over_at": over}  # fmt: skip


class Channel(ABC):
    """One address that is told.

    Attributes:
        name: for people and for the ledger; no secret is in it, and no space.
    """

    name: str

    @abstractmethod
    def send(self, events: Sequence[Event]) -> str:
        """Why they were not taken, in a line; empty where they were."""


class Apprise(Channel):
    """An address of the library apprise."""

    def __init__(self, address: str, number: int) -> None:
        """Parse it.

        Args:
            address: such as `mailto://user:password@host`.
            number: its place in the setting, for messages.

        Raises:
            SettingError: it is none that apprise knows.
        """
        from apprise import Apprise as Library

        scheme = address.partition("://")[0]
        found = Library.instantiate(address)
        if found is None:
            raise SettingError(
                f"setting alerts.channels, address {number} ({scheme}://***): apprise knows no such address; "
                "its documentation has one for each service"
            )
        self.name = f"{scheme}:{hashlib.sha256(address.encode()).hexdigest()[:6]}"
        self._address, self._library = address, Library()
        self._library.add(found)

    def send(self, events: Sequence[Event]) -> str:
        """One message with a line for each."""
        body = "\n".join(event.line for event in events)
        result = self._library.notify(body, _title(events), body_format="text", timeout=TIMEOUT_S)
        said = [entry.message for one in result.results for attempt in one.attempts for entry in attempt.logs]
        return "" if result else mask(said[-1] if said else "it was not taken", [self._address])


class Webhook(Channel):
    """JSON by POST to an address of one's own, signed as the Standard Webhooks say (standardwebhooks.com)."""

    name = "webhook"

    def __init__(self, address: str, secret: str | None) -> None:
        self._address, self._secret = address, secret

    def send(self, events: Sequence[Event]) -> str:
        """Try a few times while the receiver is busy or away; what it refuses is refused."""
        import requests
        from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_random_exponential

        body = json.dumps({"type": "podium.alarms", "events": [event.as_dict() for event in events]}).encode()

        def post() -> tuple[bool, str]:
            headers = {"Content-Type": "application/json", **signature(self._secret, _message_id(events), body)}
            try:
                answer = requests.post(self._address, body, headers=headers, timeout=(3, 7), allow_redirects=False)
            except requests.RequestException as error:
                return True, f"it cannot be reached ({type(error).__name__})"
            again = answer.status_code in {408, 425, 429} or answer.status_code >= 500
            return again, "" if answer.ok and not answer.is_redirect else f"it answered {answer.status_code}"

        trying = Retrying(
            stop=stop_after_attempt(TRIES),
            wait=wait_random_exponential(0.5, 4),
            retry=retry_if_result(lambda result: result[0]),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else (True, "it was not tried"),
        )
        return trying(post)[1]


def signature(secret: str | None, message_id: str, body: bytes) -> dict[str, str]:
    """The headers by which a receiver knows who has sent it, and when: HMAC-SHA256 of `<id>.<seconds>.<body>`.

    Args:
        secret: `whsec_` and a key in base64, or any other text; unsigned without one.
        message_id: the same for each try.
        body: as it is sent.
    """
    seconds = str(int(time.time()))
    headers = {"webhook-id": message_id, "webhook-timestamp": seconds}
    if secret is None:
        return headers
    prefix, _, rest = secret.partition("whsec_")
    key = base64.b64decode(rest) if rest and not prefix else secret.encode()
    digest = hmac.new(key, f"{message_id}.{seconds}.".encode() + body, hashlib.sha256).digest()
    return {**headers, "webhook-signature": f"v1,{base64.b64encode(digest).decode()}"}


def channels_of(settings: AlertSettings) -> list[Channel]:
    """The channels that the settings name; the library is imported only where an address is set.

    Raises:
        SettingError: an address that is none.
    """
    found: list[Channel] = [Apprise(address, number) for number, address in enumerate(settings.channels, start=1)]
    return found + ([Webhook(settings.webhook, settings.webhook_secret)] if settings.webhook else [])


def tell(deliveries: Mapping[Channel, Sequence[Event]]) -> dict[str, str]:
    """Tell each channel its events, side by side, within `PATIENCE_S`.

    Returns:
        By name of channel why it did not take them; nothing of those that did.
    """
    answers = {channel.name: f"no answer within {PATIENCE_S:.0f} s" for channel in deliveries}

    def ask(channel: Channel, events: Sequence[Event]) -> None:
        try:
            answers[channel.name] = channel.send(events)
        except Exception as error:  # noqa: BLE001  whatever a service's own code does, a day goes on
            answers[channel.name] = f"it failed ({type(error).__name__})"

    threads = [threading.Thread(target=ask, args=item, daemon=True) for item in deliveries.items()]
    deadline = time.monotonic() + PATIENCE_S
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return {name: why for name, why in dict(answers).items() if why}


def _title(events: Sequence[Event]) -> str:
    if len(events) == 1:
        (one,) = events
        return f"Podium: {one.alarm.pair} {one.alarm.name}".replace("  ", " ") + (" over" * (one.state == "over"))
    return f"Podium: {len(events)} messages"


def _message_id(events: Sequence[Event]) -> str:
    """Of the same events the same."""
    return hashlib.sha256(" ".join(event.event_id for event in events).encode()).hexdigest()[:32]
