"""The newest stored close of each pair, as the row from which the next day is forecast."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from podium.data.calendar import calendar_of, next_business_day, stale
from podium.data.days_ahead import read_ahead
from podium.data.store import data_version, load_series
from podium.errors import DataError, MissingError
from podium.features import MOVING_AVERAGE_DAYS, build_features
from podium.records import DataVersion, Floats, Interval, Late, NextDay, Series
from podium.serve.hotswap.manifest import ModelCard
from podium.settings import Settings

LOOK = 0.02  # seconds for which a series counts as fresh without a look at its file; one look costs microseconds
_SAME = 1e-9  # two log returns closer than this are one


@dataclass(frozen=True, slots=True)
class Close:
    """What is known at the newest stored close.

    Attributes:
        series: the stored series.
        data_version: names it.
        origin: ISO date of its last day.
        target_date: ISO date of the next business day.
        intervals: of the models that were fitted before it, brought here, by `ModelCard.folder`.
    """

    series: Series
    data_version: DataVersion
    origin: str
    target_date: str
    intervals: dict[str, Interval | None] = field(default_factory=dict, repr=False, compare=False)
    _rows: dict[tuple[str, ...], Floats | None] = field(default_factory=dict, repr=False, compare=False)

    @property
    def price(self) -> float:
        """The close itself."""
        return float(self.series.closes[-1])

    def row(self, features: tuple[str, ...]) -> Floats:
        """The model's columns at this close, shape (1, len(features)); see `rows`."""
        return self.rows(features, 1)

    def rows(self, features: tuple[str, ...], n_days: int) -> Floats:
        """The model's columns at the last closes, shape (n_days, len(features)).

        Raises:
            MissingError: the series does not have what the model takes.
        """
        lags = [int(name[4:]) + 1 for name in features if name.startswith("lag_")]
        n_lags = max(MOVING_AVERAGE_DAYS, *lags, 0)
        if len(self.series) < n_lags + n_days:
            raise MissingError(f"{self.series.pair} has {len(self.series)} stored days, too few for this model")
        table = build_features(self.series.part(slice(-n_lags - n_days, None)), n_lags, self.data_version)
        known = dict(zip(table.names, table.values[-n_days:].T, strict=True))
        missing = next((name for name in features if name not in known), None)
        if missing is not None:
            raise MissingError(f"the stored series of {self.series.pair} does not give the column {missing}")
        return np.column_stack([known[name] for name in features])

    def place(self, features: tuple[str, ...], X: Floats) -> int | None:
        """Which row of a request starts from this close; None if no row does.

        Args:
            features: columns of X.
            X: shape (n_rows, len(features)).
        """
        row = self._known_row(features)
        if row is None:
            return None
        if len(X) == 1:  # the usual request; one comparison of numbers tells nearly all others apart
            near = abs(X[0, 0] - row[0]) <= _SAME
            return 0 if near and np.abs(X[0] - row).max() <= _SAME else None
        found = np.flatnonzero(np.abs(X[:, 0] - row[0]) <= _SAME)
        return next((at for at in found.tolist() if np.abs(X[at] - row).max() <= _SAME), None)

    def _known_row(self, features: tuple[str, ...]) -> Floats | None:
        if features not in self._rows:
            try:
                self._rows[features] = self.row(features)[0]
            except MissingError:
                self._rows[features] = None
        return self._rows[features]


class Closes:
    """Stored series by pair, read again when their files change.

    Args:
        settings: calendar, and the data folder; series are in `raw/<PAIR>.parquet` there.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, self._folder = settings, settings.data_dir / "raw"
        self._known: dict[str, tuple[tuple[int, int], Close]] = {}
        self._looked: dict[str, float] = {}
        self._stale: dict[str, tuple[DataVersion, int, Late | None]] = {}
        self._lock = threading.Lock()

    def known(self, pair: str) -> Close | None:
        """The newest close that was read so far, without a look at the file."""
        found = self._known.get(pair)
        return found[1] if found else None

    def stale(self, pair: str) -> Late | None:
        """What is late of the rates that were read so far, where that must be told first."""
        close, second = self.known(pair), int(time.monotonic())
        if close is None:
            return None
        known = self._stale.get(pair)
        if known is None or known[:2] != (close.data_version, second):  # asking the calendar costs a fifth of a request
            late = stale(self._settings, close.data_version)
            known = self._stale[pair] = (close.data_version, second, late)
        return known[2]

    def ahead(self, card: ModelCard, close: Close) -> list[NextDay]:
        """What is kept of a model's forecasts of further days from this close; reads a file, so call it in a thread."""
        late = self.stale(close.series.pair)
        kept = read_ahead(self._settings, card.name, card.version, close.data_version)
        return [replace(told, stale=late) for told in kept]

    def due(self, pair: str) -> bool:
        """Whether it is time to look at the file."""
        return time.monotonic() - self._looked.get(pair, -LOOK) >= LOOK

    def newest(self, pair: str) -> Close:
        """The newest stored close; reads the file if it has changed, so call it in a thread.

        Raises:
            MissingError: nothing is stored for the pair.
            DataError: the file is damaged.
        """
        path = self._folder / f"{pair}.parquet"
        with self._lock:
            try:
                found = path.stat()
            except OSError:
                self._known.pop(pair, None)
                raise MissingError(f"there are no stored rates of {pair} yet; run `podium ingest`") from None
            state = (found.st_mtime_ns, found.st_size)
            known = self._known.get(pair)
            if known is None or known[0] != state:
                known = (state, _read(path, self._settings))
                self._known[pair] = known
            self._looked[pair] = time.monotonic()
            return known[1]

    def refresh(self, pairs: Mapping[str, object]) -> None:
        """Look at the files of these pairs; what cannot be read is left as it was."""
        for pair in pairs:
            try:
                self.newest(pair)
            except (MissingError, DataError):
                continue


def _read(path: Path, settings: Settings) -> Close:
    series = load_series(path)
    last = series.dates[-1]
    target_date = next_business_day(last, calendar=calendar_of(settings, series.source))
    return Close(series, data_version(series), str(last), str(target_date))
