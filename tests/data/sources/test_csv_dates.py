import numpy as np
import pytest

from podium.data.sources.csv_dates import parse_dates

DAY = np.datetime64("2026-10-30")


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
    found = parse_dates([cell])
    assert (found.moments.astype("datetime64[D]").tolist(), found.fault) == ([DAY.item()], "")


@pytest.mark.parametrize(
    "cell",
    ["", "2026-13-01", "2026-02-30", "2026-10-3", "2026-10-301", "yesterday", "45960", "31/13/2026", "30 Okt 2026"],
)
def test_what_is_no_date_is_none(cell):
    """Half a date, a day that does not exist and a bare number are not read."""
    assert np.isnat(parse_dates([cell]).moments[0])


@pytest.mark.parametrize(
    ("cell", "clock"),
    [
        ("2026-10-30 23:00:00+00:00", "23:00"),
        ("2026-10-30T21:00:00.000000000Z", "21:00"),
        ("20261030 170000", "17:00"),
        ("30.10.2026 00:00:00.000 GMT+0100", "00:00"),
        ("10/30/2026 9:00 PM", "21:00"),
        ("10/30/2026 12:00:00 AM", "00:00"),
        ("1793394000", "21:00"),
        ("1793394000000", "21:00"),
    ],
)
def test_the_clock_is_read_as_it_is_written(cell, clock):
    """Times of day in all forms, seconds and milliseconds since 1970 among them: the gate of time looks at them."""
    assert str(parse_dates([cell]).moments[0]) == f"2026-10-30T{clock}:00"


def test_the_order_of_day_and_month_is_taken_from_the_column():
    """One cell that proves the order decides for all."""
    assert parse_dates(["03/04/2026", "13/04/2026"]).moments.astype(str).tolist() == [
        "2026-04-03T00:00:00",
        "2026-04-13T00:00:00",
    ]
    assert str(parse_dates(["03/04/2026", "03/13/2026"]).moments[0]) == "2026-03-04T00:00:00"


@pytest.mark.parametrize("cells", [["03/04/2026", "05/04/2026"], ["13/04/2026", "04/13/2026"]])
def test_an_order_without_proof_or_with_two_is_not_guessed(cells):
    """The remedy tells what to write instead."""
    found = parse_dates(cells)
    assert found.fault == "bad_dates"
    assert np.isnat(found.moments).all()
    assert "write dates as 2026-10-30" in found.remedy


@pytest.mark.parametrize(
    "cells",
    [
        ["13/01/2026", "2026-02-01"],
        ["2026-01-13", "20260114"],
        ["2026-01-13", "2026.01.14"],
        ["13.01.2026", "14/01/2026"],
        ["13 Jan 2026", "2026-01-14"],
        ["1793394000", "2026-01-14"],
    ],
)
def test_two_forms_in_one_column_are_refused(cells):
    """What a spreadsheet leaves when it understood half of the dates: both forms are named, neither is read."""
    found = parse_dates([*cells, cells[0]])
    assert found.fault == "mixed_dates"
    assert np.isnat(found.moments).all()
    assert "2 as " in found.remedy
    assert found.shown == (0, 1)
