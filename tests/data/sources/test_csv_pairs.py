import pytest

from podium.data.sources.csv import parse
from podium.errors import DataError, Fault


def _fault(text: str, pair: str = "EURUSD", name: str = "rates.csv") -> Fault:
    with pytest.raises(DataError) as caught:
        parse(text.encode(), name, pair)
    (fault,) = caught.value.faults
    return fault


def _table(header: str, cells: str) -> str:
    return f"Date,{header},Close\n2024-01-02,{cells},1.1\n2024-01-03,{cells},1.2\n"


@pytest.mark.parametrize(
    ("header", "cells", "holds"),
    [
        ("Symbol", "GBPUSDm", "GBPUSD"),
        ("Symbol", "GBPUSD.a", "GBPUSD"),
        ("Symbol", "GBPUSD.FOREX", "GBPUSD"),
        ("Symbol", "GBPUSD Curncy", "GBPUSD"),
        ("Symbol", "GBPUSD_raw", "GBPUSD"),
        ("Ticker", "AAPL", ""),
        ("Instrument", "6B=F", ""),
        ("Currency Pair", "GBP/USD", "GBPUSD"),
        ("Name", "GBP/USD", "GBPUSD"),
        ("Code", "GBPUSD=X", "GBPUSD"),
        ("series_id", "DEXUSUK", "GBPUSD"),
        ("Security", "GBPUSD BGN Curncy", "GBPUSD"),
        ("RIC", "GBP=", "GBPUSD"),
        ("slug", "gbp-usd", "GBPUSD"),
        ("whatever", "FX_IDC:GBPUSD", "GBPUSD"),
        ("KEY", "EXR.D.JPY.EUR.SP00.A", "EURJPY"),
        ("Base,Quote", "GBP,USD", "GBPUSD"),
        ("from_symbol,to_symbol", "GBP,USD", "GBPUSD"),
        ("BASE_CUR,QUOTE_CUR", "GBP,NOK", "GBPNOK"),
        ("CURRENCY_DENOM,CURRENCY", "EUR,JPY", "EURJPY"),
        ("Ccy", "GBP", ""),
        ("Currency", "JPY: Yen", ""),
        ("base", "USD", ""),
        ("quote_currency", "EUR", ""),
    ],
)
def test_a_column_that_names_another_pair_refuses_the_file(header, cells, holds):
    """Under whatever name the column goes, with the words of brokers and terminals; the pair is named."""
    fault = _fault(_table(header, cells))
    assert fault.check == "other_pair"
    assert fault.column
    assert "the file does not hold EURUSD" in fault.remedy
    assert not holds or f"--pair {holds}" in fault.remedy


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("Symbol", "EURUSDm"),
        ("Symbol", ""),
        ("Name", "Euro against the dollar"),
        ("Note", "fixed at 14:15"),
        ("Ccy", "USD"),
        ("base", "EUR"),
        ("Base,Quote", "EUR,USD"),
        ("from,to", "2024-01-01,2024-01-02"),
        ("FREQ,CURRENCY,CURRENCY_DENOM,TITLE", 'D,USD,EUR,"US dollar, Euro"'),
        ("UNIT_MULT", "0"),
        ("Nominal", "1"),
        ("Amount", "12"),
    ],
)
def test_a_column_that_names_this_pair_or_none_does_no_harm(header, cells):
    """The right pair, one of its currencies where only one is told, and words that name no pair."""
    text = _table(header, cells).replace("12,1.2", "13,1.2")
    assert parse(text.encode(), "rates.csv", "EURUSD").closes.tolist() == [1.1, 1.2]


def test_one_remark_about_another_pair_is_no_name():
    """A column of remarks is not a column of symbols: the row stays."""
    text = "Date,Note,Close\n2024-01-02,as GBPUSD,1.1\n2024-01-03,,1.2\n2024-01-04,,1.3\n"
    assert len(parse(text.encode(), "rates.csv", "EURUSD")) == 3


def test_rows_of_several_pairs_are_told_apart_by_any_column():
    """A table of many currencies, by base and quote or by a name that nobody knows beforehand."""
    rows = "2024-01-02,EUR,USD,1.1\n2024-01-02,EUR,JPY,150\n2024-01-03,EUR,USD,1.2\n"
    assert parse(f"Date,base,quote,rate\n{rows}".encode(), "x.csv", "EURUSD").closes.tolist() == [1.1, 1.2]
    rows = "2024-01-02,EURUSD.x,1.1\n2024-01-02,EURJPY.x,150\n2024-01-03,EURUSD.x,1.2\n"
    assert parse(f"Date,feed,rate\n{rows}".encode(), "x.csv", "EURUSD").closes.tolist() == [1.1, 1.2]


@pytest.mark.parametrize(
    "name",
    [
        "GBPUSD_Daily.csv",
        "DAT_ASCII_GBPUSD_M1_2023.csv",
        "gbpusd_d.csv",
        "GBPUSD1440.csv",
        "GBPUSD=X.csv",
        "XAUUSD.csv",
    ],
)
def test_a_file_named_after_another_pair_is_refused(name):
    """MetaTrader, Stooq and HistData tell the pair in the name only; content that tells the right one is believed."""
    text = "Date,Close\n2024-01-02,1.1\n"
    fault = _fault(text, name=name)
    assert (fault.check, fault.examples) == ("other_pair", (name,))
    assert parse(text.encode(), name.replace("GBP", "EUR").replace("gbp", "eur").replace("XAU", "EUR"), "EURUSD")
    assert parse(b"Date,EURUSD\n2024-01-02,1.1\n", name, "EURUSD")
    assert parse(_table("Symbol", "EURUSD").encode(), name, "EURUSD")


@pytest.mark.parametrize(
    ("header", "cells"), [("UNIT_MULT", "2"), ("Nominal", "100"), ("Amount", "100"), ("Units", "10")]
)
def test_rates_for_more_than_one_unit_are_refused(header, cells):
    """100 yen are no yen: which way to divide is not guessed."""
    assert _fault(_table(header, cells)).check == "other_unit"


@pytest.mark.parametrize(
    ("check", "header", "cells"), [("other_pair", "Symbol", "AAPL"), ("other_unit", "Nominal", "100")]
)
def test_what_is_meant_is_read(check, header, cells):
    """A check of the content that is allowed by its name does not refuse."""
    text = _table(header, cells).encode()
    assert parse(text, "GBPUSD.csv" if check == "other_pair" else "x.csv", "EURUSD", allow=[check])
