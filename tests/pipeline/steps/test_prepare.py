"""Series and features: stored once, and never used when they do not belong together."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from podium.data.store import data_version, save_series
from podium.errors import MissingError
from podium.features import build_features
from podium.pipeline.prepare import ingest, load_table, preprocess, series_path
from podium.pipeline.train import train
from podium.registry.mlflow_store import MlflowStore


def test_ingest_stores_what_it_says(ready):
    """The whole history of the bundled source lands in the working directory under its data version."""
    brought = ingest(ready)
    assert brought.path == series_path(ready)
    assert brought.data_version == data_version(brought.series)
    assert (brought.data_version.source, brought.data_version.pair) == ("ecb", "EURUSD")
    assert len(brought.series) > 7000


def test_preprocess_stores_the_features_of_the_series(ready, rates):
    """What training reads is what `build_features` makes of the stored series, to the bit."""
    expected = build_features(rates, ready.n_lags, data_version(rates))
    found = load_table(ready)
    assert np.array_equal(found.values, expected.values)
    assert np.array_equal(found.target, expected.target, equal_nan=True)
    assert np.array_equal(found.origins, expected.origins)
    assert (found.names, found.data_version) == (expected.names, expected.data_version)


def test_training_without_features_names_the_step(ready):
    """The message says which step must come first, and nothing is recorded."""
    (ready.data_dir / "processed" / "EURUSD.parquet").unlink()
    with pytest.raises(MissingError, match="podium preprocess"):
        train(ready)
    assert MlflowStore(ready).client.search_experiments(filter_string="name LIKE 'EURUSD%'") == []


def test_training_without_a_series_names_the_step(ready):
    """Features without their series cannot be checked."""
    series_path(ready).unlink()
    with pytest.raises(MissingError, match="podium ingest"):
        train(ready)


def test_features_of_an_older_series_are_refused(ready, rates):
    """A revised rate makes the stored features out of date, until they are made again."""
    closes = rates.closes.copy()
    closes[-1] *= 1.0001
    save_series(dataclasses.replace(rates, closes=closes), series_path(ready))
    with pytest.raises(MissingError, match=r"the features belong to ecb-EURUSD-.*; run `podium preprocess`"):
        train(ready)
    preprocess(ready)
    assert load_table(ready).values[-1, 0] == pytest.approx(np.log(closes[-1] / closes[-2]))


@pytest.mark.parametrize("n_lags", [20, 40])
def test_features_of_another_window_are_refused(ready, n_lags):
    """A n_lags set anew needs features made anew, whether it is longer or shorter."""
    with pytest.raises(MissingError, match=rf"not made for n_lags = {n_lags}; run `podium preprocess`"):
        train(ready.model_copy(update={"n_lags": n_lags}))
