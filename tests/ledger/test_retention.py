import asyncio
import itertools
import json
import os
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from podium.errors import LedgerError, SettingError
from podium.ledger import Entry, Ledger, LedgerWriter, rows
from podium.ledger.retention import Pruned, prune
from podium.ledger.settled import settled_days
from podium.ledger.settling import settle
from podium.records import Series

Make = Callable[..., Entry]
Write = Callable[[Ledger, Sequence[Entry]], None]

LATER = datetime.now(UTC) + timedelta(hours=1)
DAYS = np.array(["2026-10-29", "2026-10-30", "2026-11-02"], dtype="datetime64[D]")
SERIES = Series("EURUSD", DAYS, np.array([1.0, 1.1, 1.2]), "test")


@pytest.fixture
def filled(ledger: Ledger, make_entry: Make, write: Write) -> Ledger:
    """Three answers of a settled day, two of a day that waits, one that no day belongs to."""
    days = [*["2026-10-29"] * 3, *["2026-11-02"] * 2, None]
    write(ledger, [make_entry(origin=day, known_through=day, request_key=f"{at}") for at, day in enumerate(days)])
    settle(ledger, SERIES, "v1")
    return ledger


def test_what_is_still_needed_stays(filled: Ledger) -> None:
    """Entries without a day and further answers of a settled day go; what is compared or not settled yet stays."""
    compared = settled_days(filled, "EURUSD")
    found = prune(filled, LATER)
    assert (found.gone, found.compared, found.waiting) == (3, 1, 2)
    assert [line["request_key"] for line in rows(filled)] == ["0", "3", "4"]
    assert settled_days(filled, "EURUSD") == compared
    assert prune(filled, LATER).gone == 0


def test_a_revised_rate_counts_after_the_entries_are_gone(filled: Ledger) -> None:
    """The comparison follows a revision of a day of which no entry is left."""
    prune(filled, LATER)
    with filled.writing() as connection:
        connection.execute(sa.text("DELETE FROM ledger_entries"))
    settle(filled, Series("EURUSD", DAYS, np.array([1.0, 1.3, 1.2]), "test"), "v2")
    assert [day.actual for day in settled_days(filled, "EURUSD")] == [pytest.approx(np.log(1.3))]


def test_the_export_holds_all_that_goes(ledger: Ledger, make_entry: Make, write: Write, tmp_path: Path) -> None:
    """More entries than a page, a batch among them, are in the file as `podium ledger` prints them, before they go."""
    batch = {"forecast": 0.1, "n_rows": 2, "batch": '{"forecast":[0.1,0.2]}', "origin": None, "target_date": None}
    write(ledger, [*(make_entry(origin=None, request_key="é\x1b") for _ in range(2500)), make_entry(**batch)])
    before, file = list(rows(ledger)), tmp_path / "old.jsonl"
    assert prune(ledger, LATER, export=file).gone == 2501
    assert [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] == before
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(rows(ledger)) == []
    with pytest.raises(SettingError, match="there already"):
        prune(ledger, LATER, export=file)


def test_what_cannot_be_read_back_stays(
    sqlite_ledger: Ledger, make_entry: Make, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the file does not hold what was written to it, nothing is deleted."""
    write(sqlite_ledger, [make_entry(origin=None)])
    monkeypatch.setattr("podium.ledger.retention.os.fsync", lambda number: os.ftruncate(number, 10))
    with pytest.raises(LedgerError, match="does not hold"):
        prune(sqlite_ledger, LATER, export=tmp_path / "old.jsonl")
    assert len(list(rows(sqlite_ledger))) == 1


@pytest.mark.parametrize("kind", ["younger", "another pair", "only counted"])
def test_what_is_not_meant_stays(sqlite_ledger: Ledger, make_entry: Make, write: Write, kind: str) -> None:
    """Younger entries, other pairs, and everything in a dry run are left alone."""
    write(sqlite_ledger, [make_entry(at=datetime.now(UTC), origin=None)])
    given = {
        "younger": {"before": LATER - timedelta(hours=2)},
        "another pair": {"pair": "EURJPY"},
        "only counted": {"dry_run": True},
    }[kind]
    assert prune(sqlite_ledger, **{"before": LATER, **given}).gone == (kind == "only counted")
    assert len(list(rows(sqlite_ledger))) == 1


def test_a_server_writes_meanwhile(ledger: Ledger, make_entry: Make, write: Write) -> None:
    """Pruning beside a writer loses none of its entries, and deletes all that are old."""
    write(ledger, [make_entry(origin=None) for _ in range(6000)])
    moment, found = datetime.now(UTC), list[Pruned]()
    pruning = threading.Thread(target=lambda: found.append(prune(ledger, moment)))

    async def serve() -> int:
        async with LedgerWriter(ledger) as writer:
            pruning.start()
            for count in itertools.count(1):
                await writer.submit(
                    [make_entry(at=datetime.now(UTC) + timedelta(hours=1), origin=None, request_key="new")]
                )
                if not pruning.is_alive():
                    return count
        raise AssertionError

    written = asyncio.run(serve())
    assert found[0].gone >= 5999  # one may bear the millisecond in which pruning began
    assert sum(line["request_key"] == "new" for line in rows(ledger)) == written


def test_the_log_is_cut_off_and_the_room_is_told(sqlite_ledger: Ledger, make_entry: Make, write: Write) -> None:
    """Afterwards the write-ahead log is empty, and the room in the file is known."""
    write(sqlite_ledger, [make_entry(origin=None) for _ in range(3000)])
    found = prune(sqlite_ledger, LATER)
    assert found.free_bytes is not None
    assert found.free_bytes > 500_000
    assert Path(f"{sqlite_ledger.path}-wal").stat().st_size == 0
