import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from podium.data.files import atomic_write
from podium.data.store import data_version, load_features, load_series, save_features, save_series
from podium.errors import DataError, MissingError, SettingError
from podium.records import DataVersion, FeatureTable, Series

VERSION = DataVersion("csv", "EURUSD", np.datetime64("2024-01-08"), "0a1b2c3d")
PATH = Path("data/raw/EURUSD.parquet")


@pytest.fixture
def features() -> FeatureTable:
    """Six origins, the last without a target, with a feature that is called like a column of the file."""
    dates = np.busday_offset("2024-01-01", np.arange(6)).astype("datetime64[D]")
    targets = np.append(dates[1:], np.datetime64("NaT", "D"))
    values = np.random.default_rng(1).normal(size=(6, 3))
    target = np.append(np.arange(5) / 7, np.nan)
    return FeatureTable("EURUSD", VERSION, dates, targets, ("lag_0", "lag_1", "target"), values, target)


def test_a_series_comes_back_exactly(series):
    """Pair, source, dates, every bit of every float and the extras; a new folder is made for it."""
    save_series(series, PATH)
    back = load_series(PATH)
    assert (back.pair, back.source, list(back.extras)) == (series.pair, series.source, list(series.extras))
    assert back.dates.dtype == np.dtype("datetime64[D]")
    assert np.array_equal(back.dates, series.dates)
    assert back.closes.tobytes() == series.closes.tobytes()
    assert back.extras["low"].tobytes() == series.extras["low"].tobytes()
    assert data_version(back) == data_version(series)


def test_features_come_back_exactly(features):
    """With the target that is still to come (NaN, NaT), and a feature that has the name of another column."""
    save_features(features, PATH)
    back = load_features(PATH)
    assert (back.pair, back.data_version, back.names) == (features.pair, features.data_version, features.names)
    assert back.values.tobytes() == features.values.tobytes()
    assert back.target.tobytes() == features.target.tobytes()
    assert np.array_equal(back.origins, features.origins)
    assert np.array_equal(back.target_dates, features.target_dates, equal_nan=True)
    assert np.isnat(back.target_dates[-1])


def test_any_parquet_reader_reads_the_file(series):
    """It is plain parquet: a date column, a close, the extras."""
    save_series(series, PATH)
    table = pq.read_table(PATH)
    assert table.schema.names == ["date", "close", "high", "low"]
    assert table.schema.types == [pa.date32(), pa.float64(), pa.float64(), pa.float64()]
    assert table.column("date")[0].as_py() == series.dates[0].item()
    assert table.column("close").to_pylist() == series.closes.tolist()


def test_the_data_version_is_the_same_on_every_machine():
    """Source, pair, last day and a digest that must never change: it joins runs made years apart."""
    dates = np.array(["2024-01-02", "2024-01-03"], dtype="datetime64[D]")
    series = Series("EURUSD", dates, np.array([1.0956, 1.0919]), "ecb")
    assert str(data_version(series)) == "ecb-EURUSD-2024-01-03-621ead16"


@pytest.mark.parametrize("source", ["ecb", "ecb-online", "my-own-source-2"])
def test_a_data_version_survives_its_tag(series, source):
    """Whatever dashes the name of a source has, what was written is what is read."""
    version = data_version(replace(series, source=source))
    assert DataVersion.parse(str(version)) == version
    assert version.last_day == series.dates[-1]


def test_the_data_version_depends_on_everything(series):
    """Another value, day, extra, name of an extra, pair or source is another version."""
    closes, dates = series.closes.copy(), series.dates.copy()
    closes[7] = np.nextafter(closes[7], 2)
    dates[0] -= 1
    others = [
        replace(series, closes=closes),
        replace(series, dates=dates),
        replace(series, pair="EURGBP"),
        replace(series, source="ecb"),
        replace(series, extras=MappingProxyType({})),
        replace(series, extras=MappingProxyType({"low": series.extras["high"], "high": series.extras["low"]})),
        replace(series, extras=MappingProxyType({"hi": series.extras["high"], "low": series.extras["low"]})),
        series.until(399),
    ]
    assert len({data_version(one) for one in [series, *others]}) == len(others) + 1


def test_the_data_version_does_not_depend_on_the_order_of_extras(series):
    """Columns are named; their order says nothing."""
    turned = replace(series, extras=MappingProxyType(dict(reversed(series.extras.items()))))
    assert data_version(turned) == data_version(series)


@pytest.mark.parametrize(("load", "step"), [(load_series, "podium ingest"), (load_features, "podium preprocess")])
def test_what_is_not_there_names_the_step(load, step):
    """A missing file is no traceback but the step to run first."""
    with pytest.raises(MissingError, match=rf"EURUSD.parquet is not there yet; run `{step}` first"):
        load(PATH)


