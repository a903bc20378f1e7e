"""The first two steps: from a source of rates to the table that every contestant sees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from podium.data.continuity import changes
from podium.data.fetch import fetch_series
from podium.data.store import data_version, load_features, load_series, save_features, save_series
from podium.data.table import Fetched
from podium.errors import DataError, MissingError, PodiumError
from podium.features import build_features, feature_names
from podium.records import FeatureTable, Series
from podium.settings import Settings


def series_path(settings: Settings) -> Path:
    """Where the pair's series is kept."""
    return settings.data_dir / "raw" / f"{settings.pair}.parquet"


def features_path(settings: Settings) -> Path:
    """Where the pair's feature table is kept."""
    return settings.data_dir / "processed" / f"{settings.pair}.parquet"


def stored_or_fetched(settings: Settings) -> Series:
    """The stored series, else the source's, which is not stored."""
    path = series_path(settings)
    return load_series(path) if path.exists() else fetch_series(settings).series


def ingest(settings: Settings) -> Fetched:
    """Fetch the pair's rates, pass the quality gate, store them; after any failure the last good series stays.

    Returns:
        The series as stored; the notes tell too what is other than in the series stored before.
    """
    fetched = fetch_series(settings)
    path = series_path(settings)
    try:
        notes = fetched.notes + changes(load_series(path), fetched.series)
    except PodiumError:  # there is none that could be compared
        notes = fetched.notes
    save_series(fetched.series, path)
    return replace(fetched, notes=notes)


def preprocess(settings: Settings) -> FeatureTable:
    """Make and store the feature table of the stored series."""
    series = load_series(series_path(settings))
    table = build_features(series, settings.n_lags, data_version(series))
    save_features(table, features_path(settings))
    return table


def load_table(settings: Settings) -> FeatureTable:
    """The feature table of the stored series: the stored one, or made anew where it is of other rates or lags.

    Raises:
        MissingError: nothing was ingested yet.
    """
    version = data_version(load_series(series_path(settings)))
    try:
        table = load_features(features_path(settings))
    except (MissingError, DataError):
        return preprocess(settings)
    fits = table.data_version == version and table.names[: settings.n_lags + 1] == feature_names(settings.n_lags)
    return table if fits else preprocess(settings)
