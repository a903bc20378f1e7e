from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from podium.data.quality import examine
from podium.data.sources.csv import CsvFile, parse
from podium.data.table import RawTable
from podium.errors import DataError, Fault, SettingError


def _fault_of(text: str, pair: str = "EURUSD") -> Fault:
    with pytest.raises(DataError) as caught:
        parse(text.encode(), "rates.csv", pair)
    (fault,) = caught.value.faults
    assert fault.where == "rates.csv"
    assert fault.remedy
    return fault


@pytest.fixture
def yahoo(raw: RawTable) -> Callable[..., pd.DataFrame]:
    """A frame as yfinance's `download` returns it: two levels of columns, prices above tickers."""

    def build(*tickers: str) -> pd.DataFrame:
        prices = {"Close": 1.0, "High": 1.001, "Low": 0.999, "Open": 1.0002, "Volume": 0.0}
        columns = {
            (name, ticker): raw.closes * k * (i + 1) for name, k in prices.items() for i, ticker in enumerate(tickers)
        }
        frame = pd.DataFrame(columns, index=pd.DatetimeIndex(raw.dates, name="Date"))
        frame.columns = frame.columns.set_names(["Price", "Ticker"])
        return frame.astype(dict.fromkeys(frame.columns[-len(tickers) :], int))

    return build


def test_a_plain_file_is_read(raw, csv_text, settings, own_folder):
    """Date and close, as text, come back exactly."""
    (own_folder / "rates.csv").write_text(csv_text)
    found = CsvFile("rates.csv", settings()).fetch("EURUSD")
    assert np.array_equal(found.dates, raw.dates)
    assert np.array_equal(found.closes, raw.closes)
    assert (found.source, found.where, found.column, found.notes) == ("csv", "rates.csv", "Close", ())


@pytest.mark.parametrize(
    "date", ["Date", "date", "timestamp", "observation_date", "TIME_PERIOD", "DATE", "Datetime", ""]
)
@pytest.mark.parametrize(
    "price", ["Close", "close", "Adj Close", "price", "Rate", "value", "OBS_VALUE", "EURUSD", "EUR/USD"]
)
def test_common_spellings_are_known(date, price):
    """Any usual name of the date with any usual name of the price."""
    found = parse(f"{date},{price}\n2024-01-02,1.1\n2024-01-03,1.2\n".encode(), "rates.csv", "EURUSD")
    assert found.closes.tolist() == [1.1, 1.2]
    assert found.column == price


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_and_quotes_are_recognised(delimiter):
    """The header tells the delimiter; line ends, blank lines, comments and quotes do no harm."""
    text = '# from a terminal\r\n"Date";"Close"\r\n"2024-01-02";"1.1"\r\n\r\n2024-01-03;1.2\r\n'
    text = text.removeprefix("# from a terminal\r\n").replace(";", delimiter)
    assert parse(text.encode(), "rates.csv", "EURUSD").closes.tolist() == [1.1, 1.2]


def test_a_download_of_yfinance_is_read(raw, yahoo):
    """Its header of two levels, as `to_csv` writes it, with the other prices kept as extras and no volume."""
    text = yahoo("EURUSD=X").to_csv()
    assert text.startswith(
        "Price,Close,High,Low,Open,Volume\nTicker,EURUSD=X,EURUSD=X,EURUSD=X,EURUSD=X,EURUSD=X\nDate,,,,,\n"
    )
    found = parse(text.encode(), "rates.csv", "EURUSD")
    assert np.array_equal(found.closes, raw.closes)
    assert np.array_equal(found.dates, raw.dates)
    assert list(found.extras) == ["high", "low", "open"]
    assert np.array_equal(found.extras["high"], raw.closes * 1.001)


def test_other_shapes_of_the_same_download_are_read(raw, yahoo):
    """Grouped by ticker, the index made a column, one level only: the same closes each time."""
    frame = yahoo("EURUSD=X")
    shapes = [
        frame.swaplevel(axis=1).to_csv(),
        frame.reset_index().to_csv(index=False),
        frame.droplevel("Ticker", axis=1).to_csv(),
        frame.tz_localize("UTC").to_csv(),
    ]
    for text in shapes:
        found = parse(text.encode(), "rates.csv", "EURUSD")
        assert np.array_equal(found.closes, raw.closes)
        assert np.array_equal(found.dates, raw.dates)
        assert list(found.extras) == ["high", "low", "open"]


