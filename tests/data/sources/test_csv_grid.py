import io

import numpy as np
import pandas as pd
import pytest

from podium.data.sources.csv import CsvFile, Meant, parse
from podium.data.sources.csv_grid import read_grid
from podium.errors import DataError, SettingError

DAYS = "2024-01-02", "2024-01-03"


def _closes(text: str, pair: str = "EURUSD", **meant: str) -> list[float]:
    return parse(text.encode(), "rates.csv", pair, Meant(**meant)).closes.tolist()


def _check(text: str, **meant: str) -> str:
    with pytest.raises(DataError) as caught:
        parse(text.encode(), "rates.csv", "EURUSD", Meant(**meant))
    (fault,) = caught.value.faults
    assert fault.remedy
    return fault.check


@pytest.mark.parametrize(
    "text",
    [
        "# EUR/USD, daily, downloaded by me, thanks\nDate;Close\n2024-01-02;1.1\n2024-01-03;1.2\n",
        "EUR/USD, daily, by me\n\nDate;Close\n2024-01-02;1.1\n2024-01-03;1.2\n",
        "sep=;\nDate;Close\n2024-01-02;1.1\n2024-01-03;1.2\n",
        "sep=|\r\nDate|Close\r\n2024-01-02|1.1\r\n2024-01-03|1.2\r\n",
        "Datum;Schlusskurs\n2024-01-02;1,1\n2024-01-03;1,2\n",
        '"Datum";"Schlußkurs"\n"02.01.2024";"1,1"\n"13.01.2024";"1,2"\n',
        'Date,Close\n2024-01-02,"1,1"\n2024-01-03,"1,2"\n',
        "Series;EUR/USD\nUnit;USD, per 1 EUR\nDate;Close\n2024-01-02;1.1\n2024-01-03;1.2\n",
        "Date,Close\n2024-01-02,1.1,\n2024-01-03,1.2,,\n",
        "Date,Close,\n2024-01-02,1.1\n2024-01-03,1.2,\n",
        "date,1. open,2. high,3. low,4. close\n2024-01-02,9,9,9,1.1\n2024-01-03,9,9,9,1.2\n",
        "Gmt time,Open,Close\n02.01.2024 00:00:00.000,9,1.1\n13.01.2024 00:00:00.000,9,1.2\n",
        "Date,Time,Open,Close\n2024.01.02,00:00,9,1.1\n2024.01.03,00:00,9,1.2\n",
        "<DATE>\t<TIME>\t<CLOSE>\n2024.01.02\t00:00:00\t1.1\n2024.01.03\t00:00:00\t1.2\n",
        "Unnamed: 0,Close\n2024-01-02,1.1\n2024-01-03,1.2\n",
        ",Date,Close\n0,2024-01-02,1.1\n1,2024-01-03,1.2\n",
        ",Date,Close\n2024-01-02,2024-01-02,1.1\n2024-01-03,2024-01-03,1.2\n",
        "DATE,TIME PERIOD,Euro (EXR.D.USD.EUR.SP00.A)\n2024-01-02,02 Jan 2024,1.1\n2024-01-03,03 Jan 2024,1.2\n",
        "TIME_PERIOD:Time period or range,OBS_VALUE:Observation Value\n2024-01-02,1.1\n2024-01-03,1.2\n",
        "time,open,high,low,close\n1704153600,9,9,9,1.1\n1704240000,9,9,9,1.2\n",
        "Date,Open_EURUSD=X,Close_EURUSD=X,Close_JPY=X\n2024-01-02,9,1.1,150\n2024-01-03,9,1.2,151\n",
        "Date,EURUSD Close,EURUSD High\n2024-01-02,1.1,9\n2024-01-03,1.2,9\n",
    ],
)
def test_what_has_one_right_reading_is_read(text):
    """Preambles, delimiters, languages, indexes and clocks of many programs: the same two closes."""
    assert _closes(text) == [1.1, 1.2]


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("Date,Open,High,Low,Close,Volume\n2024.01.02,00:00,1,1.2,1,1.1,5\n", "ragged_rows"),
        ("Date,Close\n2024-01-02,160,490\n", "ragged_rows"),
        ("Date,Close\n2024-01-02,1.1\n2024-01-03,1,2\n", "ragged_rows"),
        ("Date,Close,High\n2024-01-02,20240102,1.1,1.2\n", "ragged_rows"),
        ("Date,Close,High\n2024-01-02,1.1,1.2\n2024-01-03,1.1\n", "ragged_rows"),
        ("Date,Close,High\n2024-01-02,1.1,1.2\nSource: a bank\n", "ragged_rows"),
        ("Date;Close\n2024-01-02,1.1\n", "ragged_rows"),
        ("Date,Close,Close,High,High\n2024-01-02,1,2,3,4\n", "columns_twice"),
        ("Date,Close,Close.1\n2024-01-02,1,2\n", "columns_twice"),
        ("Date,Close,CLOSE\n2024-01-02,1,2\n", "columns_twice"),
        ("Date,Date,Close\n2024-01-02,2024-01-03,1\n", "columns_twice"),
        ("Date,Timestamp,Close\n2024-01-02,2024-01-03,1\n", "two_date_columns"),
        (",Date,Close\n2024-01-03,2024-01-02,1\n", "two_date_columns"),
        ("Date,Rate,Value\n2024-01-02,1.1,1.2\n", "several_prices"),
        ("Date,EURUSD,EUR/USD\n2024-01-02,1.1,1.2\n", "several_prices"),
        ("Date,Close\n13/01/2024,1.1\n2024-02-01,1.1\n", "mixed_dates"),
        ("Date,High EURUSD\n2024-01-02,1.1\n", "wrong_columns"),
        ("Date,High EURUSD,Low EURUSD\n2024-01-02,1.1,1\n", "wrong_columns"),
    ],
)
def test_what_has_two_readings_is_refused(text, check):
    """Rows that do not fit, names and dates that are there twice: nothing is guessed."""
    assert _check(text) == check


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Tag,Mitte\n2024-01-02,1.1\n2024-01-03,1.2\n", {"date": "Tag", "close": "Mitte"}),
        ("Date,Timestamp,Close\n2024-01-02,2024-01-09,1.1\n2024-01-03,2024-01-10,1.2\n", {"date": "Date"}),
        ("Date,BidClose,AskClose\n2024-01-02,1.1,9\n2024-01-03,1.2,9\n", {"close": "BidClose"}),
        ("Date,BidClose,AskClose\n2024-01-02,1.1,9\n2024-01-03,1.2,9\n", {"close": "2"}),
        ("Date,GBPUSD\n2024-01-02,1.1\n2024-01-03,1.2\n", {"close": "GBPUSD"}),
        ("Date,USD,JPY\n2024-01-02,1.1,9\n2024-01-03,1.2,9\n", {"close": "USD"}),
        ("2024-01-02,9,1.1\n2024-01-03,9,1.2\n", {"date": "1", "close": "3"}),
        ("Date,Open,Close\n2024-01-02,00:00,9,1.1\n2024-01-03,00:00,9,1.2\n", {"date": "1", "close": "4"}),
        ("Date,Close,Close\n2024-01-02,9,1.1\n2024-01-03,9,1.2\n", {"date": "1", "close": "3"}),
        ('Date,Close\n2024-01-02,"1,100"\n2024-01-03,"1,200"\n', {"decimal": ","}),
    ],
)
def test_the_reader_says_which_column_is_meant(text, meant):
    """Dates and closes by name or number, and the decimal mark: what cannot be known is told."""
    assert _closes(text, **meant) == [1.1, 1.2]


