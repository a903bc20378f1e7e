"""X and target: what is in which column, and at which day."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest

from podium.errors import DataError
from podium.features import build_features, feature_names, frame, log_returns
from podium.records import DataVersion, Series

VERSION = DataVersion("test", "EURUSD", np.datetime64("2026-01-09"), "0a1b2c3d")


def series_of(closes, **extras):
    """A series of these closes, a day apart."""
    closes = np.asarray(closes, dtype=np.float64)
    dates = np.datetime64("2026-01-01") + np.arange(len(closes))
    return Series("EURUSD", dates, closes, "test", MappingProxyType(extras))


CLOSES = [1.0, 1.1, 1.2, 1.1, 1.0, 1.3, 1.25, 1.2, 1.4]


def test_a_row_worked_by_hand():
    """The first origin is the day that completes the first window: its lags, mean and target, computed by hand."""
    table = build_features(series_of(CLOSES), n_lags=6, data_version=VERSION)
    assert table.origins[0] == np.datetime64("2026-01-07")
    assert table.target_dates[0] == np.datetime64("2026-01-08")
    assert table.values[0, 0] == pytest.approx(np.log(1.25 / 1.3))
    assert table.values[0, 5] == pytest.approx(np.log(1.1 / 1.0))
    assert table.values[0, 6] == pytest.approx(np.log(1.25 / 1.1) / 5)
    assert table.target[0] == pytest.approx(np.log(1.2 / 1.25))
    assert table.data_version == VERSION


def test_the_last_row_forecasts_tomorrow():
    """The last day is an origin whose target and target date are still to come."""
    table = build_features(series_of(CLOSES), n_lags=6, data_version=VERSION)
    assert len(table) == len(CLOSES) - 6
    assert table.origins[-1] == np.datetime64("2026-01-09")
    assert np.isnan(table.target[-1])
    assert np.isnat(table.target_dates[-1])
    assert np.isfinite(table.target[:-1]).all()
    assert table.values[-1, 0] == pytest.approx(np.log(1.4 / 1.2))


def test_a_target_is_the_next_rows_newest_lag():
    """What is forecast at one close is what the next row knows."""
    table = build_features(series_of(CLOSES), n_lags=6, data_version=VERSION)
    assert np.array_equal(table.target[:-1], table.values[1:, 0])


def test_further_columns_enter_at_their_own_day():
    """A high is set against the close of the same day, never against the next one."""
    high = np.array(CLOSES) * np.linspace(1.001, 1.009, len(CLOSES))
    table = build_features(series_of(CLOSES, high=high), n_lags=6, data_version=VERSION)
    assert table.names[-1] == "high_log_ratio"
    assert table.values[:, -1] == pytest.approx(np.log(np.linspace(1.001, 1.009, len(CLOSES)))[6:])


def test_names_and_frame_agree():
    """X has one named float64 column a feature, newest return first."""
    table = build_features(series_of(CLOSES), n_lags=6, data_version=VERSION)
    X = frame(table)
    assert tuple(X.columns) == table.names == feature_names(6)
    assert table.names == ("lag_0", "lag_1", "lag_2", "lag_3", "lag_4", "lag_5", "ma_5")
    assert (X.dtypes == np.float64).all()
    assert np.array_equal(X["lag_2"], table.values[:, 2])


def test_a_table_shares_no_memory_with_its_lags():
    """Rows overlap in the series but not in memory: writing one lag changes no other."""
    table = build_features(series_of(CLOSES), n_lags=6, data_version=VERSION)
    before = table.values.copy()
    table.values[0, 0] = 9.0
    assert np.array_equal(table.values[1:], before[1:])


def test_one_day_more_than_the_window_is_enough():
    """The shortest series has one row, which forecasts tomorrow; one day fewer is a fault with both numbers."""
    assert len(build_features(series_of(CLOSES[:7]), n_lags=6, data_version=VERSION)) == 1
    with pytest.raises(DataError, match=r"EURUSD from test, column 'close': enough history .*\(6 rows\).* at least 7"):
        build_features(series_of(CLOSES[:6]), n_lags=6, data_version=VERSION)


def test_returns_of_a_series():
    """Log returns add up to the log of the whole move."""
    assert log_returns(np.array(CLOSES)).sum() == pytest.approx(np.log(1.4))
