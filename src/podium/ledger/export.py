"""Reading the ledger line by line, for exports."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from podium.errors import SettingError
from podium.ledger.database import Ledger
from podium.ledger.entry import BATCH_COLUMNS, first_id_at, moment
from podium.ledger.schema import entries, outcomes

COLUMNS = (*(column.name for column in entries.columns if column.name not in {"batch", "n_rows"}), "actual")
"""Names of what `rows` gives, in order."""

_PAGE = 2_000


def rows(ledger: Ledger, since: str | datetime | None = None, pair: str | None = None) -> Iterator[dict[str, Any]]:
    """Every forecast in the order of time, one plain dict each: what `podium ledger` prints.

    The keys are `COLUMNS`: those of `ledger_entries` without `batch` and `n_rows`, then `actual`, the realised log
    return, None where it is unknown. `created_at` and the dates are ISO text. A request of several rows gives one dict
    a row, with the same `forecast_id`, `row` counting from 0.

    The ledger is read in pages by id, so that an export of any length keeps no transaction open and never holds up
    those who write. Entries that come in meanwhile are in it too.

    Args:
        ledger: an open ledger.
        since: only forecasts made at or after this moment: a datetime, or ISO text (`2026-10-30`,
            `2026-10-30T16:00:00+02:00`); UTC where no offset is given.
        pair: only this currency pair.

    Raises:
        SettingError: `since` is no such text.
        LedgerError: the database refuses or cannot be reached.
    """
    after = first_id_at(_moment(since)) if since is not None else ""
    actual = _actuals(ledger)
    page = _page(ledger, entries.c.forecast_id >= after, pair)
    while page:
        for line in page:
            yield from _lines(line, actual)
        page = _page(ledger, entries.c.forecast_id > page[-1]["forecast_id"], pair)


def _page(ledger: Ledger, after: sa.ColumnElement[bool], pair: str | None) -> list[dict[str, Any]]:
    query = sa.select(entries).where(after).order_by(entries.c.forecast_id).limit(_PAGE)
    if pair is not None:
        query = query.where(entries.c.pair == pair)
    with ledger.reading() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _actuals(ledger: Ledger) -> dict[tuple[str, str], float]:
    query = sa.select(outcomes.c.pair, outcomes.c.origin, outcomes.c.actual).order_by(outcomes.c.revision)
    with ledger.reading() as connection:
        return {(pair, origin.isoformat()): actual for pair, origin, actual in connection.execute(query)}


def _lines(line: dict[str, Any], actual: dict[tuple[str, str], float]) -> Iterator[dict[str, Any]]:
    batch, n_rows = line.pop("batch"), line.pop("n_rows")
    line["created_at"] = moment(line["created_at"]).isoformat(timespec="microseconds")
    for name in ("origin", "target_date", "known_through", "trained_through"):
        line[name] = line[name] and line[name].isoformat()
    if batch is None:
        yield {**line, "actual": actual.get((line["pair"], line["origin"]))}
        return
    columns = msgspec.json.decode(batch)
    unknown = [None] * n_rows
    for row in range(n_rows):
        own = {name: columns.get(name, unknown)[row] for name in BATCH_COLUMNS}
        yield {**line, "row": row, **own, "actual": actual.get((line["pair"], own["origin"]))}


def _moment(since: str | datetime) -> datetime:
    try:
        found = since if isinstance(since, datetime) else datetime.fromisoformat(since)
    except ValueError:
        raise SettingError(
            f"since {since!r}: give a day or a moment, such as 2026-10-30 or 2026-10-30T16:00Z"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
