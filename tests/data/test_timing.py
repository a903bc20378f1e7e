from dataclasses import replace
from datetime import UTC, datetime, time
from types import MappingProxyType
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from podium.data.quality import examine
from podium.data.table import RawTable
from podium.errors import DataError, Fault

DAY, HOUR = np.timedelta64(1, "D"), np.timedelta64(1, "h")


def _faults_of(table: RawTable) -> dict[str, Fault]:
    with pytest.raises(DataError) as caught:
        examine(table)
    return {fault.check: fault for fault in caught.value.faults}


@pytest.fixture
def daily() -> RawTable:
    """A valid table of 600 business days, to five decimals, with highs and lows."""
    rng = np.random.default_rng(11)
    closes = np.round(1.1 * np.exp(np.cumsum(rng.normal(0, 0.005, 600))), 5)
    dates = np.busday_offset("2024-01-01", np.arange(600)).astype("datetime64[D]")
    extras = MappingProxyType({"high": closes + rng.uniform(0.002, 0.004, 600), "low": closes - 0.001})
    return RawTable("EURUSD", dates, closes, "csv", "rates.csv", "Close", extras)


def _without_extras(table: RawTable, dates: np.ndarray, closes: np.ndarray) -> RawTable:
    return replace(table, dates=dates, closes=closes, extras=MappingProxyType({}))


def _with_weekends(table: RawTable, how: str) -> RawTable:
    days = np.arange(table.dates[0], table.dates[-1] + DAY)
    number, known = days.astype(np.int64), table.dates.astype(np.int64)
    filled = {
        "carried": table.closes[np.searchsorted(known, number, side="right") - 1],
        "a line": np.interp(number, known, table.closes),
        "a rounded line": np.round(np.interp(number, known, table.closes), 5),
        "a line of logs": np.exp(np.interp(number, known, np.log(table.closes))),
        "noise": np.interp(number, known, table.closes) * np.random.default_rng(1).normal(1, 0.003, len(days)),
    }[how]
    return _without_extras(table, days, filled)


@pytest.mark.parametrize(
    ("how", "sign"),
    [
        ("carried", "carry Friday's price"),
        ("a line", "on a line from Friday to Monday"),
        ("a rounded line", "on a line from Friday to Monday"),
        ("a line of logs", "on a line from Friday to Monday"),
        ("noise", "no market sets a rate on Saturdays"),
    ],
)
def test_weekends_are_refused_whatever_filled_them(daily, how, sign):
    """Each Saturday and Sunday is counted, and the sign that tells where they come from is named."""
    filled = _with_weekends(daily, how)
    fault = _faults_of(filled)["weekend_days"]
    assert fault.count == len(filled) - len(daily)
    assert sign in fault.remedy
    assert len(examine(filled, allow=["weekend_days"]).series) == len(filled)


def test_a_single_sunday_is_refused(daily):
    """The bar of the evening on which somebody downloaded the file is no day either."""
    sunday = _without_extras(
        daily, np.append(daily.dates, daily.dates[-1] + 2 * DAY), np.append(daily.closes, daily.closes[-1] * 1.0001)
    )
    assert daily.dates[-1].item().weekday() == 4
    assert _faults_of(sunday)["weekend_days"].count == 1


@pytest.mark.parametrize("with_ranges", [True, False])
def test_short_sundays_are_left_out_and_told(daily, with_ranges):
    """Six bars a week, a sixth of them of two hours: the five remain as they were, and a note says what went."""
    before = np.flatnonzero(np.diff(daily.dates) > DAY)  # each Friday
    order = np.argsort(np.append(daily.dates, daily.dates[before] + 2 * DAY), kind="stable")
    dates = np.append(daily.dates, daily.dates[before] + 2 * DAY)[order]
    closes = np.append(daily.closes, daily.closes[before] + 0.0001)[order]
    high = np.append(daily.extras["high"], daily.closes[before] + 0.0003)[order]
    low = np.append(daily.extras["low"], daily.closes[before] - 0.0002)[order]
    extras = {"high": high, "low": low} if with_ranges else {}
    found = examine(replace(daily, dates=dates, closes=closes, extras=MappingProxyType(extras)))
    assert np.array_equal(found.series.dates, daily.dates)
    assert np.array_equal(found.series.closes, daily.closes)
    assert f"{len(before)} Sundays of an hour or two left out ({dates[5]}" in found.notes[0]
    kept = examine(replace(daily, dates=dates, closes=closes, extras=MappingProxyType(extras)), allow=["weekend_days"])
    assert len(kept.series) == len(dates)


def test_sundays_as_large_as_other_days_are_refused(daily):
    """A sixth bar a week that moves like the others is no short Sunday."""
    six = np.array(
        [day for day in np.arange("2024-01-01", "2025-12-01", dtype="datetime64[D]") if day.item().weekday() != 5]
    )
    closes = 1.1 * np.exp(np.cumsum(np.random.default_rng(2).normal(0, 0.005, len(six))))
    assert "weekend_days" in _faults_of(_without_extras(daily, six, closes))


@pytest.mark.parametrize(("shift", "sign"), [(-1, "a day early"), (1, "a day late")])
def test_days_that_are_all_shifted_are_refused(daily, shift, sign):
    """Sundays without Fridays, Saturdays without Mondays: the days alone do not say whether it is meant."""
    faults = _faults_of(replace(daily, dates=daily.dates + shift * DAY))
    assert sign in faults["weekend_days"].remedy
    assert ("Fridays" if shift < 0 else "Mondays") in faults["missing_weekdays"].examples[0]


