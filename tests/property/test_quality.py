"""The quality gate on generated series: repairs give the same series, planted faults are always found."""

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.data.quality import examine
from podium.data.sources.csv import parse
from podium.data.table import RawTable
from podium.errors import DataError

EXAMPLES = settings(max_examples=40, deadline=None)


@st.composite
def tables(draw: st.DrawFn) -> RawTable:
    """Valid tables: business days with holidays, prices of any magnitude, volatility as real currencies have it."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    days = draw(st.integers(300, 420))
    start = np.datetime64("1999-01-04") + draw(st.integers(0, 9000))
    dates = np.busday_offset(start, np.arange(days + 10), roll="forward").astype("datetime64[D]")
    dates = np.delete(dates, rng.choice(np.arange(1, days), 10, replace=False))
    level = draw(st.sampled_from([1e-4, 0.83, 1.5, 150.0, 2e4]))
    closes = level * np.exp(np.cumsum(rng.normal(0, draw(st.sampled_from([0.003, 0.01])), days)))
    return RawTable("EURUSD", dates, closes, "csv", "rates.csv", "Close", MappingProxyType({"high": closes * 1.01}))


@EXAMPLES
@given(tables(), st.integers(0, 2**32), st.integers(0, 50))
def test_any_order_with_any_exact_duplicates_gives_the_same_series(table, seed, extra):
    """Shuffled rows, some of them twice, are the same series bit by bit."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(np.r_[np.arange(len(table)), rng.integers(0, len(table), extra)])
    mixed = replace(table, dates=table.dates[rows], closes=table.closes[rows])
    mixed = replace(mixed, extras=MappingProxyType({"high": table.extras["high"][rows]}))
    series, straight = examine(mixed).series, examine(table).series
    assert np.array_equal(series.dates, straight.dates)
    assert series.closes.tobytes() == straight.closes.tobytes()
    assert series.extras["high"].tobytes() == straight.extras["high"].tobytes()


def _at(table: RawTable, row: int, value: float) -> RawTable:
    closes = table.closes.copy()
    closes[row] = value
    return replace(table, closes=closes)


def _rows(table: RawTable, rows: np.ndarray) -> RawTable:
    return RawTable(table.pair, table.dates[rows], table.closes[rows], table.source, table.where)


def _flip(table: RawTable, row: int) -> RawTable:
    closes = table.closes / table.closes[row - 1] * 1.2
    closes[row:] = 1 / closes[row:]
    closes[row] = 1 / closes[row - 1]
    return replace(table, closes=closes)


def _hold(table: RawTable, row: int, days: int) -> RawTable:
    row = min(row, len(table) - days)
    closes = table.closes.copy()
    closes[row : row + days] = closes[row]
    return replace(table, closes=closes)


def _lose(table: RawTable, row: int, days: int) -> RawTable:
    row = min(row, len(table) - days - 1)
    return _rows(table, np.r_[0:row, row + days : len(table)])


def _twice(table: RawTable, row: int) -> RawTable:
    doubled = _rows(table, np.r_[np.arange(len(table)), row])
    return _at(doubled, -1, table.closes[row] * 1.0001)


PLANTS: dict[str, tuple[str, Callable[[RawTable, int], RawTable]]] = {
    "nan": ("not_finite", lambda t, i: _at(t, i, np.nan)),
    "infinity": ("not_finite", lambda t, i: _at(t, i, np.inf)),
    "zero": ("not_positive", lambda t, i: _at(t, i, 0.0)),
    "negative": ("not_positive", lambda t, i: _at(t, i, -t.closes[i])),
    "two prices on a day": ("conflicting_dates", _twice),
    "point slipped right": ("implausible_jump", lambda t, i: _at(t, i, t.closes[i] * 10)),
    "point slipped left": ("implausible_jump", lambda t, i: _at(t, i, t.closes[i] / 10)),
    "unit changed": (
        "implausible_jump",
        lambda t, i: replace(t, closes=np.where(np.arange(len(t)) < i, t.closes, t.closes * 100)),
    ),
    "one wrong cell": ("spike", lambda t, i: _at(t, i, (t.closes[i - 1] * t.closes[i + 1]) ** 0.5 * 1.25)),
    "direction changed": ("direction_flips", _flip),
    "days lost": ("gap", lambda t, i: _lose(t, i, 15)),
    "feed dead": ("stale", lambda t, i: _hold(t, i, 11)),
    "feed dead for long": ("stale", lambda t, i: _hold(t, i, 80)),
    "too short": ("enough_history", lambda t, i: _rows(t, np.arange(min(i, 283)))),
    "weekly": ("not_daily", lambda t, i: replace(t, dates=t.dates[0] + 7 * np.arange(len(t)))),
}


@pytest.mark.parametrize("kind", PLANTS)
@EXAMPLES
@given(tables(), st.data())
def test_a_planted_fault_is_always_found(kind, table, data):
    """Wherever in whatever series a fault stands, its check names it."""
    check, plant = PLANTS[kind]
    row = data.draw(st.integers(1, len(table) - 2), "row")
    with pytest.raises(DataError) as caught:
        examine(plant(table, row))
    faults = {fault.check: fault for fault in caught.value.faults}
    assert check in faults
    assert len(faults[check].examples) <= 5


@EXAMPLES
@given(tables())
def test_a_series_passes_its_own_gate_unchanged(table):
    """What came through once comes through again, with nothing repaired."""
    series = examine(table).series
    again = examine(RawTable(series.pair, series.dates, series.closes, series.source, "again", extras=series.extras))
    assert again.notes == ()
    assert again.series.closes.tobytes() == series.closes.tobytes()


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_no_text_crashes_the_reader(text):
    """Whatever a file holds, it is a table or a fault with a one-line message."""
    for head in ("", "Date,Close\n", "Price,Close\nTicker,EURUSD=X\n", "Date,USD,JPY\n"):
        message = ""
        try:
            parse((head + text).encode("utf-8", "surrogatepass"), "rates.csv", "EURUSD")
        except DataError as error:
            message = str(error)
        assert "\n" not in message
