"""The first two steps: from a source of rates to the table that every contestant sees."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from podium.data.fetch import fetch_series
from podium.data.store import data_version, load_features, load_series, save_features, save_series
from podium.errors import MissingError
from podium.features import build_features, feature_names
from podium.records import DataVersion, FeatureTable, Series
from podium.settings import Settings


def series_path(settings: Settings) -> Path:
    """Where the pair's series is kept."""
    return settings.data_dir / "raw" / f"{settings.pair}.parquet"


def features_path(settings: Settings) -> Path:
    """Where the pair's feature table is kept."""
    return settings.data_dir / "processed" / f"{settings.pair}.parquet"


@dataclass(frozen=True, slots=True)
class Ingested:
    """What `ingest` brought.

    Attributes:
        series: the series, as stored.
        data_version: names exactly this series.
        path: where it is stored.
        notes: what was repaired or fallen back on.
    """

    series: Series
    data_version: DataVersion
    path: Path
    notes: tuple[str, ...]


def ingest(settings: Settings) -> Ingested:
    """Fetch the pair's rates, pass the quality gate, store them; after any failure the last good series stays."""
    fetched = fetch_series(settings)
    path = series_path(settings)
    save_series(fetched.series, path)
    return Ingested(fetched.series, data_version(fetched.series), path, fetched.notes)


def preprocess(settings: Settings) -> FeatureTable:
    """Make and store the feature table of the stored series."""
    series = load_series(series_path(settings))
    table = build_features(series, settings.n_lags, data_version(series))
    save_features(table, features_path(settings))
    return table


def load_table(settings: Settings) -> FeatureTable:
    """The stored feature table, if it belongs to the stored series and the set window.

    Raises:
        MissingError: it is not there, or is out of date.
    """
    table = load_features(features_path(settings))
    if table.names[: settings.n_lags + 1] != feature_names(settings.n_lags):
        raise MissingError(f"the features were not made for n_lags = {settings.n_lags}; run `podium preprocess`")
    if table.data_version != data_version(load_series(series_path(settings))):
        raise MissingError(
            f"the features belong to {table.data_version}, not the newest series; run `podium preprocess`"
        )
    return table
