"""One series in every dialect that files are written in: whatever the dialect, the same series is read."""

import gzip
import io
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.data.quality import examine
from podium.data.sources.csv import parse
from podium.data.sources.ecb import bundled_table
from podium.records import Series

ECB = bundled_table()
PAIRS = ("EURUSD", "USDJPY", "EURIDR", "EURDKK", "GBPZAR")
DATES = (
    "%Y-%m-%d", "%Y%m%d", "%Y.%m.%d 00:00", "%d.%m.%Y", "%m/%d/%Y", "%Y-%m-%d 17:00:00+00:00", "%d %b %Y", "%B %d, %Y",
)  # fmt: skip
HEADERS = (
    ("Date", "Close"),
    ("Datum", "Schlusskurs"),
    ("TIME_PERIOD", "OBS_VALUE"),
    ("<DATE>", "<CLOSE>"),
    ("", "Rate"),
)
ABOVE = ("", "# by me, for you; thanks\n", "A title, and more\n\n", "\n")


def _number(close: float, mark: str, group: str) -> str:
    text = f"{close:,.6f}".replace(",", "\0").replace(".", mark)
    return text.replace("\0", group)


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, Series]:
    """A file of a few hundred days of an ECB pair, and the series that is in it."""
    pair = draw(st.sampled_from(PAIRS))
    raw = ECB.pair(pair, "csv")
    start = draw(st.integers(0, len(raw) - 400))
    rows = slice(start, start + draw(st.integers(300, 400)))
    dates, closes = raw.dates[rows], np.round(raw.closes[rows], 6)
    form = draw(st.sampled_from(DATES))
    delimiter = draw(st.sampled_from(",;\t|"))
    mark = draw(st.sampled_from(".,"))
    group = draw(st.sampled_from(["", "\u00a0", "'", "." if mark == "," else ","]))
    header = draw(st.sampled_from(HEADERS))
    quote = '"' if delimiter == "," else draw(st.sampled_from(['"', ""]))
    written = [
        delimiter.join(f"{quote}{cell}{quote}" for cell in (f"{day:{form}}", _number(close, mark, group)))
        for day, close in zip(dates.tolist(), closes.tolist(), strict=True)
    ]
    above = draw(st.sampled_from(ABOVE)) if header[0] else ""
    text = above + delimiter.join(header) + "\n" + "\n".join(written[:: draw(st.sampled_from([1, -1]))]) + "\n"
    data = text.encode(draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])))
    packed = draw(st.sampled_from(["", "gz", "zip"]))
    return {"": lambda: data, "gz": lambda: gzip.compress(data), "zip": lambda: _zipped(data)}[packed](), Series(
        pair, dates, closes, "csv"
    )


def _zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("rates.txt", data)
    return buffer.getvalue()


@settings(max_examples=120, deadline=None)
@given(files())
def test_any_dialect_reads_to_the_same_series(written: tuple[bytes, Series]) -> None:
    """Delimiter, marks, thousands, form of date, names, order, encoding and packing say nothing about the rates."""
    data, series = written
    found = examine(parse(data, "rates.csv", series.pair), ecb=ECB)
    assert np.array_equal(found.series.dates, series.dates)
    assert found.series.closes.tobytes() == series.closes.tobytes()


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(PAIRS), st.booleans(), st.sampled_from(["Date", None]))
def test_parquet_reads_to_the_same_series(pair: str, as_index: bool, name: str | None) -> None:
    """The index or a column, named or not: bit by bit what was written."""
    raw = ECB.pair(pair, "csv")
    frame = pd.DataFrame({"Close": raw.closes[-300:]}, index=pd.DatetimeIndex(raw.dates[-300:], name=name))
    buffer = io.BytesIO()
    (frame if as_index else frame.reset_index()).to_parquet(buffer)
    found = examine(parse(buffer.getvalue(), "rates.parquet", pair), ecb=ECB)
    assert np.array_equal(found.series.dates, raw.dates[-300:])
    assert found.series.closes.tobytes() == raw.closes[-300:].tobytes()


@pytest.mark.parametrize("pair", PAIRS)
def test_the_ecbs_own_pairs_pass_all_gates(pair: str) -> None:
    """Whole histories, with nothing to tell."""
    raw = ECB.pair(pair, "csv")
    assert examine(raw, ecb=ECB).notes == raw.notes
