"""Days of the routine in the ledger: one at a time, one line a day, each forecast once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from podium.ledger.database import Ledger
from podium.ledger.day_log import UNFINISHED, alone, begin, end, read, write_down
from podium.ledger.retention import prune
from podium.ledger.schema import entries
from podium.records import DataVersion, Interval, NextDay

MONDAY, TUESDAY = date(2026, 10, 19), date(2026, 10, 20)


@pytest.fixture
def opened(address: str) -> Iterator[Ledger]:
    """An open ledger, on SQLite and on PostgreSQL."""
    ledger = Ledger.open(address)
    yield ledger
    ledger.close()


def test_one_alone_does_a_pair(opened: Ledger, address: str) -> None:
    """Whoever comes second is told so, another pair is nobody's, and who has ended leaves it to the next."""
    other = Ledger.open(address)
    with alone(opened, "EURUSD") as first, alone(other, "EURUSD") as second, alone(other, "GBPUSD") as elsewhere:
        assert (first, second, elsewhere) == (True, False, True)
    with alone(other, "EURUSD") as later:
        assert later
    other.close()


def test_a_day_is_one_line(opened: Ledger) -> None:
    """It is unfinished until it is ended; a look that finds nothing to do leaves what was done, and is counted."""
    begin(opened, "EURUSD", MONDAY, "ann")
    (under_way,) = read(opened)
    assert (under_way.result, under_way.ended_at) == (UNFINISHED, None)
    end(opened, "EURUSD", MONDAY, "done", [{"step": "rates"}])
    begin(opened, "EURUSD", MONDAY, "bob")
    end(opened, "EURUSD", MONDAY, "nothing to do", None)
    (day,) = read(opened, "EURUSD")
    assert (day.result, day.looks, day.holder, day.steps) == ("done", 2, "bob", ({"step": "rates"},))
    assert day.begun_at <= day.ended_at


def test_days_are_read_newest_first_and_go_with_the_rest(opened: Ledger) -> None:
    """Of one pair or of all, no more than asked for; those before a moment go when the ledger is pruned."""
    for pair, day in (("EURUSD", MONDAY), ("EURUSD", TUESDAY), ("GBPUSD", TUESDAY)):
        begin(opened, pair, day, "ann")
    assert [(day.pair, day.day) for day in read(opened)] == [
        ("EURUSD", TUESDAY), ("GBPUSD", TUESDAY), ("EURUSD", MONDAY)
    ]  # fmt: skip
    assert [day.day for day in read(opened, "EURUSD", 1)] == [TUESDAY]
    prune(opened, datetime(2026, 10, 20, tzinfo=UTC))
    assert [day.day for day in read(opened, "EURUSD")] == [TUESDAY]


def test_a_forecast_is_written_down_once(opened: Ledger) -> None:
    """The same alias, model and day again adds nothing; another alias or version does."""
    interval = Interval(
        origin=MONDAY, reach={"lower_95": 0.01, "upper_95": 0.02}, sigma=0.005, df=5, volatility_model="x"
    )
    made = NextDay(
        pair="EURUSD", origin=MONDAY, target_date=TUESDAY, close=1.1, forecast=0.001, interval=interval,
        model_name="EURUSD_LSTM", model_version=1, data_version=DataVersion.parse("ecb-EURUSD-2026-10-19-0a1b2c3d"),
    )  # fmt: skip
    one, other = ("champion", made, "run", MONDAY), ("challenger", made, "run", MONDAY)
    assert write_down(opened, [one], MONDAY) == 1
    assert write_down(opened, [one, other], TUESDAY) == 1
    with opened.reading() as connection:
        rows = connection.execute(sa.select(entries).order_by(entries.c.forecast_id)).mappings().all()
    assert [(row["arm"], row["shadow"], row["known_through"]) for row in rows] == [
        ("champion", False, MONDAY), ("challenger", True, TUESDAY)
    ]  # fmt: skip
    assert (rows[0]["lower"], rows[0]["upper"]) == pytest.approx((-0.009, 0.021))
