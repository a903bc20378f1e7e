from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from podium.registry import log_items, plots
from podium.registry.log_items import record
from podium.settings import Settings


def test_a_run_says_what_the_guide_asks(make_result, context):
    """Tags, metrics under the same names for all, both baselines, parameters; nothing that is not finite."""
    found = record(make_result("ARIMA", params={"order": (1, 0, 1)}), context, Settings())
    assert found.tags["scored_days"] == str(context.scored_days)
    assert {"developer", "project", "data_version", "model_type"} <= found.tags.keys()
    metrics = {name for name, _, _ in found.metrics}
    assert {"rmse", "mae", "directional_accuracy", "baseline_rmse", "random_walk_rmse"} <= metrics
    assert "random_walk_directional_accuracy" not in metrics
    assert found.params["order"] == "1, 0, 1"


def test_forecasts_can_be_computed_with_again(make_result, context):
    """The parquet file holds every scored day, to the last bit, with its bounds."""
    import pyarrow.parquet as pq

    result = make_result("LSTM")
    bounded = replace(result.forecasts, bounds={"lower_80": result.forecasts.forecast - 0.01})
    found = record(replace(result, forecasts=bounded), context, Settings())
    table = pq.read_table(io.BytesIO(found.files["forecasts.parquet"]))
    assert table.column_names == ["origin", "target_date", "actual", "forecast", "lower_80"]
    assert table["forecast"].to_pylist() == result.forecasts.forecast.tolist()
    assert table["origin"].to_pylist() == result.forecasts.origins.astype(object).tolist()


@pytest.mark.usefixtures("pictures")
@pytest.mark.parametrize(("curve", "plots"), [(None, 2), ({"training": np.array([2.0, 1.0])}, 3)])
def test_plots_are_titled_and_have_units(make_result, context, curve, plots):
    """A forecast and the lead over the random walk always, the learning curve where there is one, by epoch."""
    found = record(make_result("LSTM", curve=curve), context, Settings())
    assert len(found.figures) == plots
    for figure in found.figures.values():
        assert "EUR/USD" in figure.axes[0].get_title(loc="left")
        assert all(panel.get_ylabel() for panel in figure.axes)
    learnt = [(value, step) for name, value, step in found.metrics if name == "training"]
    assert learnt == ([(2.0, 0), (1.0, 1)] if curve else [])


@pytest.mark.usefixtures("pictures")
def test_the_lead_over_the_random_walk_ends_where_the_scores_say(make_result, context):
    """The curve of Goyal and Welch ends at the difference of the summed squared errors."""
    forecasts = make_result("LSTM").forecasts
    line = plots.cumulative_skill(forecasts, "EURUSD", "LSTM").axes[0].lines[0]
    expected = np.sum(forecasts.actual**2) - np.sum((forecasts.actual - forecasts.forecast) ** 2)
    assert line.get_ydata()[-1] == pytest.approx(1e4 * expected)


def test_baselines_have_the_guides_name_and_their_own():
    """Persistence is the guide's baseline; every other keeps its name."""
    assert log_items.baseline_metric("persistence", "rmse") == "baseline_rmse"
    assert log_items.baseline_metric("random_walk", "rmse") == "random_walk_rmse"
