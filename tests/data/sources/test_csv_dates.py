from datetime import date

import pytest

from podium.data.sources.csv_dates import parse_dates

DAY = date(2026, 10, 30)


@pytest.mark.parametrize(
    "cell",
    [
        "2026-10-30",
        "2026-10-30 00:00:00",
        "2026-10-30 00:00:00+00:00",
        "2026-10-30T23:59:59Z",
        "20261030",
        "2026/10/30",
        "2026.10.30",
        "30 Oct 2026",
        "Oct 30, 2026",
        "30 October 2026",
        "30-Oct-2026",
        "30/10/2026",
        "10/30/2026",
        "30.10.2026",
    ],
)
def test_a_date_that_can_mean_one_day_only_is_read(cell):
    """ISO dates with or without a time, names of months, and numbers that prove their own order."""
    assert parse_dates([cell]) == ([DAY], "")


@pytest.mark.parametrize(
    "cell", ["", "2026-13-01", "2026-02-30", "2026-10-3", "202610301", "yesterday", "45960", "31/13/2026"]
)
def test_what_is_no_date_is_none(cell):
    """Half a date, a day that does not exist and a bare number are not read."""
    assert parse_dates([cell])[0] == [None]


def test_the_order_of_day_and_month_is_taken_from_the_column():
    """One cell that proves the order decides for all."""
    assert parse_dates(["03/04/2026", "13/04/2026"])[0] == [date(2026, 4, 3), date(2026, 4, 13)]
    assert parse_dates(["03/04/2026", "03/13/2026"])[0] == [date(2026, 3, 4), date(2026, 3, 13)]


@pytest.mark.parametrize("cells", [["03/04/2026", "05/04/2026"], ["13/04/2026", "04/13/2026"]])
def test_an_order_without_proof_or_with_two_is_not_guessed(cells):
    """The remedy tells what to write instead."""
    found, remedy = parse_dates([*cells, "2026-10-30"])
    assert found == [None, None, DAY]
    assert "write dates as 2026-10-30" in remedy
