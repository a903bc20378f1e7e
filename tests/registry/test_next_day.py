"""`next_day.json`: what training leaves of the forecast that is still open, and what a server reads of it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from podium.errors import RegistryError
from podium.records import DataVersion, Interval, NextDay
from podium.registry.log_items import next_day_json, read_interval

INTERVAL = Interval(
    origin=date(2026, 10, 30),
    reach={"lower_80": 0.005, "lower_95": 0.008, "upper_80": 0.005, "upper_95": 0.008},
    sigma=0.004,
    df=6.2,
    volatility_model="garch",
)
FIRST_RELEASE = b"""{
  "origin": "2026-10-30", "horizon": 1, "forecast": 0.0002, "half_width_80": 0.005, "half_width_95": 0.008,
  "sigma": 0.004, "df": 6.2, "volatility_model": "garch"
}"""


def test_what_was_written_is_read_back() -> None:
    """The interval of a file is the one that went in, and a file without one says so."""
    day = NextDay(
        pair="EURUSD",
        origin=date(2026, 10, 30),
        target_date=date(2026, 11, 2),
        close=1.1566,
        forecast=0.0002,
        interval=INTERVAL,
        model_name="EURUSD_LSTM",
        data_version=DataVersion("ecb", "EURUSD", np.datetime64("2026-10-30"), "5138c3cd"),
    )
    assert read_interval(next_day_json(day).encode()) == INTERVAL
    without = NextDay(**{name: getattr(day, name) for name in day.__slots__} | {"interval": None})
    assert read_interval(next_day_json(without).encode()) is None


def test_the_file_of_the_first_release_is_read() -> None:
    """Its file was the interval itself, with a key for each coverage."""
    assert read_interval(FIRST_RELEASE) == INTERVAL


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", FIRST_RELEASE[:-20], FIRST_RELEASE.replace(b"0.008", b'"wide"')])
def test_any_other_text_is_refused_by_name(text: bytes) -> None:
    """Cut short, empty, or with a word for a number: the error names the file and what helps."""
    with pytest.raises(RegistryError, match=r"next_day\.json.*podium train"):
        read_interval(text)
