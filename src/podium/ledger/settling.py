"""What came true: joins the ledger with the returns that have been realised since."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from podium.features import log_returns
from podium.ledger.database import Ledger
from podium.ledger.schema import days, entries, outcomes
from podium.records import DataVersion, Series

_SAME = 1e-12
"""Two log returns closer than this are one: another machine's logarithm may differ in the last digit."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one settling found; every count is of origins, the days forecasts start from.

    Attributes:
        new: outcomes recorded for the first time.
        revised: outcomes whose return or target day has changed since; the new one is added and counts.
        unchanged: outcomes known already.
        waiting: the next close is not in the series yet.
        unknown: the series has no such day, so there is nothing to compare with.
    """

    new: int
    revised: int
    unchanged: int
    waiting: int
    unknown: int


@dataclass(frozen=True, slots=True)
class _Outcome:
    origin: date
    target_date: date
    actual: float
    revision: int = 0

    def agrees(self, other: _Outcome | None) -> bool:
        if other is None:
            return False
        return self.target_date == other.target_date and abs(self.actual - other.actual) <= _SAME


def settle(ledger: Ledger, series: Series, data_version: DataVersion) -> Settlement:
    """Record the outcome of every origin in the ledger that has one by now; doing so again changes nothing.

    With the first outcome of an origin its forecasts are closed: the first one of each model for that day, if it was
    made while the server knew nothing later than the origin, by a model that is known to have been fitted on nothing
    later, is kept in `ledger_days` for comparisons. Whatever is asked of that day afterwards is no forecast. When the
    series is revised, or a missing day comes in late, the outcome gets a further revision, and the closed forecasts are
    scored against that.

    Args:
        ledger: an open ledger.
        series: the newest series of one pair; its return from each origin to its next close is the outcome.
        data_version: names the series.

    Raises:
        LedgerError: the database refuses or cannot be reached.
    """
    realised = _realised(series)
    last_day = series.dates[-1].item()
    with ledger.reading() as connection:
        known = _latest(connection, series.pair)
        # Entries whose outcome is known may be gone; a revised rate still counts.
        origins = sorted({*_origins(connection, series.pair), *known})
        stale = [realised[origin] for origin in origins if origin in realised]
        stale = [outcome for outcome in stale if not outcome.agrees(known.get(outcome.origin))]
        closed = [
            row
            for outcome in stale
            if outcome.origin not in known
            for row in _first_forecasts(connection, series.pair, outcome.origin)
        ]
    new, revised = _record(ledger, series.pair, data_version, stale, closed)
    return Settlement(
        new=new,
        revised=revised,
        unchanged=sum(origin in realised for origin in origins) - new - revised,
        waiting=sum(origin >= last_day for origin in origins),
        unknown=sum(origin not in realised and origin < last_day for origin in origins),
    )


def _realised(series: Series) -> dict[date, _Outcome]:
    calendar = series.dates.tolist()
    returns = log_returns(series.closes).tolist()
    return {
        origin: _Outcome(origin, target, actual)
        for origin, target, actual in zip(calendar[:-1], calendar[1:], returns, strict=True)
    }


def _origins(connection: sa.Connection, pair: str) -> list[date]:
    # From one to the next in the index: DISTINCT would read every forecast of every day.
    smallest = sa.select(sa.func.min(entries.c.origin)).where(entries.c.pair == pair, entries.c.origin.is_not(None))
    walk = smallest.cte("walk", recursive=True)
    origin = walk.c[0]
    following = smallest.where(entries.c.origin > origin).correlate(walk).scalar_subquery()
    walk = walk.union_all(sa.select(following).where(origin.is_not(None)))
    return list(connection.scalars(sa.select(walk.c[0]).where(walk.c[0].is_not(None))))


def _latest(connection: sa.Connection, pair: str) -> dict[date, _Outcome]:
    query = (
        sa.select(outcomes.c.origin, outcomes.c.target_date, outcomes.c.actual, outcomes.c.revision)
        .where(outcomes.c.pair == pair)
        .order_by(outcomes.c.revision)
    )
    return {row.origin: _Outcome(*row) for row in connection.execute(query)}


def _first_forecasts(connection: sa.Connection, pair: str, origin: date) -> Sequence[dict[str, Any]]:
    keys = (entries.c.experiment, entries.c.arm, entries.c.model_name, entries.c.model_version)
    shadows = sa.func.sum(sa.case((entries.c.shadow, 1), else_=0))
    grouped = (
        sa.select(
            *keys,
            sa.func.min(entries.c.forecast_id).label("forecast_id"),
            sa.func.max(entries.c.trained_through).label("trained_through"),
            shadows.label("shadows"),
            (sa.func.count() - shadows).label("answers"),
        )
        .where(
            entries.c.pair == pair,
            entries.c.origin == origin,
            # A server that held a later close could have known the outcome. A model that was fitted on later days
            # does know it, wherever it is asked, say by a server whose series was set back. NULL is not <= either.
            entries.c.known_through <= origin,
            entries.c.trained_through <= origin,
        )
        .group_by(*keys)
        .subquery()
    )
    query = sa.select(grouped, entries.c.forecast).join(entries, entries.c.forecast_id == grouped.c.forecast_id)
    return [{"pair": pair, "origin": origin, **row} for row in connection.execute(query).mappings()]


def _record(
    ledger: Ledger, pair: str, data_version: DataVersion, stale: Sequence[_Outcome], closed: Sequence[dict[str, Any]]
) -> tuple[int, int]:
    # The slow reading is done; the write lock, which servers wait for, is held for the few new lines only.
    if not stale:
        return 0, 0
    with ledger.writing() as connection:
        known = _latest(connection, pair)  # again: someone else may have settled meanwhile
        stale = [outcome for outcome in stale if not outcome.agrees(known.get(outcome.origin))]
        now = time.time_ns() // 1000
        lines = [
            {
                "pair": pair,
                "origin": outcome.origin,
                "revision": known[outcome.origin].revision + 1 if outcome.origin in known else 0,
                "target_date": outcome.target_date,
                "actual": outcome.actual,
                "data_version": str(data_version),
                "recorded_at": now,
            }
            for outcome in stale
        ]
        fresh = {outcome.origin for outcome in stale if outcome.origin not in known}
        firsts = [row for row in closed if row["origin"] in fresh]
        for table, rows in ((outcomes, lines), (days, firsts)):
            if rows:
                connection.execute(sa.insert(table), rows)
    return len(fresh), len(stale) - len(fresh)
