"""Files as people published them, made anew from the ECB's rates: each is read rightly, or refused by its name."""

from collections.abc import Callable
from datetime import UTC, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from podium.data.fetch import fetch_series
from podium.data.sources.ecb import bundled_table
from podium.errors import DataError
from podium.records import Series

DAYS = 600
DAY = np.timedelta64(1, "D")


def _rates(pair: str, days: int = DAYS) -> Series:
    raw = bundled_table().pair(pair, "ecb")
    return Series(pair, raw.dates[-days:], raw.closes[-days:], "ecb")


EURUSD, GBPUSD, USDJPY = _rates("EURUSD"), _rates("GBPUSD"), _rates("USDJPY")
WHOLE = _rates("EURUSD", 8000)


def _file(header: str, row: str, series: Series = EURUSD, dates: np.ndarray | None = None) -> str:
    """A file with `{d}` and `{c}` in each row for the day and the close."""
    days = series.dates if dates is None else dates
    return "\n".join([header, *(row.format(d=d, c=c) for d, c in zip(days, series.closes.tolist(), strict=True)), ""])


def _swapped(in_order: bool) -> str:
    days = [d.replace(month=d.day, day=d.month) if d.day <= 12 else d for d in EURUSD.dates.tolist()]
    rows = [f"{day},{close}" for day, close in dict(zip(days, EURUSD.closes.tolist(), strict=True)).items()]
    return "\n".join(["Date,Close", *(sorted(rows) if in_order else rows)])


def _london() -> str:
    london = [datetime.combine(day, time(), ZoneInfo("Europe/London")) for day in EURUSD.dates.tolist()]
    return _file("Date,Close", "{d},{c}", dates=np.array([str(moment.astimezone(UTC)) for moment in london]))


def _new_york() -> str:
    opens = [datetime.combine(d, time(17), ZoneInfo("America/New_York")) for d in (EURUSD.dates - DAY).tolist()]
    stamps = [moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000000000Z") for moment in opens]
    return _file("time,open,high,low,close,volume", "{d},9,9,9,{c},1", dates=np.array(stamps))


def _sundays() -> str:
    lines = ["<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>"]
    for day, close in zip(EURUSD.dates.tolist(), EURUSD.closes.tolist(), strict=True):
        if day.weekday() == 0:
            sunday = (np.datetime64(day) - DAY).item()
            lines.append(f"{sunday:%Y.%m.%d}\t9\t{close + 0.0003:.5f}\t{close - 0.0001:.5f}\t{close + 0.0001:.5f}\t7")
        lines.append(f"{day:%Y.%m.%d}\t9\t{close + 0.004:.5f}\t{close - 0.004:.5f}\t{close:.5f}\t100")
    return "\n".join(lines)


def _interpolated() -> str:
    days = np.arange(EURUSD.dates[0], EURUSD.dates[-1] + DAY)
    closes = np.interp(days.astype(int), EURUSD.dates.astype(int), EURUSD.closes)
    return _file("Date,Close", "{d},{c:.6f}", Series("EURUSD", days, closes, "x"))


def _weekly_then_daily() -> str:
    friday = np.array([day.weekday() == 4 for day in WHOLE.dates.tolist()])
    keep = friday | (np.datetime64("2011-01-01") <= WHOLE.dates)
    return _file("Date,Close", "{d},{c}", Series("EURUSD", WHOLE.dates[keep], WHOLE.closes[keep], "x"))


INDEX = Series("EURUSD", EURUSD.dates, 11000 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.003, DAYS))), "x")
BESIDE_STERLING = "\n".join(
    ["Date,USD,JPY", *(f"{d},{c},{c * 150}" for d, c in zip(GBPUSD.dates, GBPUSD.closes.tolist(), strict=True))]
)
NORGES = "FREQ;BASE_CUR;Base Currency;QUOTE_CUR;Quote Currency;TENOR;Tenor;UNIT_MULT;TIME_PERIOD;OBS_VALUE"

