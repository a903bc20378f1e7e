"""What must hold for every history of late and revised rates."""

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podium.ledger import Entry, Ledger, LedgerWriter, new_id
from podium.ledger.schema import outcomes
from podium.ledger.settling import settle
from podium.records import Series

N_DAYS = 8
CALENDAR = np.arange("2026-10-01", N_DAYS, dtype="datetime64[D]")

# What the provider says at one time: how many days are out, which are missing, and a few closes that differ.
editions = st.tuples(
    st.integers(2, N_DAYS),
    st.sets(st.integers(1, N_DAYS - 1), max_size=2),
    st.dictionaries(st.integers(0, N_DAYS - 1), st.sampled_from([0.9, 1.3]), max_size=2),
)


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated ledger to copy, with one forecast for each day."""
    path = tmp_path_factory.mktemp("blank") / "ledger.db"
    ledger = Ledger.open(path)

    async def fill() -> None:
        async with LedgerWriter(ledger) as writer:
            for day in CALENDAR.astype(str).tolist():
                identity, now = new_id()
                await writer.submit(
                    [
                        Entry(identity, identity, now, "EURUSD", "default", "champion", False, False, "EURUSD_LSTM", 1,
                              None, "key", 0.001, origin=day, known_through=day, trained_through=day)
                    ]
                )  # fmt: skip

    asyncio.run(fill())
    with ledger.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    ledger.close()
    return path


def edition(n_days: int, missing: set[int], changes: dict[int, float]) -> Series:
    """The series as the provider gives it at one time."""
    closes = 1 + np.arange(N_DAYS) / 100
    for day, factor in changes.items():
        closes[day] *= factor
    kept = [day for day in range(n_days) if day not in missing]
    return Series("EURUSD", CALENDAR[kept], closes[kept], "test")


def recorded(ledger: Ledger) -> dict[tuple[object, int], tuple[object, float]]:
    """All outcomes by origin and revision."""
    with ledger.reading() as connection:
        rows = connection.execute(sa.select(outcomes))
        return {(row.origin, row.revision): (row.target_date, row.actual) for row in rows}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(editions, min_size=1, max_size=4))
def test_the_ledger_follows_the_series(
    blank: Path, tmp_path: Path, history: Sequence[tuple[int, set[int], dict[int, float]]]
) -> None:
    """After each settling the last revisions are the series' returns, nothing was rewritten, and again is idle."""
    ledger = Ledger.open(shutil.copyfile(blank, tmp_path / "ledger.db"))
    before: dict[tuple[object, int], tuple[object, float]] = {}
    for version, shape in enumerate(history):
        series = edition(*shape)
        done = settle(ledger, series, f"v{version}")
        after = recorded(ledger)
        assert before.items() <= after.items()
        assert len(after) - len(before) == done.new + done.revised
        last = {origin: after[origin, revision] for origin, revision in sorted(after)}
        dates, logs = series.dates.tolist(), np.log(series.closes)
        for index, origin in enumerate(dates[:-1]):
            assert last[origin][0] == dates[index + 1]
            assert last[origin][1] == pytest.approx(logs[index + 1] - logs[index], abs=1e-11)
        again = settle(ledger, series, "again")
        assert (again.new, again.revised) == (0, 0)
        assert recorded(ledger) == after
        before = after
    ledger.close()
    for path in tmp_path.iterdir():
        path.unlink()
