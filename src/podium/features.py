"""The only definition of features and target: pure, causal, the same for training, scoring and serving."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from podium.errors import DataError, Fault
from podium.records import DataVersion, FeatureTable, Floats, Series

if TYPE_CHECKING:
    import pandas as pd

MOVING_AVERAGE_DAYS = 5


def log_returns(closes: Floats) -> Floats:
    """Daily log returns.

    Args:
        closes: shape (n_days,), positive.

    Returns:
        shape (n_days - 1,); element t is `log(closes[t + 1] / closes[t])`.
    """
    return np.diff(np.log(closes))


def feature_names(n_lags: int, extras: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The columns of X in order: `lag_0` (the newest return) to `lag_<n_lags-1>`, `ma_5`, then one a further column."""
    return (
        *(f"lag_{age}" for age in range(n_lags)),
        f"ma_{MOVING_AVERAGE_DAYS}",
        *(f"{name}_log_ratio" for name in extras),
    )


def build_features(series: Series, n_lags: int, data_version: DataVersion) -> FeatureTable:
    """X and target of a series.

    Row i is the origin `series.dates[n_lags + i]`: its lags are the `n_lags` returns up to that close, `ma_5` the
    mean of the newest five, and each further column of the series enters as `log(column / close)` of that day. The
    last row has no target yet: it is the one that forecasts tomorrow.

    Args:
        series: at least `n_lags + 1` days.
        n_lags: how many returns an origin looks back on, at least five.
        data_version: names the exact series.

    Raises:
        DataError: the series is too short for so many lags.
    """
    if len(series) <= n_lags:
        raise DataError([_too_short(series, n_lags)])
    returns = log_returns(series.closes)
    windows = np.lib.stride_tricks.sliding_window_view(returns, n_lags)[:, ::-1]  # (n_origins, n_lags), newest first
    columns = [windows, windows[:, :MOVING_AVERAGE_DAYS].mean(axis=1, keepdims=True)]
    columns += [np.log(extra / series.closes)[n_lags:, np.newaxis] for extra in series.extras.values()]
    return FeatureTable(
        pair=series.pair,
        data_version=data_version,
        origins=series.dates[n_lags:],
        target_dates=np.append(series.dates[n_lags + 1 :], np.datetime64("NaT", "D")),
        names=feature_names(n_lags, tuple(series.extras)),
        values=np.ascontiguousarray(np.hstack(columns)),
        target=np.append(returns[n_lags:], np.nan),
    )


def frame(table: FeatureTable) -> pd.DataFrame:
    """X as the table of named float64 columns that every logged model takes, one row an origin."""
    import pandas as pd

    return pd.DataFrame(table.values, columns=list(table.names))


def _too_short(series: Series, n_lags: int) -> Fault:
    return Fault(
        where=f"{series.pair} from {series.source}",
        column="close",
        check="enough history for the lags",
        count=len(series),
        remedy=f"n_lags {n_lags} needs at least {n_lags + 1} days; lower n_lags or bring more days",
    )
