"""Real rates for the contestants: the ECB's EUR/USD, whole and its last five years."""

from __future__ import annotations

import dataclasses

import pytest

from podium.data.fetch import fetch_series
from podium.data.store import data_version
from podium.features import build_features
from podium.records import FeatureTable, Series
from podium.settings import Settings

N_RECENT = 1300


@pytest.fixture(scope="session")
def eurusd() -> Series:
    """Every day since 1999."""
    return fetch_series(Settings(source="ecb", pair="EURUSD")).series


@pytest.fixture(scope="session")
def long_table(eurusd: Series) -> FeatureTable:
    """Features of every day since 1999, with the default n_lags."""
    return build_features(eurusd, 32, data_version(eurusd))


@pytest.fixture(scope="session")
def recent(eurusd: Series) -> FeatureTable:
    """Features of the last 1,300 days."""
    days = slice(-N_RECENT, None)
    newest = dataclasses.replace(eurusd, dates=eurusd.dates[days], closes=eurusd.closes[days])
    return build_features(newest, 32, data_version(newest))
