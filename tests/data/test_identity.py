from itertools import permutations
from types import MappingProxyType

import numpy as np
import pytest

from podium.data.identity import identify
from podium.data.quality import examine
from podium.data.sources.ecb import bundled_table
from podium.data.sources.ecb_table import EcbTable
from podium.data.table import RawTable
from podium.errors import DataError, Fault

PAIRS = ("EURUSD", "USDJPY", "GBPUSD", "EURDKK", "USDHKD", "USDTRY", "USDCNY", "EURCHF", "AUDNZD", "USDIDR")


@pytest.fixture(scope="session")
def ecb() -> EcbTable:
    """All that the ECB quotes."""
    return bundled_table()


def _rates(ecb: EcbTable, pair: str, days: int = 600, name: str = "") -> RawTable:
    raw = ecb.pair(pair, "csv")
    return RawTable(name or pair, raw.dates[-days:], raw.closes[-days:], "csv", "rates.csv", "Close")


def _with(table: RawTable, closes: np.ndarray, rows: slice = slice(None)) -> RawTable:
    return RawTable(table.pair, table.dates[rows], closes, "csv", "rates.csv", "Close")


def _fault(table: RawTable, ecb: EcbTable) -> Fault:
    (fault,), _ = identify(table, ecb)
    return fault


