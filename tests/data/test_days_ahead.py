"""Forecasts of further days are kept for one version on one series, and for nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from podium.data.calendar import next_business_day
from podium.data.days_ahead import keep_ahead, read_ahead
from podium.records import DataVersion, Interval, NextDay
from podium.settings import Settings

ORIGIN = date(2026, 12, 18)
VERSION = DataVersion("ecb", "EURUSD", np.datetime64(ORIGIN), "5138c3cd")
REACH = {"lower_80": 0.01, "upper_80": 0.01}


def told(horizon: int) -> NextDay:
    """A forecast over Christmas."""
    return NextDay(
        pair="EURUSD", origin=ORIGIN, target_date=next_business_day(VERSION.last_day, horizon).item(), horizon=horizon,
        close=1.1, forecast=0.1 / 3, interval=Interval(
            origin=ORIGIN, horizon=horizon, reach=REACH, sigma=0.01, df=6.0, volatility_model="log_mean"
        ), model_name="EURUSD_LSTM", model_version=3, data_version=VERSION, probability_of_rise=0.5, reason="untested",
    )  # fmt: skip


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """With a data folder of their own."""
    return Settings(data_dir=tmp_path)


def test_what_is_kept_is_read_to_the_last_bit(settings: Settings) -> None:
    """One after the other or together, the nearest first; a later one of the same day takes the place of the first."""
    keep_ahead(settings, [told(20)])
    keep_ahead(settings, [told(5), replace(told(20), forecast=0.2)])
    assert read_ahead(settings, "EURUSD_LSTM", 3, VERSION) == [told(5), replace(told(20), forecast=0.2)]


@pytest.mark.parametrize(
    "other",
    [{"model_name": "EURUSD_ARIMA"}, {"model_version": 4}, {"version": replace(VERSION, digest="0")}],
)
def test_nothing_is_kept_of_others(settings: Settings, other: dict[str, object]) -> None:
    """Another family, version or series: none; and what is kept of them takes the place of all."""
    keep_ahead(settings, [told(5)])
    asked = {"model_name": "EURUSD_LSTM", "model_version": 3, "version": VERSION, **other}
    assert read_ahead(settings, **asked) == []
    mine = {"data_version" if name == "version" else name: value for name, value in asked.items()}
    keep_ahead(settings, [replace(told(20), **mine)])
    assert [one.horizon for one in read_ahead(settings, **asked)] == [20]
    assert read_ahead(settings, "EURUSD_LSTM", 3, VERSION) == []


def test_another_calendar_means_another_day(settings: Settings) -> None:
    """Of weekdays Christmas is one: what was made for TARGET's fifth day is not told of it, a nearer day is."""
    keep_ahead(settings, [told(2), told(5)])
    weekdays = settings.model_copy(update={"calendar": "weekdays"})
    assert [one.horizon for one in read_ahead(weekdays, "EURUSD_LSTM", 3, VERSION)] == [2]


@pytest.mark.parametrize("damage", [lambda text: b"", lambda text: text[:-9], lambda text: b"[{}]"])
def test_what_cannot_be_read_is_none(settings: Settings, damage: object) -> None:
    """Empty, cut short or of another release."""
    keep_ahead(settings, [told(5)])
    (path,) = settings.data_dir.rglob("*.json")
    path.write_bytes(damage(path.read_bytes()))
    assert read_ahead(settings, "EURUSD_LSTM", 3, VERSION) == []