def test_a_column_that_is_not_there_is_named():
    """With those that are."""
    with pytest.raises(SettingError, match=r"close=Mid: there is no such column; there are 'Date', 'Close'"):
        _closes("Date,Close\n2024-01-02,1.1\n", close="Mid")


@pytest.mark.parametrize(
    ("argument", "path", "meant"),
    [
        ("rates.csv", "rates.csv", Meant()),
        ("rates.csv?date=Tag&close=Kurs+neu&decimal=,", "rates.csv", Meant("Tag", "Kurs neu", ",")),
        ("rates.csv?close=%C3%9F", "rates.csv", Meant(close="ß")),
        ("what?close=1", "what?close=1", Meant()),
    ],
)
def test_the_source_s_argument_is_a_path_and_what_is_meant(argument, path, meant, own_folder, settings):
    """A file whose own name has a question mark is that file."""
    (own_folder / "what?close=1").touch()
    source = CsvFile(argument, settings())
    assert (str(source.path), source.meant) == (path, meant)


@pytest.mark.parametrize("query", ["?open=1", "?close", "?decimal=;"])
def test_what_cannot_be_meant_is_refused(query, settings):
    """Another word behind the question mark is a setting error that shows the ones that there are."""
    with pytest.raises(SettingError, match="decimal"):
        CsvFile(f"rates.csv{query}", settings())


FRAME = pd.DataFrame({"Close": [1.1, 1.2], "High": [1.3, np.nan]}, index=pd.DatetimeIndex(DAYS))
PARQUETS = {
    "an index without a name": FRAME,
    "an index of dates": FRAME.rename_axis("Date"),
    "an index with a zone": FRAME.tz_localize("UTC"),
    "dates in a column": FRAME.rename_axis("Date").reset_index(),
    "words in a column": FRAME.rename_axis("Date").reset_index().astype({"Date": str}),
    "yfinance's two levels": pd.concat({"EURUSD=X": FRAME, "JPY=X": FRAME * 150}, axis=1).swaplevel(axis=1),
    "categories": FRAME.assign(Symbol=pd.Categorical(["EURUSD", "EURUSD"])),
}


@pytest.mark.parametrize("kind", PARQUETS)
def test_parquet_is_read_as_pandas_writes_it(kind):
    """The dates are the index or a column, named or not; numbers come back exactly."""
    buffer = io.BytesIO()
    PARQUETS[kind].to_parquet(buffer)
    found = parse(buffer.getvalue(), "rates.parquet", "EURUSD")
    assert found.closes.tolist() == [1.1, 1.2]
    assert found.dates.astype("datetime64[D]").astype(str).tolist() == list(DAYS)


def test_parquet_goes_through_the_same_gates():
    """Another pair in a Parquet file is refused as in a CSV file, and so is a damaged one."""
    buffer = io.BytesIO()
    FRAME.assign(Symbol="GBPUSDm").to_parquet(buffer)
    with pytest.raises(DataError, match="other_pair"):
        parse(buffer.getvalue(), "rates.parquet", "EURUSD")
    with pytest.raises(DataError, match="damaged_file"):
        parse(buffer.getvalue()[:-20], "rates.parquet", "EURUSD")


def test_lines_are_counted_from_the_top_of_the_file():
    """What stands above the header counts too, so that an editor finds the line."""
    grid = read_grid(b"# x\n\nDate,Close\n2024-01-02,1\n", "rates.csv")
    assert grid.rows == [(4, ["2024-01-02", "1"])]
