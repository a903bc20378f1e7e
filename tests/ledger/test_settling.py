import threading
from collections.abc import Callable, Sequence
from dataclasses import astuple
from datetime import date

import numpy as np
import pytest
import sqlalchemy as sa

from podium.ledger import Entry, Ledger
from podium.ledger.schema import days, outcomes
from podium.ledger.settling import Settlement, settle
from podium.records import Series

Make = Callable[..., Entry]
Write = Callable[[Ledger, Sequence[Entry]], None]

WEEK = ("2026-10-26", "2026-10-27", "2026-10-28", "2026-10-29", "2026-10-30")


def series(closes: Sequence[float], dates: Sequence[str] = WEEK) -> Series:
    """The first days of a week of closes."""
    return Series("EURUSD", np.array(dates[: len(closes)], dtype="datetime64[D]"), np.array(closes), "test")


def revisions(ledger: Ledger) -> list[tuple[date, int, date, float, str]]:
    """Every recorded outcome, with all its revisions."""
    columns = (
        outcomes.c.origin,
        outcomes.c.revision,
        outcomes.c.target_date,
        outcomes.c.actual,
        outcomes.c.data_version,
    )
    with ledger.reading() as connection:
        query = sa.select(*columns).order_by(outcomes.c.origin, outcomes.c.revision)
        return [tuple(row) for row in connection.execute(query)]


def first_forecasts(ledger: Ledger) -> list[dict[str, object]]:
    """The forecasts kept for comparisons."""
    with ledger.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(days).order_by(days.c.forecast_id)).mappings()]


def test_each_origin_gets_its_return(ledger: Ledger, make_entry: Make, write: Write) -> None:
    """An origin is joined with the log return to the next close; the last day waits, an unknown day is counted."""
    origins = ("2026-10-26", "2026-10-28", "2026-10-29", "2026-10-25", None)
    write(ledger, [make_entry(origin=origin, known_through=origin) for origin in origins])
    assert settle(ledger, series([1.0, 1.1, 1.2, 1.3]), "v1") == Settlement(2, 0, 0, waiting=1, unknown=1)
    assert revisions(ledger) == [
        (date(2026, 10, 26), 0, date(2026, 10, 27), pytest.approx(np.log(1.1)), "v1"),
        (date(2026, 10, 28), 0, date(2026, 10, 29), pytest.approx(np.log(1.3 / 1.2)), "v1"),
    ]


def test_settling_again_changes_nothing(ledger: Ledger, make_entry: Make, write: Write) -> None:
    """A second settling of the same rates records nothing, even under another data version."""
    write(ledger, [make_entry(origin=origin, known_through=origin) for origin in WEEK[:3]])
    settle(ledger, series([1.0, 1.1, 1.2]), "v1")
    before = revisions(ledger), first_forecasts(ledger)
    assert settle(ledger, series([1.0, 1.1, 1.2]), "v2") == Settlement(0, 0, 2, waiting=1, unknown=0)
    assert (revisions(ledger), first_forecasts(ledger)) == before


def test_a_revised_close_adds_two_revisions(ledger: Ledger, make_entry: Make, write: Write) -> None:
    """A corrected close changes the return into it and the one out of it; the old values stay on record."""
    write(ledger, [make_entry(origin=origin, known_through=origin) for origin in WEEK[:4]])
    settle(ledger, series([1.0, 1.1, 1.2, 1.3]), "v1")
    assert settle(ledger, series([1.0, 1.1, 1.25, 1.3]), "v2") == Settlement(0, 2, 1, waiting=1, unknown=0)
    found = revisions(ledger)
    assert [(origin.day, revision, version) for origin, revision, _, _, version in found] == [
        (26, 0, "v1"), (27, 0, "v1"), (27, 1, "v2"), (28, 0, "v1"), (28, 1, "v2"),
    ]  # fmt: skip
    assert found[2][3] == pytest.approx(np.log(1.25 / 1.1))


@pytest.mark.parametrize("late", [1.1, 1.2])
def test_a_day_that_comes_in_late(ledger: Ledger, make_entry: Make, write: Write, late: float) -> None:
    """When a missing day turns up, the return of the day before ends there, as a revision, even at the same close."""
    write(ledger, [make_entry(origin="2026-10-26", known_through="2026-10-26")])
    settle(ledger, series([1.0, 1.2], (WEEK[0], WEEK[2])), "v1")
    assert settle(ledger, series([1.0, late, 1.2]), "v2").revised == 1
    assert [(row[2].day, row[3]) for row in revisions(ledger)] == [
        (28, pytest.approx(np.log(1.2))),
        (27, pytest.approx(np.log(late))),
    ]


