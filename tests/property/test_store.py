"""The store on generated series: exact round trips, and a data version that misses no change."""

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from podium.data.store import data_version, load_features, load_series, save_features, save_series
from podium.records import DataVersion, FeatureTable, Series

FIXTURES = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
POSITIVE = st.floats(min_value=1e-300, max_value=1e300)
ANY = st.floats(allow_nan=True, allow_infinity=True)
NAMES = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8), unique=True)


def _dates(days: int) -> np.ndarray:
    return np.datetime64("1999-01-04") + np.arange(days)


@st.composite
def series(draw: st.DrawFn) -> Series:
    """Any closes and extras, named in any script."""
    days = draw(st.integers(1, 30))
    column = npst.arrays(np.float64, days, elements=POSITIVE)
    names = [name for name in draw(NAMES) if name not in {"date", "close"}][:3]
    extras = MappingProxyType({name: draw(column) for name in names})
    return Series("EURUSD", _dates(days), draw(column), "csv", extras)


@FIXTURES
@given(series())
def test_a_series_comes_back_bit_by_bit(tmp_path: Path, one: Series) -> None:
    """Whatever the floats and names are, saved and loaded is the same."""
    save_series(one, tmp_path / "s.parquet")
    back = load_series(tmp_path / "s.parquet")
    assert np.array_equal(back.dates, one.dates)
    assert back.closes.tobytes() == one.closes.tobytes()
    assert {name: c.tobytes() for name, c in back.extras.items()} == {n: c.tobytes() for n, c in one.extras.items()}
    assert data_version(back) == data_version(one)


@FIXTURES
@given(series(), st.data())
def test_any_changed_value_changes_the_data_version(tmp_path: Path, one: Series, data: st.DataObject) -> None:
    """One float moved by its last bit, in any column, is another version."""
    columns = {"close": one.closes, **one.extras}
    name = data.draw(st.sampled_from(sorted(columns)))
    row = data.draw(st.integers(0, len(one) - 1))
    changed = columns[name].copy()
    changed[row] = np.nextafter(changed[row], np.inf)
    other = (
        replace(one, closes=changed)
        if name == "close"
        else replace(one, extras=MappingProxyType({**one.extras, name: changed}))
    )
    assert data_version(other) != data_version(one)


@FIXTURES
@given(st.integers(1, 20), st.integers(1, 5), st.data())
def test_features_come_back_bit_by_bit(tmp_path: Path, rows: int, width: int, data: st.DataObject) -> None:
    """NaN, infinity and days to come included."""
    targets = _dates(rows + 1)[1:].copy()
    targets[data.draw(npst.arrays(bool, rows))] = np.datetime64("NaT")
    table = FeatureTable(
        pair="GBPJPY",
        data_version=DataVersion("test", "GBPJPY", np.datetime64("2026-10-30"), "3f2a9c1b"),
        origins=_dates(rows),
        target_dates=targets,
        names=tuple(f"lag_{at}" for at in range(width)),
        values=data.draw(npst.arrays(np.float64, (rows, width), elements=ANY)),
        target=data.draw(npst.arrays(np.float64, rows, elements=ANY)),
    )
    save_features(table, tmp_path / "f.parquet")
    back = load_features(tmp_path / "f.parquet")
    assert back.values.tobytes() == table.values.tobytes()
    assert back.target.tobytes() == table.target.tobytes()
    assert np.array_equal(back.origins, table.origins)
    assert np.array_equal(back.target_dates, table.target_dates, equal_nan=True)
    assert (back.pair, back.data_version, back.names) == (table.pair, table.data_version, table.names)