@pytest.mark.parametrize("clock", ["21:00 or 22:00", "22:00", "21:00"])
def test_bars_stamped_with_their_start_are_moved_and_told(daily, clock):
    """In the evening from Sunday to Thursday only one reading is left: the day that begins then."""
    hours = np.where(np.arange(600) % 2 == 0, int(clock[:2]), int(clock[-5:-3]))
    found = examine(replace(daily, dates=(daily.dates - DAY).astype("datetime64[s]") + hours * HOUR))
    assert np.array_equal(found.series.dates, daily.dates)
    assert f"rows stamped {clock} from Sunday to Thursday" in found.notes[0]


@pytest.mark.parametrize("hours", [[0], [17], [21, 22], [23], [0, 1]])
def test_one_closing_time_is_the_day_it_stands_on(daily, hours):
    """Midnight, five in the afternoon, New York's close in UTC: from Monday to Friday the day is the day."""
    clock = np.take(hours, np.arange(600) // 150 % len(hours)) * HOUR
    found = examine(replace(daily, dates=daily.dates.astype("datetime64[s]") + clock))
    assert np.array_equal(found.series.dates, daily.dates)
    assert found.notes == ()


def test_midnights_of_another_zone_are_refused(daily):
    """London's midnight in UTC: 23:00 of the day before in summer, 00:00 in winter."""
    london = [datetime.combine(day, time(), ZoneInfo("Europe/London")) for day in daily.dates.tolist()]
    moments = np.array([moment.astimezone(UTC).replace(tzinfo=None) for moment in london], dtype="datetime64[s]")
    summer = moments != daily.dates
    fault = _faults_of(replace(daily, dates=moments))["mixed_times"]
    assert fault.count == min(summer.sum(), (~summer).sum())
    assert {example[:5] for example in fault.examples} == {"23:00", "00:00"}
    only_days = _faults_of(replace(daily, dates=moments.astype("datetime64[D]")))
    assert "a day early" in only_days["weekend_days"].remedy


def test_a_bar_that_is_not_over_is_refused(daily):
    """A last row stamped with the time of the download is no close."""
    moments = daily.dates.astype("datetime64[s]")
    moments[-1] += 15 * HOUR
    assert _faults_of(replace(daily, dates=moments))["mixed_times"].count == 1


def test_hours_are_no_days(daily):
    """Several rows a day at different times are told as such."""
    moments = np.arange("2024-01-01", "2024-03-01", dtype="datetime64[h]").astype("datetime64[s]")
    closes = 1.1 * np.exp(np.cumsum(np.random.default_rng(2).normal(0, 0.001, len(moments))))
    assert "mixed_times" in _faults_of(_without_extras(daily, moments, closes))


def test_swapped_days_and_months_are_recognised(daily):
    """Where both are 12 or less a program took one for the other: all weekend days lie before the 13th."""
    days = daily.dates.tolist()
    swapped = [day.replace(month=day.day, day=day.month) if day.day <= 12 else day for day in days]
    dates, first = np.unique(np.array(swapped, dtype="datetime64[D]"), return_index=True)
    assert (
        "day and month are swapped"
        in _faults_of(_without_extras(daily, dates, daily.closes[first]))["weekend_days"].remedy
    )


@pytest.mark.parametrize("weekday", range(5))
def test_a_weekday_that_is_missing_for_months_is_found(daily, weekday):
    """In the whole file or in a stretch of it, whichever weekday."""
    on = np.array([day.weekday() == weekday for day in daily.dates.tolist()])
    for rows in (on, on & (np.arange(600) > 450)):
        fault = _faults_of(_without_extras(daily, daily.dates[~rows], daily.closes[~rows]))["missing_weekdays"]
        name = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays")[weekday]
        assert any(f"0 {name} in 60 rows" in example for example in fault.examples)


@pytest.mark.parametrize("where", ["first", "middle", "last"])
@pytest.mark.parametrize("step", [2, 5])
def test_a_sparse_stretch_is_found_wherever_it_is(daily, where, step):
    """Every fifth or second day instead of every one: the stretch is named with its ends."""
    start = {"first": 0, "middle": 200, "last": 450}[where]
    keep = np.ones(600, dtype=bool)
    keep[start : start + 150] = np.arange(150) % step == 0
    fault = _faults_of(_without_extras(daily, daily.dates[keep], daily.closes[keep]))["not_daily"]
    (stretch,) = fault.examples
    assert abs(np.datetime64(stretch[:10]) - daily.dates[start]) <= 10 * DAY
    assert abs(np.datetime64(stretch[14:24]) - daily.dates[start + 149]) <= 10 * DAY


def test_golden_weeks_and_bank_holidays_are_no_sparse_stretch(daily):
    """Eleven days without a rate, and four more holidays around, happen in real markets."""
    keep = np.ones(600, dtype=bool)
    keep[[290, 295, 309, 314]] = False
    keep[300:307] = False
    assert examine(_without_extras(daily, daily.dates[keep], daily.closes[keep]))


@pytest.mark.parametrize("decimals", [4, 5, 12])
@pytest.mark.parametrize("step", [5, 21])
def test_working_days_filled_in_on_lines_are_found(daily, step, decimals):
    """Weekly or monthly rates spread over the working days between: each such day contains the next quote."""
    known = np.arange(0, 600, step)
    closes = np.round(np.interp(np.arange(600), known, daily.closes[known]), decimals)
    keep = np.arange(600) <= known[-1]
    assert "straight_lines" in _faults_of(_without_extras(daily, daily.dates[keep], closes[keep]))
