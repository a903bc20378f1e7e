"""What `podium daily` did on which day, who is at it now, and the forecasts that it writes down."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from filelock import FileLock, Timeout

from podium.ledger.database import Ledger
from podium.ledger.entry import moment, new_id
from podium.ledger.schema import daily, entries
from podium.records import CHAMPION, NextDay

AB_TEST = "daily"
"""What its forecasts stand under in the ledger, so that they are no part of a server's A/B test."""
UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class LoggedDay:
    """A day of a pair, as it was done.

    Attributes:
        pair: six capital letters.
        day: last day of the rates.
        holder: who did it: developer, host and process.
        begun_at: when it was begun for the first time, UTC.
        ended_at: when it was looked at for the last time, UTC; None while it is under way, or where it was killed.
        looks: how often it was begun.
        result: one word or two.
        steps: name, result and seconds of each, as they were when something was done.
    """

    pair: str
    day: date
    holder: str
    begun_at: datetime
    ended_at: datetime | None
    looks: int
    result: str
    steps: tuple[dict[str, Any], ...]


@contextmanager
def alone(ledger: Ledger, pair: str) -> Iterator[bool]:
    """Be the only one at a pair's day, on every machine; False where somebody else is at it.

    A lock beside an SQLite file, an advisory lock of a server: the system lets go of either with its process.

    Raises:
        LedgerError: the database cannot be reached.
    """
    if ledger.path:
        lock = FileLock(f"{ledger.path}.{pair}.lock")
        try:
            with lock.acquire(timeout=0):
                yield True
        except Timeout:
            yield False
        return
    with ExitStack() as stack:
        with ledger.failures("lock"):
            held = stack.enter_context(ledger.engine.connect()).execution_options(isolation_level="AUTOCOMMIT")
            name = sa.func.hashtext(f"podium daily {pair}")
            ours = bool(held.scalar(sa.select(sa.func.pg_try_advisory_lock(name))))
        yield ours


def begin(ledger: Ledger, pair: str, day: date, holder: str) -> None:
    """Write down that somebody is at it."""
    key, now = (daily.c.pair == pair, daily.c.day == day), new_id()[1]
    with ledger.writing() as connection:
        change = sa.update(daily).where(*key).values(holder=holder, ended_at=None, looks=daily.c.looks + 1)
        if not connection.execute(change).rowcount:
            row = {"pair": pair, "day": day, "holder": holder, "started_at": now, "looks": 1}
            connection.execute(sa.insert(daily).values(**row, result=UNFINISHED, steps="[]"))


def end(ledger: Ledger, pair: str, day: date, result: str, steps: Sequence[dict[str, Any]] | None) -> None:
    """Write down what came of it; without steps, that there was nothing to do and what is written stays."""
    change = sa.update(daily).where(daily.c.pair == pair, daily.c.day == day)
    told = {} if steps is None else {"result": result, "steps": json.dumps([*steps])}
    with ledger.writing() as connection:
        connection.execute(change.values(ended_at=new_id()[1], **told))


def read(ledger: Ledger, pair: str | None = None, last: int = 20) -> list[LoggedDay]:
    """The last days, the newest first; of all pairs where none is named."""
    query = sa.select(daily).order_by(daily.c.day.desc(), daily.c.pair).limit(last)
    with ledger.reading() as connection:
        rows = connection.execute(query.where(daily.c.pair == pair) if pair else query).mappings().all()
    return [_logged(dict(row)) for row in rows]


def _logged(row: dict[str, Any]) -> LoggedDay:
    ended = row.pop("ended_at")
    return LoggedDay(
        **{name: row[name] for name in ("pair", "day", "holder", "looks")},
        begun_at=moment(row["started_at"]),
        ended_at=None if ended is None else moment(ended),
        result=row["result"] if ended is not None else UNFINISHED,
        steps=tuple(json.loads(row["steps"])),
    )


def write_down(ledger: Ledger, forecasts: Sequence[tuple[str, NextDay, str, date | None]], known_through: date) -> int:
    """Add forecasts to the ledger that are not there yet.

    Args:
        ledger: an open ledger.
        forecasts: alias, forecast, run and the last day that the model was fitted on.
        known_through: newest rate that is known; a forecast of an earlier day is a look back, and no live evidence.

    Returns:
        How many were added.
    """
    added = 0
    for alias, made, run_id, trained_through in forecasts:
        row = {
            "pair": made.pair,
            "experiment": AB_TEST,
            "arm": alias,
            "model_name": made.model_name,
            "model_version": made.model_version,
            "origin": made.origin,
        }
        with ledger.writing() as connection:
            there = sa.select(entries.c.forecast_id).where(*(entries.c[name] == value for name, value in row.items()))
            if connection.execute(there.limit(1)).first():
                continue
            forecast_id, now = new_id()
            connection.execute(
                sa.insert(entries).values(
                    **row,
                    forecast_id=forecast_id,
                    request_id=forecast_id,
                    created_at=now,
                    shadow=alias != CHAMPION,
                    forced=False,
                    run_id=run_id,
                    request_key=AB_TEST,
                    forecast=made.forecast,
                    n_rows=1,
                    row=0,
                    target_date=made.target_date,
                    known_through=known_through,
                    trained_through=trained_through,
                    lower=made.bounds.get("lower_95"),
                    upper=made.bounds.get("upper_95"),
                )
            )
        added += 1
    return added
