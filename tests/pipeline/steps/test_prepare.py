"""Series and features: stored once, and never used when they do not belong together."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from podium.data.store import data_version, load_series, save_series
from podium.errors import MissingError
from podium.features import build_features
from podium.pipeline.prepare import ingest, load_table, series_path
from podium.pipeline.train import train


def test_ingest_stores_what_it_says(ready):
    """The whole history of the bundled source lands in the working directory under its data version."""
    brought = ingest(ready)
    assert data_version(load_series(series_path(ready))) == data_version(brought.series)
    assert (brought.series.source, brought.series.pair) == ("ecb", "EURUSD")
    assert len(brought.series) > 7000


def test_preprocess_stores_the_features_of_the_series(ready, rates):
    """What training reads is what `build_features` makes of the stored series, to the bit."""
    expected = build_features(rates, ready.n_lags, data_version(rates))
    found = load_table(ready)
    assert np.array_equal(found.values, expected.values)
    assert np.array_equal(found.target, expected.target, equal_nan=True)
    assert np.array_equal(found.origins, expected.origins)
    assert (found.names, found.data_version) == (expected.names, expected.data_version)


def test_training_without_a_series_names_the_step(ready):
    """Features without their series cannot be checked."""
    series_path(ready).unlink()
    with pytest.raises(MissingError, match="podium ingest"):
        train(ready)


@pytest.mark.parametrize("kind", ["absent", "damaged", "of older rates", "of fewer lags", "of more lags"])
def test_features_are_made_where_there_are_none_that_fit(kind, ready, rates):
    """Training after a new ingest, a lost file or other lags sees the features of the stored series."""
    path = ready.data_dir / "processed" / "EURUSD.parquet"
    closes = rates.closes.copy()
    if kind == "absent":
        path.unlink()
    elif kind == "damaged":
        path.write_bytes(path.read_bytes()[:-100])
    elif kind == "of older rates":
        closes[-1] *= 1.0001
        save_series(dataclasses.replace(rates, closes=closes), series_path(ready))
    settings = ready.model_copy(update={"n_lags": {"of fewer lags": 40, "of more lags": 20}.get(kind, ready.n_lags)})
    table = load_table(settings)
    assert len(table.names) == settings.n_lags + 1
    assert table.values[-1, 0] == pytest.approx(np.log(closes[-1] / closes[-2]))
    written = path.stat().st_mtime_ns
    assert np.array_equal(load_table(settings).values, table.values)
    assert path.stat().st_mtime_ns == written


def test_what_changes_in_the_stored_series_is_told(ready, rates, tmp_path):
    """Another source, an earlier end, other rates: ingest says it; nothing where the series only goes on."""
    assert [note for note in ingest(ready).notes if "EURUSD:" in note] == []
    assert ingest(ready).notes == ()
    rows = [f"{day},{close * 1.001}" for day, close in zip(rates.dates[:-5], rates.closes[:-5], strict=True)]
    (tmp_path / "rates.csv").write_text("\n".join(["Date,Close", *rows]))
    notes = ingest(ready.model_copy(update={"source": "csv:rates.csv"})).notes
    assert [note.partition(" the rates ")[2][:9] for note in notes[:3]] == ["come from", "end on 20", "begin on "]
    assert f"{len(rows)} of {len(rows)} days have another rate than before" in notes[3]


def test_a_stored_series_that_cannot_be_read_is_replaced(ready):
    """There is nothing to compare with, and the new one is good."""
    series_path(ready).write_bytes(b"damaged")
    assert ingest(ready).notes == ()
    assert load_table(ready)