def test_of_several_tickers_the_pair_is_taken(raw, yahoo):
    """Two tickers in one download: each pair gets its own columns."""
    text = yahoo("EURUSD=X", "JPY=X").to_csv().encode()
    assert np.array_equal(parse(text, "rates.csv", "EURUSD").closes, raw.closes)
    assert np.array_equal(parse(text, "rates.csv", "USDJPY").closes, raw.closes * 2)


@pytest.mark.parametrize("missing", ["", "."])
@pytest.mark.parametrize("date", ["observation_date", "DATE"])
def test_freds_file_is_read(date, missing):
    """Holidays, empty or a dot, are left out and counted."""
    text = f"{date},DEXUSEU\n2024-01-01,{missing}\n2024-01-02,1.0956\n2024-01-03,1.0919\n"
    found = parse(text.encode(), "rates.csv", "EURUSD")
    assert found.closes.tolist() == [1.0956, 1.0919]
    assert found.notes == ("rates.csv: 1 row without a value in column 'DEXUSEU' left out",)


def test_freds_file_of_several_series_gives_each_pair():
    """The series id tells the pair and its direction: DEXJPUS is JPY per USD."""
    text = b"observation_date,DEXUSEU,DEXJPUS\n2024-01-02,1.0956,142.5\n2024-01-03,1.0919,143.1\n"
    assert parse(text, "rates.csv", "USDJPY").closes.tolist() == [142.5, 143.1]
    assert parse(text, "rates.csv", "EURUSD").closes.tolist() == [1.0956, 1.0919]


def test_the_ecbs_own_file_is_read(ecb_zip, settings, own_folder):
    """The table of all currencies, zipped or not, gives a pair by division."""
    (own_folder / "hist.zip").write_bytes(ecb_zip(GBP=["0.8"] * 399 + ["N/A"]))
    source = CsvFile("hist.zip", settings())
    eurusd, gbpusd = source.fetch("EURUSD"), source.fetch("GBPUSD")
    assert (len(eurusd), len(gbpusd), gbpusd.source) == (400, 399, "csv")
    assert np.array_equal(gbpusd.closes, eurusd.closes[:-1] / 0.8)


def test_the_ecbs_sdmx_file_is_read():
    """Rows of several currencies are told apart by CURRENCY and CURRENCY_DENOM."""
    text = (
        "KEY,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,TIME_PERIOD,OBS_VALUE,OBS_STATUS,TITLE\n"
        'EXR.D.USD.EUR.SP00.A,D,USD,EUR,SP00,2024-01-02,1.0956,A,"US dollar, Euro"\n'
        'EXR.D.USD.EUR.SP00.A,D,USD,EUR,SP00,2024-01-03,,H,"US dollar, Euro"\n'
        'EXR.D.JPY.EUR.SP00.A,D,JPY,EUR,SP00,2024-01-02,155.7,A,"Japanese yen, Euro"\n'
    )
    assert parse(text.encode(), "rates.csv", "EURUSD").closes.tolist() == [1.0956]
    assert parse(text.encode(), "rates.csv", "EURJPY").closes.tolist() == [155.7]
    assert _fault_of(text, "EURGBP").check == "other_pair"


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("Price,Close\nTicker,EURUSD=X\nDate,\n2024-01-02,1.1\n", "EURUSD"),
        ("observation_date,DEXUSEU\n2024-01-02,1.1\n", "EURUSD"),
        ("Date,EURUSD\n2024-01-02,1.1\n", "EURUSD"),
        ("symbol,Date,Close\nEURUSD,2024-01-02,1.1\n", "EURUSD"),
        ("DATE,TIME PERIOD,US dollar/Euro (EXR.D.USD.EUR.SP00.A)\n2024-01-02,02 Jan 2024,1.1\n", "EURUSD"),
    ],
)
def test_a_file_of_another_pair_is_refused(text, there):
    """Wherever a file tells its pair, another one is not read from it, nor the same one upside down."""
    for pair in ("GBPUSD", "USDEUR"):
        fault = _fault_of(text, pair)
        assert fault.check == "other_pair"
        assert f"does not hold {pair}" in fault.remedy
        assert f"--pair {there}" in fault.remedy


def test_a_column_of_symbols_selects_rows():
    """Several pairs one below the other: only the rows of the pair are read."""
    text = b"Date,Ticker,Close\n2024-01-02,EURUSD=X,1.1\n2024-01-02,JPY=X,142.5\n2024-01-03,EURUSD=X,1.2\n"
    assert parse(text, "rates.csv", "EURUSD").closes.tolist() == [1.1, 1.2]