REFUSED: dict[str, tuple[Callable[[], str], str, str]] = {
    "columns shifted": (lambda: _file("Date,Open,High,Low,Close", "{d},00:00,9,9,9,{c}"), "ragged_rows", "6 cells"),
    "columns twice": (lambda: _file("Date,Close,Close,High,High", "{d},1.3,{c},1.3,9"), "columns_twice", "'Close'"),
    "columns two dates": (lambda: _file("Date,Close,High", "{d},20240627,{c},9"), "ragged_rows", "4 cells"),
    "dates swapped, ISO": (lambda: _swapped(in_order=False), "weekend_days", "day and month are swapped"),
    "dates swapped, sorted": (lambda: _swapped(in_order=True), "weekend_days", "day and month are swapped"),
    "an index": (lambda: _file("Date,Close,Adj Close", "{d},{c},{c}", INDEX), "other_level", "times EURUSD and no"),
    "BIS": (
        lambda: _file("FREQ,REF_AREA,CURRENCY,TIME_PERIOD,OBS_VALUE", "D,XM,EUR,{d},{c}", _rates("USDEUR")),
        "other_level",
        "this is USDEUR",
    ),
    "a broker's suffix": (lambda: _file("Date,Symbol,Close", "{d},GBPUSDm,{c}", GBPUSD), "other_pair", "--pair GBPUSD"),
    "a table beside sterling": (lambda: BESIDE_STERLING, "other_level", "this is GBPUSD"),
    "Norges Bank": (
        lambda: _file(NORGES, "B;GBP;Pound sterling;NOK;Krone;SP;Spot;0;{d};{c}", GBPUSD),
        "other_pair",
        "--pair GBPNOK",
    ),
    "other column names": (lambda: _file("Date,Currency Pair,Close", "{d},GBP/USD,{c}", GBPUSD), "other_pair", "GBP"),
    "London in UTC": (_london, "mixed_times", "23:00 in"),
    "weekends interpolated": (_interpolated, "weekend_days", "on a line from Friday to Monday"),
    "weekly, then daily": (_weekly_then_daily, "not_daily", "1999-01-08 to 2010-12-31"),
}
READ: dict[str, tuple[Callable[[], str], str]] = {
    "a comment with commas": (lambda: _file("# EUR/USD, daily, by me, thanks\nDate;Close", "{d};{c}"), ""),
    "Excel's sep=": (lambda: _file("sep=;\nDatum;Schlusskurs", "{d};{c}").replace(".", ","), ""),
    "bars stamped with their start": (_new_york, "21:00 or 22:00 from Sunday to Thursday"),
    "short Sundays": (_sundays, "Sundays of an hour or two left out"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_file_that_is_not_what_it_says_is_refused(kind, settings):
    """One line names the file, the check, examples and the remedy; nothing passes with exit code 0."""
    make, check, words = REFUSED[kind]
    Path("rates.csv").write_text(make())
    with pytest.raises(DataError) as caught:
        fetch_series(settings(source="csv:rates.csv"))
    fault = next(fault for fault in caught.value.faults if fault.check == check)
    assert fault.where == "rates.csv"
    assert words in fault.describe()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", READ)
def test_a_file_with_one_reading_is_read(kind, settings):
    """The series is the ECB's, day by day, and what was done is told."""
    make, told = READ[kind]
    Path("rates.csv").write_text(make())
    fetched = fetch_series(settings(source="csv:rates.csv"))
    assert np.array_equal(fetched.series.dates, EURUSD.dates)
    np.testing.assert_allclose(fetched.series.closes, EURUSD.closes, atol=1e-6)
    assert [told in note for note in fetched.notes] == ([True] if told else [])


@pytest.mark.parametrize("name", ["GBPUSD_Daily.csv", "rates.csv"])
def test_another_pair_in_a_plain_file_is_named(name, settings):
    """By the file's name, or where that says nothing by the rates themselves."""
    Path(name).write_text(_file("Date,Close", "{d},{c}", GBPUSD))
    with pytest.raises(DataError, match=r"(take --pair GBPUSD|this is GBPUSD)"):
        fetch_series(settings(source=f"csv:{name}"))
    assert fetch_series(settings(source=f"csv:{name}", pair="GBPUSD"))


@pytest.mark.parametrize("header", ["Date,Close", "Date,Close,Volume"])
def test_a_decimal_comma_that_split_a_cell_is_refused(header, settings):
    """Under a header of two names the rows do not fit; under one of three the prices are whole yen."""
    Path("rates.csv").write_text(_file(header, "{d},{c:.3f}", USDJPY).replace(".", ","))
    with pytest.raises(DataError, match=r"(ragged_rows|coarse)"):
        fetch_series(settings(source="csv:rates.csv", pair="USDJPY"))