def test_a_file_cut_or_changed_anywhere_is_noticed(series):
    """No damaged file is ever read as a series."""
    save_series(series, PATH)
    whole = PATH.read_bytes()
    for at in range(0, len(whole), 401):
        PATH.write_bytes(whole[:at])
        with pytest.raises(DataError):
            load_series(PATH)
        changed = bytearray(whole)
        changed[at] ^= 0x55
        PATH.write_bytes(bytes(changed))
        try:
            back = load_series(PATH)
        except DataError:
            continue
        assert data_version(back) == data_version(series), f"byte {at}"


def test_a_value_changed_behind_our_back_is_noticed(series):
    """The digest covers the content, not the file: an edited table does not pass for the one that was saved."""
    save_series(series, PATH)
    table = pq.read_table(PATH)
    closes = series.closes.copy()
    closes[3] += 1e-12
    pq.write_table(table.set_column(1, "close", pa.array(closes)).replace_schema_metadata(table.schema.metadata), PATH)
    with pytest.raises(DataError, match=r"digest - changed after it was saved; run `podium ingest` again"):
        load_series(PATH)


def test_features_changed_behind_our_back_are_noticed(features):
    """The same for the feature table."""
    save_features(features, PATH)
    table = pq.ParquetFile(PATH).read()
    column = pa.array(features.values[:, 0] + 1)
    pq.write_table(table.set_column(3, "lag_0", column).replace_schema_metadata(table.schema.metadata), PATH)
    with pytest.raises(DataError, match="digest"):
        load_features(PATH)


def test_a_file_of_another_kind_is_refused(series, features):
    """Features are no series, and a foreign parquet file is neither."""
    save_features(features, PATH)
    with pytest.raises(DataError, match="wrong_kind"):
        load_series(PATH)
    pq.write_table(pa.table({"date": [1], "close": [2.0]}), PATH)
    with pytest.raises(DataError, match="damaged_file"):
        load_series(PATH)
    save_series(series, PATH)
    table = pq.read_table(PATH)
    pq.write_table(
        table.cast(
            pa.schema([table.schema.field(0).with_type(pa.string()), *list(table.schema)[1:]], table.schema.metadata)
        ),
        PATH,
    )
    with pytest.raises(DataError, match="wrong_columns"):
        load_series(PATH)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file(step, monkeypatch):
    """Disk full or killed before the last act: the old file is whole and no litter stays."""
    path = Path("folder/pointer.json")
    atomic_write(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), fail)
        with pytest.raises(SettingError, match=r"pointer.json cannot be written \(No space left on device\)"):
            atomic_write(path, b"new")
    assert path.read_bytes() == b"old"
    assert [file.name for file in Path("folder").iterdir()] == ["pointer.json"]
    atomic_write(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_folder_that_is_a_file_is_named():
    """What stands in the way is told in one line."""
    Path("data").write_text("")
    with pytest.raises(SettingError, match="cannot be written"):
        atomic_write(PATH, b"new")


def test_a_written_file_has_ordinary_permissions():
    """Others may read what is written, as far as the umask lets them."""
    old = os.umask(0o022)
    try:
        atomic_write(PATH, b"x")
    finally:
        os.umask(old)
    assert PATH.stat().st_mode & 0o777 == 0o644


def test_loading_needs_no_pandas(series):
    """Serving starts without pandas: neither saving nor loading nor fetching imports it."""
    save_series(series, PATH)
    code = (
        "import sys; from pathlib import Path; from podium.data.store import load_series, save_series\n"
        "from podium.data.fetch import fetch_series; from podium.settings import Settings\n"
        f"save_series(load_series(Path({str(PATH)!r})), Path('copy.parquet')); fetch_series(Settings.load())\n"
        "sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted by Linux")
def test_reading_begins_no_threads(series):
    """A verb that reads rates and ends at once is not aborted by Arrow's threads: neither rates nor files begin any."""
    save_series(series, PATH)
    pq.write_table(pa.table({"date": series.dates, "close": series.closes}), "rates.parquet")
    code = (
        "import os, sys; from pathlib import Path; import pyarrow.parquet; from podium.data.store import load_series\n"
        "from podium.data.sources import resolve; from podium.settings import Settings\n"
        "before = len(os.listdir('/proc/self/task'))\n"
        f"load_series(Path({str(PATH)!r})); resolve('csv:rates.parquet', Settings()).fetch('EURUSD')\n"
        "sys.exit(len(os.listdir('/proc/self/task')) - before)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
