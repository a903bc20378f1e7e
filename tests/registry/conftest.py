"""A small registry to write into."""

from __future__ import annotations

import pytest

from podium.registry.log_items import RunContext
from podium.registry.mlflow_store import MlflowStore


@pytest.fixture
def three(store: MlflowStore, make_result, context: RunContext):
    """One version each of LinearRegression, ARIMA and LSTM."""
    scores = {"LinearRegression": 0.0049, "ARIMA": 0.0050, "LSTM": 0.0051}
    runs = [store.log_run(make_result(family, rmse), context) for family, rmse in scores.items()]
    return [store.register(run) for run in runs]
