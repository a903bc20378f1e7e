"""The first two steps: from a source of rates to the table that every contestant sees."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from podium.data.continuity import changes
from podium.data.fetch import fetch_series
from podium.data.store import data_version, load_features, load_series, save_features, save_series
from podium.errors import DataError, MissingError, PodiumError
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
        notes: what was repaired, fallen back on or let pass, and what is other than in the series stored before.
    """

    series: Series
    data_version: DataVersion
    path: Path
    notes: tuple[str, ...]


def stored_or_fetched(settings: Settings) -> Series:
    """The stored series, else the source's, which is not stored."""
    path = series_path(settings)
    return load_series(path) if path.exists() else fetch_series(settings).series


def ingest(settings: Settings) -> Ingested:
    """Fetch the pair's rates, pass the quality gate, store them; after any failure the last good series stays."""
    fetched = fetch_series(settings)
    path = series_path(settings)
    try:
        notes = fetched.notes + changes(load_series(path), fetched.series)
    except PodiumError:  # there is none that could be compared
        notes = fetched.notes
    save_series(fetched.series, path)
    return Ingested(fetched.series, data_version(fetched.series), path, notes)


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
