"""What training leaves for those who serve: the range of the forecast that is still open."""

from __future__ import annotations

import dataclasses
import json

import pytest

from podium.data.store import load_series
from podium.pipeline.contest import evaluate
from podium.pipeline.forecast import forecast
from podium.pipeline.prepare import series_path
from podium.registry.log_items import read_interval


def test_the_range_left_for_servers_is_that_of_the_forecast_verb(trained, monkeypatch):
    """`next_day.json` is for the last stored day, and gives the range of `podium forecast` around the champion."""
    monkeypatch.chdir(trained.settings.data_dir.parent)
    evaluate(trained.settings)
    champion, told = trained.store.champion(), forecast(trained.settings)[0]
    left = json.loads(trained.store.read_file(champion.run_id, "next_day.json"))
    assert left["origin"] == str(told.origin) == str(load_series(series_path(trained.settings)).dates[-1])
    assert left["forecast"] == pytest.approx(told.forecast, abs=1e-9)
    assert (left["model_name"], left["data_version"]) == (champion.name, str(told.data_version))
    assert (left["close"], left["target_date"]) == (told.close, str(told.target_date))
    found = read_interval(json.dumps(left).encode())
    assert found.reach == pytest.approx(told.interval.reach, rel=1e-6)
    assert dataclasses.replace(found, reach={}) == dataclasses.replace(told.interval, reach={})
