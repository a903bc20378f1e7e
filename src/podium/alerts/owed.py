"""Which alarms there are, who has heard of them and who has not; in the ledger's database, so that it outlives any run.

A message is owed to each channel until that channel has taken it. Whoever tells claims what is owed first, so that two
runs at once do not tell it twice; a claim of somebody who was killed lapses, and then it is told again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from podium.alerts.rules import Alarm
from podium.ledger.database import Ledger
from podium.ledger.entry import moment, new_id
from podium.ledger.schema import alarms as table

LEASE = timedelta(minutes=10)

FIELDS = ("name", "pair", "severity", "found", "remedy", "key")
OWED = ("owed", "over_owed")

_Identity = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """An alarm that was raised.

    Attributes:
        alarm_id: of this raising of it; the same in everything that is told about it.
        alarm: as it was last found.
        first_at: when it was first found.
        told_at: when the first channel took it; None if none did yet.
        over_at: when it was over; None while it is not. An event is over when it is raised.
    """

    alarm_id: str
    alarm: Alarm
    first_at: datetime
    told_at: datetime | None
    over_at: datetime | None


@dataclass(frozen=True, slots=True)
class Owed:
    """What is to be told of one alarm, and to whom.

    Attributes:
        standing: the alarm.
        raised: channels that have not heard that it is there.
        over: channels that have not heard that it is over.
    """

    standing: Standing
    raised: frozenset[str]
    over: frozenset[str]


def standing(ledger: Ledger, pair: str | None = None) -> list[Standing]:
    """The alarms that are not over, oldest first.

    Args:
        ledger: an open ledger.
        pair: only of this pair; all if not given.

    Raises:
        LedgerError: the database refuses or cannot be reached.
    """
    query = sa.select(table).where(table.c.over_at.is_(None)).order_by(table.c.alarm_id)
    with ledger.reading() as connection:
        rows = connection.execute(query if pair is None else query.where(table.c.pair.in_((pair, "")))).mappings().all()
    return [_standing(row) for row in rows]


def update(
    ledger: Ledger, found: Iterable[Alarm], examined: Collection[_Identity], channels: Collection[str], now: datetime
) -> tuple[list[Alarm], list[Alarm]]:
    """Write down what is found; what is not found again is over.

    Args:
        ledger: an open ledger.
        found: the alarms as of now.
        examined: name, pair and key of what was looked for, found or not.
        channels: who is to hear of it.
        now: the moment.

    Returns:
        What is new, and what is over.

    Raises:
        LedgerError: the database refuses or cannot be reached.
    """
    at, owed = _microseconds(now), " ".join(sorted(channels))
    found = list(found)
    events = [alarm.key for alarm in found if alarm.event]
    new: list[Alarm] = []
    with ledger.writing() as connection:
        rows = connection.execute(sa.select(table).where(table.c.over_at.is_(None) | table.c.key.in_(events)))
        known = {_identity(row): row for row in rows.mappings()}
        for alarm in found:
            row = known.pop((alarm.name, alarm.pair, alarm.key), None)
            if row is None:
                new.append(alarm)
                connection.execute(sa.insert(table).values(_new_row(alarm, at, owed)))
            else:
                told = {"severity": alarm.severity, "found": alarm.found, "remedy": alarm.remedy}
                told |= {} if row["told_at"] else {"owed": owed}  # nobody knows of it, and there may be others to tell
                connection.execute(_row(row["alarm_id"]).values(seen_at=at, **told))
        over = [row for identity, row in known.items() if identity in examined]
        for row in over:
            waiting = row["told_at"] or {*row["owed"].split()} & {*channels}
            connection.execute(_row(row["alarm_id"]).values(over_at=at, over_owed=owed if waiting else ""))
    return new, [_standing(row).alarm for row in over]


def claim(ledger: Ledger, channels: Collection[str], now: datetime) -> list[Owed]:
    """What these channels have yet to hear, oldest first; nobody else gets it until `heard` or the lease is over.

    What is owed to a channel that the settings no longer name is forgotten.

    Raises:
        LedgerError: the database refuses or cannot be reached.
    """
    waiting = (table.c.owed != "") | (table.c.over_owed != "")
    free = table.c.claimed_at.is_(None) | (table.c.claimed_at < _microseconds(now - LEASE))
    with ledger.writing() as connection:
        rows = connection.execute(sa.select(table).where(waiting, free).order_by(table.c.alarm_id)).mappings().all()
        owed = [Owed(_standing(row), *(frozenset(row[c].split()) & {*channels} for c in OWED)) for row in rows]
        owed = [one for one in owed if one.raised or one.over]
        for one in owed:
            connection.execute(_row(one.standing.alarm_id).values(claimed_at=_microseconds(now)))
    return owed


def heard(ledger: Ledger, owed: Iterable[Owed], by: Collection[str], now: datetime) -> None:
    """These channels have taken what they were owed; the claims on the rest are given back.

    Raises:
        LedgerError: the database refuses or cannot be reached.
    """
    with ledger.writing() as connection:
        for one in owed:
            mine = table.c.alarm_id == one.standing.alarm_id
            row = connection.execute(sa.select(table).where(mine)).mappings().one()
            left = {column: " ".join(name for name in row[column].split() if name not in by) for column in OWED}
            told_at = row["told_at"] or (_microseconds(now) if one.raised & {*by} else None)
            connection.execute(_row(row["alarm_id"]).values(claimed_at=None, told_at=told_at, **left))


def move(source: Ledger, target: Ledger) -> None:
    """Carry the alarms of one ledger into another, each as it stands.

    Raises:
        LedgerError: a database refuses or cannot be reached.
    """
    with source.reading() as old, target.writing() as new:
        there = set(new.scalars(sa.select(table.c.alarm_id)))
        rows = [dict(row) for row in old.execute(sa.select(table)).mappings() if row["alarm_id"] not in there]
        if rows:
            new.execute(sa.insert(table), rows)


def _new_row(alarm: Alarm, at: int, owed: str) -> dict[str, Any]:
    values = {name: getattr(alarm, name) for name in FIELDS}
    ended = at if alarm.event else None
    return {**values, "alarm_id": new_id()[0], "first_at": at, "seen_at": at, "over_at": ended, "owed": owed,
            "over_owed": ""}  # fmt: skip


def _row(alarm_id: str) -> sa.Update:
    return sa.update(table).where(table.c.alarm_id == alarm_id)


def _identity(row: sa.RowMapping) -> _Identity:
    return row["name"], row["pair"], row["key"]


def _standing(row: sa.RowMapping) -> Standing:
    times = {name: moment(row[name]) if row[name] else None for name in ("told_at", "over_at")}
    alarm = Alarm(**{name: row[name] for name in FIELDS}, event=row["over_at"] == row["first_at"])
    return Standing(row["alarm_id"], alarm, moment(row["first_at"]), **times)


def _microseconds(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)
