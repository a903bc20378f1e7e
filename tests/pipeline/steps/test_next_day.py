"""What training leaves for those who serve: the range of the forecast that is still open."""

from __future__ import annotations

import json
import math

import pytest

from podium.data.store import load_series
from podium.pipeline.evaluate import evaluate
from podium.pipeline.forecast import forecast
from podium.pipeline.prepare import series_path


def test_the_range_left_for_servers_is_that_of_the_forecast_verb(trained, monkeypatch):
    """`next_day.json` is for the last stored day, and gives the range of `podium forecast` around the champion."""
    monkeypatch.chdir(trained.settings.data_dir.parent)
    evaluate(trained.settings)
    champion, told = trained.store.champion(), forecast(trained.settings)[0]
    left = json.loads(trained.store.read_file(champion.run_id, "next_day.json"))
    assert left["origin"] == told.origin == str(load_series(series_path(trained.settings)).dates[-1])
    assert left["forecast"] == pytest.approx(told.forecast_return, abs=1e-9)
    assert left["sigma"] == pytest.approx(told.sigma)
    for alpha in ("80", "95"):
        ratio = getattr(told, f"upper_{alpha}") / getattr(told, f"lower_{alpha}")
        assert 2 * left[f"half_width_{alpha}"] == pytest.approx(math.log(ratio), rel=1e-6)