def test_the_first_forecast_of_a_day_counts(ledger: Ledger, make_entry: Make, write: Write) -> None:
    """Of many requests for a day each model keeps its first forecast, with the number of answers and shadows."""
    made = [make_entry(forecast=0.001 * number) for number in range(1, 4)]
    shadows = [make_entry(arm="challenger", model_name="EURUSD_ARIMA", shadow=True, forecast=-0.001) for _ in range(2)]
    write(ledger, [*made, *shadows, make_entry(model_version=4, forecast=0.5)])
    settle(ledger, series([1.0, 1.01], ("2026-10-30", "2026-11-02")), "v1")
    kept = first_forecasts(ledger)
    assert [
        (row["model_name"], row["model_version"], row["forecast"], row["answers"], row["shadows"]) for row in kept
    ] == [
        ("EURUSD_LSTM", 3, 0.001, 3, 0),
        ("EURUSD_ARIMA", 3, -0.001, 0, 2),
        ("EURUSD_LSTM", 4, 0.5, 1, 0),
    ]


def test_looking_back_is_no_forecast(ledger: Ledger, make_entry: Make, write: Write) -> None:
    """A forecast by a server that held the outcome, or cannot say what it held, is settled but never compared."""
    write(
        ledger,
        [make_entry(origin="2026-10-28", known_through=known) for known in ("2026-10-29", "2026-10-30", None)],
    )
    assert settle(ledger, series([1.0, 1.1, 1.2, 1.3]), "v1").new == 1
    assert first_forecasts(ledger) == []


@pytest.mark.parametrize("trained", ["2026-10-29", "2026-10-30", None])
def test_a_model_that_was_fitted_on_the_outcome_proves_nothing(
    ledger: Ledger, make_entry: Make, write: Write, trained: str | None
) -> None:
    """A forecast by a model fitted on later days, or on days nobody knows, is settled but never compared."""
    common = {"origin": "2026-10-28", "known_through": "2026-10-28"}
    write(ledger, [make_entry(**common, trained_through=trained)])
    honest = make_entry(**common, trained_through="2026-10-28", model_version=2)
    write(ledger, [honest])
    assert settle(ledger, series([1.0, 1.1, 1.2, 1.3]), "v1").new == 1
    assert [(row["forecast_id"], row["trained_through"]) for row in first_forecasts(ledger)] == [
        (honest.forecast_id, date(2026, 10, 28))
    ]


def test_a_forecast_after_the_outcome_is_too_late(ledger: Ledger, make_entry: Make, write: Write) -> None:
    """What is asked of a day once its outcome is recorded does not join the comparison, even after a revision."""
    write(ledger, [make_entry(origin="2026-10-26", known_through="2026-10-26", forecast=0.001)])
    settle(ledger, series([1.0, 1.1]), "v1")
    write(ledger, [make_entry(origin="2026-10-26", known_through="2026-10-26", model_name="EURUSD_ARIMA")])
    settle(ledger, series([1.0, 1.2]), "v2")
    assert [row["model_name"] for row in first_forecasts(ledger)] == ["EURUSD_LSTM"]


def test_pairs_do_not_mix(ledger: Ledger, make_entry: Make, write: Write) -> None:
    """A series settles its own pair only."""
    write(ledger, [make_entry(origin="2026-10-26", pair="EURJPY")])
    assert settle(ledger, series([1.0, 1.1]), "v1") == Settlement(0, 0, 0, 0, 0)


def test_two_settle_at_once(ledger: Ledger, make_entry: Make, write: Write) -> None:
    """Of two that settle the same days at the same time each outcome is recorded once, and counted once."""
    write(ledger, [make_entry(origin=origin, known_through=origin) for origin in WEEK[:4]])
    together = threading.Barrier(2)
    results: list[Settlement] = []

    def run() -> None:
        together.wait()
        results.append(settle(ledger, series([1.0, 1.1, 1.2, 1.3, 1.4]), "v1"))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(np.array([astuple(result) for result in results])[:, 0]) == 4
    assert len(revisions(ledger)) == len(first_forecasts(ledger)) == 4
