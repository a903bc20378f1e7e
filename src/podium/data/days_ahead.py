"""Forecasts of more than a day ahead as they were last made, kept beside the series: who shows them fits nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from podium.data.calendar import calendar_of, next_business_day
from podium.data.files import atomic_write
from podium.records import DataVersion, NextDay
from podium.settings import Settings


def read_ahead(settings: Settings, model_name: str, model_version: int | None, version: DataVersion) -> list[NextDay]:
    """What is kept of a registered version on exactly these rates, the nearest day first; nothing of any other.

    Args:
        settings: folder of the data, and the calendar.
        model_name: registered model, `EURUSD_LSTM`.
        model_version: its version.
        version: of the series.
    """
    import msgspec

    try:
        text = _path(settings, version.pair).read_bytes()
        found = msgspec.json.decode(text, type=list[NextDay], dec_hook=_day)
    except (OSError, ValueError):
        return []  # never made, cut short or of another release: made anew where somebody asks
    calendar = calendar_of(settings, version.source)
    return [
        told
        for told in found
        if (told.model_name, told.model_version, told.data_version) == (model_name, model_version, version)
        if told.target_date == next_business_day(version.last_day, told.horizon, calendar).item()
    ]


def keep_ahead(settings: Settings, made: list[NextDay]) -> None:
    """Keep forecasts of one version on one series beside those that are kept of it; in a folder that can be written."""
    import msgspec

    first, path = made[0], _path(settings, made[0].pair)
    kept = read_ahead(settings, first.model_name, first.model_version, first.data_version)
    found = {told.horizon: told for told in [*kept, *made]}
    path.parent.mkdir(parents=True, exist_ok=True)
    if os.access(path.parent, os.W_OK):
        atomic_write(path, msgspec.json.encode([found[horizon] for horizon in sorted(found)], enc_hook=str))


def _path(settings: Settings, pair: str) -> Path:
    return settings.data_dir / "processed" / f"{pair}.ahead.json"


def _day(kind: type, text: Any) -> Any:
    """The one type that JSON has no word for."""
    return np.datetime64(text, "D")
