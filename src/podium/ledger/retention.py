"""What goes when its time is over: the oldest entries, first written to a file and read back from it, then deleted."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import msgspec
import sqlalchemy as sa

from podium.errors import LedgerError, SettingError
from podium.ledger.database import Ledger
from podium.ledger.entry import first_id_at
from podium.ledger.export import COLUMNS, actuals, pages, unfolded
from podium.ledger.schema import alarms, daily, days, entries, outcomes


@dataclass(frozen=True, slots=True)
class Pruned:
    """What became of the entries that were made before a moment; one entry is one answer or one shadow.

    Attributes:
        gone: deleted, or, if it was only asked, to be deleted.
        compared: stay, since a settled day rests on them: the first forecast of each model for each day.
        waiting: stay, since the outcome of their day is not known yet: `podium settle` has not seen it.
        free_bytes: room within an SQLite file that new entries will fill; None where the server keeps it for itself.
    """

    gone: int
    compared: int
    waiting: int
    free_bytes: int | None


def prune(
    ledger: Ledger, before: datetime, pair: str | None = None, *, export: Path | None = None, dry_run: bool = False
) -> Pruned:
    """Delete entries that were made before a moment and that nothing needs any more; servers may write meanwhile.

    Outcomes and settled days stay: they are a line a day and model, and the live comparison is made of them alone. What
    `podium daily` did on the days before that moment goes too, and alarms that were over by then and have been told.

    Args:
        ledger: an open ledger.
        before: the moment.
        pair: only entries of this pair.
        export: a new file, for its owner alone, that takes them first, as JSON, one line a forecast. Each page is read
            back from it before its entries go.
        dry_run: count only.

    Raises:
        SettingError: the file is there already, or its folder is not.
        LedgerError: the database refuses or cannot be reached, or the file does not hold what was written to it.
    """
    old = [entries.c.forecast_id < first_id_at(before)] + ([entries.c.pair == pair] if pair is not None else [])
    compared = entries.c.forecast_id.in_(sa.select(days.c.forecast_id))
    known = sa.exists().where(outcomes.c.pair == entries.c.pair, outcomes.c.origin == entries.c.origin)
    waiting = sa.and_(~compared, entries.c.origin.is_not(None), ~known)
    counts = [sa.func.coalesce(sa.func.sum(sa.case((kind, 1), else_=0)), 0) for kind in (compared, waiting)]
    with ledger.reading() as connection:
        if ledger.path is None:
            connection.execute(sa.text("SET LOCAL statement_timeout = 0"))  # millions of entries take their time
        total, n_compared, n_waiting = connection.execute(sa.select(sa.func.count(), *counts).where(*old)).one()
    gone = total - n_compared - n_waiting
    if not dry_run:
        gone = _delete(ledger, (*old, ~compared, ~waiting), export)
        over = sa.and_(
            alarms.c.over_at < round(before.timestamp() * 1e6), alarms.c.owed == "", alarms.c.over_owed == ""
        )
        with ledger.writing() as connection:
            for table, done in ((daily, daily.c.day < before.date()), (alarms, over)):
                connection.execute(sa.delete(table).where(done, *([table.c.pair == pair] if pair is not None else [])))
    return Pruned(gone, n_compared, n_waiting, _free(ledger))


def _delete(ledger: Ledger, wanted: Sequence[sa.ColumnElement[bool]], export: Path | None) -> int:
    gone, actual = 0, actuals(ledger)
    with ExitStack() as stack:
        file = stack.enter_context(_begun(export)) if export else None
        for page in pages(ledger, *wanted):
            if file is not None:
                _append(file, page, actual)
            with ledger.writing() as connection:
                ids = [row[0] for row in page]
                gone += connection.execute(sa.delete(entries).where(entries.c.forecast_id.in_(ids))).rowcount
    return gone


def _begun(path: Path) -> IO[bytes]:
    try:
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "r+b")
    except FileExistsError:
        raise SettingError(f"{path} is there already; give the export a new name") from None
    except FileNotFoundError:
        raise SettingError(f"{path.parent} is not there; make it first") from None


def _append(file: IO[bytes], page: list[Any], actual: dict[tuple[str, str], float]) -> None:
    content = b"".join(_as_json(unfolded(page, actual)))
    at = file.tell()
    file.write(content)
    file.flush()
    os.fsync(file.fileno())
    file.seek(at)
    if file.read() != content:
        raise LedgerError(f"{file.name} does not hold what was written to it; its last entries stay in the ledger")


def _as_json(lines: Iterator[list[Any]]) -> Iterator[bytes]:
    return (msgspec.json.encode(dict(zip(COLUMNS, line, strict=True))) + b"\n" for line in lines)


def _free(ledger: Ledger) -> int | None:
    """Room in the file; its log is moved into it and cut off, unless others are busy with it: then they do it."""
    if ledger.path is None:
        return None
    with ledger.failures("write"), closing(ledger.engine.raw_connection()) as raw:
        cursor = raw.cursor()
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        free, size = (cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_size"))
    return int(free * size)
