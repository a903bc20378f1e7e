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
from podium.ledger.schema import days, entries, outcomes

_OWN = [column for column in entries.columns if column.name not in {"batch", "n_rows"}]
OLD_NAME = "experiment"  # of the A/B test: in the tables, and once more behind what is exported in this release
COLUMNS = (*("ab_test" if column.name == OLD_NAME else column.name for column in _OWN), "actual", OLD_NAME)
"""Names of what `rows` gives, in order."""

_AT = {name: at for at, name in enumerate(COLUMNS)}
_PAGE = 2_000
# Days as the database has them, text: to make objects of them and text again took longer than all the reading.
_QUERY = sa.select(
    *(sa.cast(column, sa.Text) if isinstance(column.type, sa.Date) else column for column in _OWN), entries.c.batch
).order_by(entries.c.forecast_id)


def rows(ledger: Ledger, since: str | datetime | None = None, pair: str | None = None) -> Iterator[dict[str, Any]]:
    """Every forecast in the order of time, one plain dict each: what `podium ledger` prints.

    The keys are `COLUMNS`: those of `ledger_entries` without `batch` and `n_rows`, then `actual`, the realised log
    return, None where it is unknown, then the A/B test under its old name. `created_at` and the dates are ISO text. A
    request of several rows gives one dict a row, with the same `forecast_id`, `row` counting from 0.

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
    return (dict(zip(COLUMNS, line, strict=True)) for line in lines(ledger, since, pair))


def served(ledger: Ledger) -> set[tuple[str, int, str | None]]:
    """Every model that the ledger refers to: registered model, version and, if known, run.

    Raises:
        LedgerError: the database refuses or cannot be reached.
    """
    columns = entries.c.model_name, entries.c.model_version, entries.c.run_id
    with ledger.reading() as connection:
        answered = connection.execute(sa.select(*columns).distinct()).all()
        settled = connection.execute(sa.select(days.c.model_name, days.c.model_version).distinct()).all()
    return {(str(name), int(version), run_id) for name, version, run_id in answered} | {
        (str(name), int(version), None) for name, version in settled
    }


def lines(ledger: Ledger, since: str | datetime | None = None, pair: str | None = None) -> Iterator[list[Any]]:
    """The values of `rows`, which a table takes as they are."""
    wanted = [entries.c.forecast_id >= first_id_at(moment_of(since))] if since is not None else []
    if pair is not None:
        wanted.append(entries.c.pair == pair)
    actual = actuals(ledger)
    for page in pages(ledger, *wanted):
        yield from unfolded(page, actual)


def pages(ledger: Ledger, *wanted: sa.ColumnElement[bool]) -> Iterator[list[Any]]:
    """Entries in the order of time, a few thousand at once; each page is a transaction of its own."""
    after = ""
    while True:
        with ledger.reading() as connection:
            found: Any = connection.execute(_QUERY.where(entries.c.forecast_id > after, *wanted).limit(_PAGE))
            page = found.cursor.fetchall()  # rows as the driver makes them, in half the time
        if page:
            yield page
        if len(page) < _PAGE:
            return
        after = page[-1][0]


def actuals(ledger: Ledger) -> dict[tuple[str, str], float]:
    """The realised log returns by pair and origin, of the last revision each."""
    query = sa.select(outcomes.c.pair, outcomes.c.origin, outcomes.c.actual).order_by(outcomes.c.revision)
    with ledger.reading() as connection:
        return {(pair, origin.isoformat()): actual for pair, origin, actual in connection.execute(query)}


def unfolded(page: list[Any], actual: dict[tuple[str, str], float]) -> Iterator[list[Any]]:
    """The lines of these entries."""
    names = ("created_at", "pair", "ab_test", "origin", "shadow", "forced")
    created_at, pair, ab_test, origin, shadow, forced = map(COLUMNS.index, names)
    for *line, batch in page:
        line[created_at] = moment(line[created_at]).isoformat(timespec="microseconds")
        line[shadow], line[forced] = bool(line[shadow]), bool(line[forced])
        for own in _of_batch(line, batch) if batch else (line,):
            own += [actual.get((own[pair], own[origin])), own[ab_test]]
            yield own


def _of_batch(line: list[Any], batch: str) -> Iterator[list[Any]]:
    columns = msgspec.json.decode(batch)
    described = line[_AT["row"]]
    for row in range(len(columns["forecast"])):
        own = [*line]
        own[_AT["row"]] = row
        for name in BATCH_COLUMNS:
            if name in columns or row != described:
                own[_AT[name]] = columns[name][row] if name in columns else None
        yield own


def moment_of(text: str | datetime, name: str = "since") -> datetime:
    """A day or a moment as people write it; UTC where no offset is given.

    Raises:
        SettingError: it cannot be read.
    """
    try:
        found = text if isinstance(text, datetime) else datetime.fromisoformat(text)
    except ValueError:
        raise SettingError(
            f"{name} {text!r}: give a day or a moment, such as 2026-10-30 or 2026-10-30T16:00Z"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