def _at_another_hour(closes: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Closes a share of a day after each of these but the last: a Brownian bridge to the next, by recent volatility."""
    logs = np.log(closes)
    returns = np.diff(logs)
    sigma = np.sqrt(np.convolve(returns**2, np.ones(21) / 21, "same"))
    return np.exp(logs[:-1] + share * returns + rng.normal(size=len(returns)) * np.sqrt(share * (1 - share)) * sigma)


@pytest.mark.parametrize("pair", PAIRS)
def test_the_ecbs_own_rates_are_what_they_say(ecb, pair):
    """Whole histories and short ones, with nothing to tell."""
    for days in (7000, 600, 300):
        assert identify(_rates(ecb, pair, days), ecb) == ((), ())


@pytest.mark.parametrize(("share", "late"), [(0.36, 0), (0.45, 0), (0.41, 1), (0.8, 1)])
def test_rates_of_another_hour_raise_no_false_alarm(ecb, share, late):
    """New York's close, London's midnight, Tokyo's afternoon: a fraction of a day's move away, whatever the pair."""
    rng = np.random.default_rng(1)
    for base, quote in permutations(["EUR", "USD", "JPY", "DKK", "HKD", "ZAR", "CNY", "KRW"], 2):
        there = _rates(ecb, base + quote, 900)
        rows = slice(1, None) if late else slice(None, -1)
        assert identify(_with(there, _at_another_hour(there.closes, share, rng), rows), ecb) == ((), ()), base + quote


@pytest.mark.parametrize("hour", [0, 0.4])
def test_another_pair_is_named(ecb, hour):
    """Whatever it is called, and at whatever hour it was fixed: the pair that it is."""
    rng = np.random.default_rng(2)
    names = ["".join(two) for two in permutations(["EUR", *ecb.live()], 2)]
    for _ in range(60):
        called, is_really = rng.choice(names, 2, replace=False)
        table = _rates(ecb, str(is_really), 500, str(called))
        table = _with(table, _at_another_hour(table.closes, hour, rng), slice(None, -1)) if hour else table
        fault = _fault(table, ecb)
        assert fault.check == "other_level"
        assert f"this is {is_really}; take --pair {is_really}" in fault.remedy


@pytest.mark.parametrize("pair", PAIRS)
def test_an_inverse_is_named(ecb, pair):
    """EUR per USD under the name of USD per EUR."""
    table = _rates(ecb, pair)
    assert f"this is {pair[3:]}{pair[:3]};" in _fault(_with(table, 1 / table.closes), ecb).remedy


@pytest.mark.parametrize("factor", [100, 0.01, 1000, 10])
@pytest.mark.parametrize("pair", PAIRS)
def test_a_factor_is_named(ecb, pair, factor):
    """Rates for 100 units, in cents or without their decimal point; of this pair, or of another."""
    table = _rates(ecb, pair)
    assert f"this is {factor:g} times {pair};" in _fault(_with(table, table.closes * factor), ecb).remedy
    other = _rates(ecb, "EURJPY", name="EURSEK")
    assert f"this is {factor:g} times EURJPY;" in _fault(_with(other, other.closes * factor), ecb).remedy


@pytest.mark.parametrize("level", [12000.0, 1900.0, 1.3])
def test_what_is_no_pair_at_all_is_told_with_its_factor(ecb, level):
    """An index, gold, an invention: the factor, three examples beside the ECB's own, and the way out."""
    table = _rates(ecb, "EURUSD")
    walk = level * np.exp(np.cumsum(np.random.default_rng(4).normal(0, 0.004, len(table))))
    fault = _fault(_with(table, walk), ecb)
    assert fault.check == "other_level"
    assert "times EURUSD and no pair that the ECB quotes" in fault.remedy
    assert fault.examples[-1] == f"{table.dates[-1]}: {walk[-1]:g}, the ECB has {table.closes[-1]:g}"


def test_a_few_per_cent_off_is_told(ecb):
    """A rate with a bank's margin is not the market's."""
    table = _rates(ecb, "EURUSD")
    assert "about 1.03 times EURUSD" in _fault(_with(table, table.closes * 1.03), ecb).remedy


@pytest.mark.parametrize("share", [0.5, 0.05])
def test_two_pairs_in_one_file_are_found(ecb, share):
    """A part of the rows that is another pair's, at the start or the end: these rows are shown."""
    table, other = _rates(ecb, "EURUSD"), _rates(ecb, "GBPUSD")
    n = int(share * len(table)) - 1
    for rows in (np.arange(len(table)) < n, np.arange(len(table)) >= len(table) - n):
        fault = _fault(_with(table, np.where(rows, other.closes, table.closes)), ecb)
        assert (fault.check, fault.count) == ("differing_days", n)


def test_days_taken_for_months_are_found_without_weekends(ecb):
    """Swapped dates whose Saturdays and Sundays were dropped: rates stand on days of other months."""
    table = _rates(ecb, "EURUSD", 900)
    days = [d.replace(month=d.day, day=d.month) if d.day <= 12 else d for d in table.dates.tolist()]
    dates, first = np.unique(np.array(days, dtype="datetime64[D]"), return_index=True)
    keep = np.is_busday(dates)
    swapped = RawTable("EURUSD", dates[keep], table.closes[first][keep], "csv", "rates.csv", "Close")
    assert _fault(swapped, ecb).check == "differing_days"


@pytest.mark.parametrize("ahead", [-2, -1, 1, 2])
@pytest.mark.parametrize("pair", ["EURUSD", "USDJPY", "EURDKK"])
def test_rates_on_the_wrong_days_are_found(ecb, pair, ahead):
    """A column shifted by a row: tomorrow's close beside today's date, or yesterday's."""
    table = _rates(ecb, pair)
    fault = _fault(_with(table, np.roll(table.closes, -ahead)[3:-3], slice(3, -3)), ecb)
    assert fault.check == "shifted_days"
    assert f"that of {abs(ahead)} day{'s' * (abs(ahead) > 1)} {'later' if ahead > 0 else 'before'}" in fault.remedy


def test_a_close_of_new_york_named_a_day_early_is_found(ecb):
    """Though it is not the ECB's own rate, it lies nearer to the next day's than to its day's."""
    table = _rates(ecb, "EURUSD")
    later = _at_another_hour(table.closes, 0.36, np.random.default_rng(3))
    assert _fault(_with(table, later[1:], slice(None, -2)), ecb).check == "shifted_days"


@pytest.mark.parametrize("span", [3, 5])
@pytest.mark.parametrize("pair", ["EURUSD", "EURDKK", "USDHKD"])
def test_averages_over_days_are_found(ecb, pair, span):
    """A moving average around each day holds what comes after it."""
    table = _rates(ecb, pair)
    average = np.convolve(table.closes, np.ones(span) / span, "valid")
    assert _fault(_with(table, average, slice(span // 2, -(span // 2))), ecb).check == "smoothed"


@pytest.mark.parametrize(("start", "days"), [("2030-01-01", 300), ("1990-01-01", 300)])
def test_days_that_the_ecb_does_not_have_cannot_be_checked(ecb, start, days):
    """A name that the ECB knows asks for its rates; on other days nothing says that it is the pair."""
    dates = np.busday_offset(start, np.arange(days), roll="forward").astype("datetime64[D]")
    fault = _fault(RawTable("EURUSD", dates, np.full(days, 1.1), "csv", "rates.csv", "Close"), ecb)
    assert fault.check == "unchecked_level"
    assert f"to {ecb.last_day}" in fault.remedy


@pytest.mark.parametrize("name", ["XAUUSD", "DAXEUR", "USDARS", "BTCUSD", "EURRUB"])
def test_a_name_that_the_ecb_does_not_know_is_taken_and_told(ecb, name):
    """Gold, an index, a currency that is not quoted or no more: a note says that nothing checks it."""
    table = _rates(ecb, "EURUSD", name=name)
    walk = 1900 * np.exp(np.cumsum(np.random.default_rng(4).normal(0, 0.004, len(table))))
    faults, (note,) = identify(_with(table, walk), ecb)
    assert faults == ()
    assert f"the ECB does not quote {name}" in note


def test_a_pair_under_a_name_that_the_ecb_does_not_know_is_named(ecb):
    """A known pair does not pass for gold."""
    assert "this is GBPUSD;" in _fault(_rates(ecb, "GBPUSD", name="XAUUSD"), ecb).remedy


def test_an_ended_currency_is_checked_while_it_was_quoted(ecb):
    """The rouble's rates end in 2022; a file that goes on is checked by the days before."""
    roubles = ecb.rates("RUB")
    quoted = np.isfinite(roubles)
    table = RawTable("EURRUB", ecb.dates[quoted], roubles[quoted], "csv", "rates.csv", "Close")
    assert identify(table, ecb) == ((), ())
    assert "this is 100 times EURRUB" in _fault(_with(table, table.closes * 100), ecb).remedy


def test_the_gate_asks_only_when_it_is_given_the_rates(ecb):
    """The ECB's own series are not compared with themselves; a contradiction that is meant becomes a note."""
    table = _rates(ecb, "GBPUSD", name="EURUSD")
    assert examine(table).notes == ()
    with pytest.raises(DataError, match="this is GBPUSD"):
        examine(table, ecb=ecb)
    (note,) = examine(table, allow=["other_level"], ecb=ecb).notes
    assert "other_level (600 rows)" in note
    assert table.extras == MappingProxyType({})
