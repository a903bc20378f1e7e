"""The settled days of a pair, from which the live comparison is made."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import sqlalchemy as sa

from podium.data.calendar import fixing
from podium.ledger.database import Ledger
from podium.ledger.entry import first_id_at
from podium.ledger.schema import days, entries, outcomes
from podium.records import SettledDay


class Ends(NamedTuple):
    """How far a pair's ledger is; it changes whenever something new is asked for or settled.

    Attributes:
        asked: newest day from which a forecast was written down; None without any.
        settled: newest day whose outcome is known; None without any.
        n_outcomes: how many are known.
        recorded_at: when the newest was written down.
    """

    asked: date | None
    settled: date | None
    n_outcomes: int
    recorded_at: int


# Made once: a server asks for each of its pairs now and then, and making them takes longer than asking.
_PAIR: sa.BindParameter[str] = sa.bindparam("pair")
_ASKED = sa.select(sa.func.max(entries.c.origin)).where(entries.c.pair == _PAIR, entries.c.origin.is_not(None))
_SETTLED = sa.select(
    sa.func.max(outcomes.c.origin), sa.func.count(), sa.func.coalesce(sa.func.max(outcomes.c.recorded_at), 0)
).where(outcomes.c.pair == _PAIR)


def how_far(ledger: Ledger, pair: str) -> Ends:
    """How far a pair's ledger is.

    Raises:
        LedgerError: the database refuses or cannot be reached.
    """
    with ledger.reading() as connection:
        asked, settled = (connection.execute(query, {"pair": pair}).one() for query in (_ASKED, _SETTLED))
    return Ends(*asked, *settled)


def settled_days(ledger: Ledger, pair: str, ab_test: str | None = None) -> list[SettledDay]:
    """Each model's first forecast of every day whose outcome is known, in the order of time.

    It counts if it was made before the rate that it forecasts was set: whoever could have known the outcome forecasts
    nothing, whatever day the forecast is dated. An id tells when it was made, and the earliest rate ever recorded
    behind the origin, when that was, also where it was withdrawn since.

    Args:
        ledger: an open ledger, settled.
        pair: six capital letters.
        ab_test: only its days; all if not given.

    Raises:
        LedgerError: the database refuses or cannot be reached.
    """
    latest = (
        sa.select(
            outcomes.c.origin,
            sa.func.max(outcomes.c.revision).label("revision"),
            sa.func.min(outcomes.c.target_date).label("first_target"),
        )
        .where(outcomes.c.pair == pair)
        .group_by(outcomes.c.origin)
        .subquery()
    )
    columns = (
        days.c.forecast_id, latest.c.first_target, days.c.origin, days.c.arm, days.c.model_name,
        days.c.model_version, days.c.forecast, outcomes.c.actual, days.c.answers, days.c.shadows,
    )  # fmt: skip
    query = (
        sa.select(*columns)
        .join(outcomes, (outcomes.c.pair == days.c.pair) & (outcomes.c.origin == days.c.origin))
        .join(latest, (latest.c.origin == outcomes.c.origin) & (latest.c.revision == outcomes.c.revision))
        # Days that were closed before the ledger said what a model was fitted on have NULL here, and prove nothing.
        .where(days.c.pair == pair, days.c.trained_through <= days.c.origin)
        .order_by(days.c.origin, days.c.forecast_id)
    )
    if ab_test is not None:
        query = query.where(days.c.experiment == ab_test)
    with ledger.reading() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    return [SettledDay(**row) for row in rows if row.pop("forecast_id") < first_id_at(fixing(row.pop("first_target")))]
