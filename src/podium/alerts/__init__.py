"""A word to somebody when it matters: told once, and once more when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime

from podium.alerts.channels import Channel, Event, channels_of, tell
from podium.alerts.gauges import Run, publish
from podium.alerts.owed import Owed, Standing, claim, heard, move, standing, update
from podium.alerts.rules import CHANNEL_DOWN, Alarm, Facts, alarms_of, examined
from podium.errors import LedgerError
from podium.ledger.database import Ledger
from podium.settings import Settings

__all__ = [
    "Alarm", "Facts", "Run", "Standing", "Told", "publish", "raise_and_tell", "standing", "try_channels",
]  # fmt: skip

ROUNDS = 2  # what is owed; then that a channel is down, or is back


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a day's alarms.

    Attributes:
        new: raised now.
        over: over now.
        untold: by name of channel why it did not take what it was owed; it is told at the next chance.
    """

    new: tuple[Alarm, ...]
    over: tuple[Alarm, ...]
    untold: dict[str, str]


def raise_and_tell(settings: Settings, ledger: Ledger | None, facts: Facts, now: datetime) -> Told:
    """Raise what the rules find, end what is over, and tell everybody who has not heard of it.

    While the ledger cannot be reached that alarm alone is raised, and kept in a file of its own beside the data; it
    moves into the ledger when that is back.

    Args:
        settings: channels, and the data folder.
        ledger: an open ledger; None where it cannot be reached, of which `facts.ledger` says why.
        facts: what the day has shown.
        now: the moment, with a time zone.

    Raises:
        SettingError: a channel's address is none.
        LedgerError: the file beside the data cannot be written either.
    """
    channels = channels_of(settings.alerts)
    why = facts.ledger or "the ledger cannot be reached"
    if ledger is not None:
        try:
            _bring_home(settings, ledger)
            return _raise_and_tell(ledger, channels, replace(facts, ledger=""), now)
        except LedgerError as error:
            why = str(error)
    with closing(Ledger.open(settings.data_dir / "alarms.db")) as beside:
        return _raise_and_tell(beside, channels, Facts(pair=facts.pair, day=facts.day, ledger=why), now)


def try_channels(settings: Settings, now: datetime) -> dict[str, str]:
    """Send each channel a message that says it is a test.

    Returns:
        By name of each channel why it did not take it; empty where it did.

    Raises:
        SettingError: a channel's address is none.
    """
    alarm = Alarm("test", "", "info", "a test that somebody asked for", "nothing; this channel works")
    channels = channels_of(settings.alerts)
    failures = tell({channel: [Event(f"test-{now:%Y%m%dT%H%M%S}", "test", alarm, now, now)] for channel in channels})
    return {channel.name: failures.get(channel.name, "") for channel in channels}


def _raise_and_tell(ledger: Ledger, channels: Sequence[Channel], facts: Facts, now: datetime) -> Told:
    names = {channel.name for channel in channels}
    looked = {(name, pair, "") for name in examined(facts) for pair in (facts.pair, "")}
    keys = {one.alarm.key for one in standing(ledger, "") if one.alarm.name == CHANNEL_DOWN}
    looked |= {(CHANNEL_DOWN, "", name) for name in keys - names}  # whom the settings no longer name is not down
    new, over = update(ledger, alarms_of(facts), looked, names, now)
    untold: dict[str, str] = {}
    for _ in range(ROUNDS):
        owed = claim(ledger, names - untold.keys(), now)
        if not owed:
            break
        deliveries = {channel: found for channel in channels if (found := _events(owed, channel.name, now))}
        untold |= tell(deliveries)
        asked = {channel.name for channel in deliveries}
        heard(ledger, owed, asked - untold.keys(), now)
        more = update(ledger, _down(untold), {(CHANNEL_DOWN, "", name) for name in asked}, names, now)
        new, over = new + more[0], over + more[1]
    return Told(tuple(new), tuple(over), untold)


def _events(owed: Sequence[Owed], name: str, now: datetime) -> list[Event]:
    found: list[Event] = []
    for one in owed:
        own, first = one.standing, one.standing.first_at
        found += [Event(f"{own.alarm_id}-raised", "raised", own.alarm, first, first)] if name in one.raised else []
        found += [Event(f"{own.alarm_id}-over", "over", own.alarm, first, own.over_at or now)] * (name in one.over)
    return found


def _down(untold: dict[str, str]) -> list[Alarm]:
    remedy = "`podium alarm test` tries it; see its address and its service"
    return [Alarm(CHANNEL_DOWN, "", "warning", f"{name}: {why}", remedy, key=name) for name, why in untold.items()]


def _bring_home(settings: Settings, ledger: Ledger) -> None:
    file = settings.data_dir / "alarms.db"
    if not file.exists():
        return
    with closing(Ledger.open(file)) as beside:
        move(beside, ledger)
    for path in file.parent.glob("alarms.db*"):
        path.unlink(missing_ok=True)