def test_extras_are_complete_positive_and_not_constant():
    """A column with a hole, a zero, one value throughout or a taken name is no extra; names come in lower case."""
    text = (
        "Date,Close,High,Bid Price,Hole,Zero,Flat,Text,target,high\n"
        "2024-01-02,1.1,1.2,1.0,1,0,5,a,1,7\n"
        "2024-01-03,1.2,1.3,1.1,,1,5,b,2,8\n"
        "2024-01-04,,1.3,1.1,1,1,5,b,2,8\n"
    )
    found = parse(text.encode(), "rates.csv", "EURUSD")
    assert {name: column.tolist() for name, column in found.extras.items()} == {
        "high": [1.2, 1.3],
        "bid_price": [1.0, 1.1],
    }


@pytest.mark.parametrize(
    ("text", "check", "column", "example"),
    [
        ("", "empty_file", "", None),
        ("Date,Close\n", "empty_file", "", None),
        ("<html><body>Service unavailable</body></html>", "html_instead_of_csv", "", "<html>"),
        ("Date,Volume\n2024-01-02,5\n", "wrong_columns", "", "'Volume'"),
        ("Name,Close\nx,5\n", "wrong_columns", "", "'Name'"),
        ("2024-01-02,1.1\n2024-01-03,1.2\n", "wrong_columns", "", "'1.1'"),
        ("Date,Close\n2024-01-02,1.1\n2024-13-03,1.2\n", "bad_dates", "Date", "line 3: '2024-13-03'"),
        ("Date,Close\n03/04/2024,1.1\n04/05/2024,1.2\n", "bad_dates", "Date", "line 2: '03/04/2024'"),
        ("Date,Close\n2024-01-02,1.1\n\n2024-01-03,abc\n", "not_a_number", "Close", "line 4: 'abc'"),
        ('Date,Close\n2024-01-02,"160,490"\n', "not_a_number", "Close", "'160,490'"),
        ("Date;Close\n2024-01-02;1,1\n2024-01-03;1.1\n", "not_a_number", "Close", "'1.1'"),
        ("Price,Close\nTicker,AAPL\nDate,\n2024-01-02,190.1\n", "wrong_columns", "", "'Close AAPL'"),
        ("Date,Close\n2024-01-02,20240102\n2024-01-03,20240103\n", "dates_for_prices", "Close", "'20240102'"),
        ("Date,Close\n2024-01-02,1_1\n", "not_a_number", "Close", "'1_1'"),
        ("Date,Close\n2024-01-02,1.1\n2024-01-0", "ragged_rows", "", "line 3: '2024-01-0'"),
        ("Price,Close,High\nTicker,EURUSD=X,EURUSD=X\nDate,,\n2024-01-02,1,1\n2024-0\n", "ragged_rows", "", "'2024-0'"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(text, check, column, example):
    """Each fault has its name, its column, and the line to look at."""
    fault = _fault_of(text)
    assert (fault.check, fault.column) == (check, column)
    assert example is None or any(example in shown for shown in fault.examples)


def test_a_field_too_long_for_any_rate_is_no_csv():
    """A quote that is never closed swallows the file: said, not crashed."""
    assert _fault_of('Date,Close\n2024-01-02,"' + "1\n" * 100_000).check == "not_csv"


@pytest.mark.parametrize("name", ["nowhere.csv", "."])
def test_a_file_that_cannot_be_read_is_a_setting_error(name, settings):
    """A missing file and a folder are named."""
    with pytest.raises(SettingError, match=r"source csv:.* cannot be read"):
        CsvFile(name, settings()).fetch("EURUSD")


def test_a_huge_file_is_not_read(settings, own_folder):
    """More than any daily series can be is refused by its size."""
    with Path("huge.csv").open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(DataError, match="too_large"):
        CsvFile("huge.csv", settings()).fetch("EURUSD")


def test_a_price_that_is_infinite_reaches_the_gate(csv_text):
    """`inf` is a number to Python and a fault to the gate."""
    lines = csv_text.splitlines()
    lines[50] = lines[50].split(",")[0] + ",inf"
    with pytest.raises(DataError, match="not_finite"):
        examine(parse("\n".join(lines).encode(), "rates.csv", "EURUSD"))
