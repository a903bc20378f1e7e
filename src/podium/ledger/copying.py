"""Carrying a ledger into another, empty one."""

from __future__ import annotations

import sqlalchemy as sa

from podium.errors import LedgerError
from podium.ledger.database import Ledger
from podium.ledger.schema import entries, metadata

PAGE = 5_000  # rows at a time


def copy(source: Ledger, target: Ledger) -> int:
    """Every row of one ledger, in one transaction; nothing where the other has the same already.

    Returns:
        How many forecasts there are.

    Raises:
        LedgerError: the target has others, or one of them cannot be read or written.
    """
    with source.reading() as old, target.writing() as new:
        counts = [_counts(connection) for connection in (old, new)]
        if any(counts[1].values()) and counts[0] != counts[1]:
            raise LedgerError(f"the ledger {target.name} is not empty; give another with --ledger")
        for table in metadata.sorted_tables if not any(counts[1].values()) else ():
            for rows in old.execution_options(yield_per=PAGE).execute(sa.select(table)).mappings().partitions():
                new.execute(sa.insert(table), [dict(row) for row in rows])
        if _counts(new) != counts[0]:
            raise LedgerError(f"the ledger {target.name} has not what {source.name} has; nothing of it is kept")
    return counts[0][entries.name]


def _counts(connection: sa.Connection) -> dict[str, int]:
    return {
        table.name: int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)
        for table in metadata.sorted_tables
    }
