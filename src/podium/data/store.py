"""Where series and features are kept: parquet with a digest, replaced whole or not at all.

Read and written with pyarrow alone. Its conversions from and to numpy (`pa.array`, `to_numpy`, `pq.read_table`) import
pandas, which serving must not wait for; so numbers pass through arrow's own buffers here.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from podium.data.files import atomic_write
from podium.errors import MissingError, file_fault
from podium.records import DataVersion, Dates, FeatureTable, Floats, Series

if TYPE_CHECKING:
    import pyarrow as pa

MOST_NUMBERS = 50_000_000  # of a file; thirty thousand days with 512 lags are a third of it
KEY = b"podium"  # schema metadata: kind, pair, source or data version, digest
DAYS, NUMBERS = "date32[day]", "double"  # as arrow calls them


def data_version(series: Series) -> DataVersion:
    """The value that names exactly this series."""
    return DataVersion(series.source, series.pair, series.dates[-1], series_digest(series)[:8])


def series_digest(series: Series) -> str:
    """SHA-256 over source, pair, dates, closes and extras; the same on every platform."""
    return _digest(
        [series.source, series.pair, *sorted(series.extras)],
        [series.dates],
        [series.closes, *(series.extras[name] for name in sorted(series.extras))],
    )


def save_series(series: Series, path: Path) -> None:
    """Replace the series at `path`; after any failure the old one is still there.

    Raises:
        SettingError: the file cannot be written.
    """
    meta = {"kind": "series", "pair": series.pair, "source": series.source, "digest": series_digest(series)}
    names = ["date", "close", *series.extras]
    atomic_write(path, columns_parquet(names, [series.dates], [series.closes, *series.extras.values()], meta))


def load_series(path: Path) -> Series:
    """The series at `path`, exactly as it was saved.

    Raises:
        MissingError: nothing was ingested yet.
        DataError: the file is damaged or was changed after it was saved.
    """
    remedy = "run `podium ingest`"
    meta, (_, _, *names), (dates,), (closes, *extras) = _read(path, "series", 1, remedy)
    named = MappingProxyType(dict(zip(names, extras, strict=True)))
    series = Series(meta["pair"], dates, closes, meta["source"], named)
    _verify(path, meta, series_digest(series), remedy)
    return series


def save_features(table: FeatureTable, path: Path) -> None:
    """Replace the feature table at `path`; after any failure the old one is still there.

    Raises:
        SettingError: the file cannot be written.
    """
    version, digest = str(table.data_version), _features_digest(table)
    meta = {"kind": "features", "pair": table.pair, "data_version": version, "digest": digest}
    names = ["origin", "target_date", "target", *table.names]
    columns = [table.origins, table.target_dates], [table.target, *table.values.T]
    atomic_write(path, columns_parquet(names, *columns, meta))


def load_features(path: Path) -> FeatureTable:
    """The feature table at `path`, exactly as it was saved.

    Raises:
        MissingError: nothing was preprocessed yet.
        DataError: the file is damaged or was changed after it was saved.
    """
    remedy = "run `podium preprocess`"
    meta, (_, _, _, *names), (origins, target_dates), (target, *X) = _read(path, "features", 2, remedy)
    version = DataVersion.of_tags(meta)
    if version is None:
        raise file_fault(str(path), "damaged_file", f"does not name its series; {remedy} again")
    values = np.array(X).reshape(len(X), len(origins)).T.copy()
    features = FeatureTable(meta["pair"], version, origins, target_dates, tuple(names), values, target)
    _verify(path, meta, _features_digest(features), remedy)
    return features


def columns_parquet(
    names: Sequence[str], dates: Sequence[Dates], floats: Sequence[Floats], meta: Mapping[str, str] | None = None
) -> bytes:
    """A parquet file: days first, then numbers; by position, for a feature may be called anything, `target` too.

    Args:
        names: of the columns.
        dates: columns of days, NaT as null.
        floats: columns of numbers.
        meta: what the file says of itself.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_arrays([*map(_arrow_dates, dates), *map(_arrow_floats, floats)], names=list(names))
    buffer = io.BytesIO()
    kept = {KEY: json.dumps(dict(meta), sort_keys=True)} if meta else None
    pq.write_table(table.replace_schema_metadata(kept), buffer, compression="zstd")
    return buffer.getvalue()


def read_columns(parquet: bytes) -> tuple[dict[str, Dates], dict[str, Floats]]:
    """The columns of any parquet file of days and numbers, by name, without pandas: days first, then numbers.

    Raises:
        ValueError: it is no parquet file, or holds something else.
    """
    import pyarrow as pa

    try:
        table = _table(parquet)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"not a parquet file: {error}") from None
    kinds = {name: str(table.column(name).type) for name in table.column_names}
    if unknown := {*kinds.values()} - {DAYS, NUMBERS}:
        raise ValueError(f"columns of {', '.join(sorted(unknown))}; days and numbers are wanted")
    columns = dict(zip(table.column_names, table.columns, strict=True))
    dates = {name: _dates(column) for name, column in columns.items() if kinds[name] == DAYS}
    return dates, {name: _floats(column) for name, column in columns.items() if kinds[name] == NUMBERS}


def _read(
    path: Path, kind: str, n_dates: int, remedy: str
) -> tuple[dict[str, str], list[str], list[Dates], list[Floats]]:
    """What `columns_parquet` was given."""
    import pyarrow as pa

    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise MissingError(f"{path} is not there yet; {remedy} first") from None
    except OSError as error:
        raise file_fault(str(path), "unreadable", f"{error.strerror or error}; {remedy} again") from error
    try:
        table = _table(data)
        meta: dict[str, Any] = json.loads((table.schema.metadata or {})[KEY])
        found = meta["kind"], meta["pair"], meta["digest"]
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError) as error:
        raise file_fault(str(path), "damaged_file", f"not a file that Podium wrote; {remedy} again") from error
    if found[0] != kind:
        raise file_fault(str(path), "wrong_kind", f"holds {found[0]}, not {kind}; {remedy} again")
    columns = table.columns
    if [str(column.type) for column in columns] != [DAYS] * n_dates + [NUMBERS] * (len(columns) - n_dates):
        raise file_fault(str(path), "wrong_columns", f"not as Podium wrote it; {remedy} again")
    return meta, table.column_names, [*map(_dates, columns[:n_dates])], [*map(_floats, columns[n_dates:])]


def _table(parquet: bytes) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(parquet))
    if (size := file.metadata.num_rows * file.metadata.num_columns) > MOST_NUMBERS:  # a few bytes may say so many
        raise pa.ArrowInvalid(f"{size:,} numbers, and at most {MOST_NUMBERS:,} are read")
    return file.read(
        use_threads=False
    )  # a process that ends while Arrow's threads begin is aborted: apache/arrow#34314


def _verify(path: Path, meta: Mapping[str, str], digest: str, remedy: str) -> None:
    if meta["digest"] != digest:
        raise file_fault(str(path), "digest", f"changed after it was saved; {remedy} again")


def _arrow_dates(dates: Dates) -> pa.Array:
    """As `date32`, NaT as null."""
    import pyarrow as pa

    valid = ~np.isnat(dates)
    days = np.where(valid, dates.astype("datetime64[D]").astype(np.int64), 0).astype(np.int32)
    bitmap = np.packbits(valid, bitorder="little")
    return pa.Array.from_buffers(pa.date32(), len(days), [pa.py_buffer(bitmap), pa.py_buffer(days)])


def _arrow_floats(column: Floats) -> pa.Array:
    import pyarrow as pa

    data = pa.py_buffer(np.ascontiguousarray(column, dtype=np.float64))
    return pa.Array.from_buffers(pa.float64(), len(column), [None, data])


def _dates(column: pa.ChunkedArray) -> Dates:
    column = column.combine_chunks()
    bitmap, data = column.buffers()
    dates = np.frombuffer(data, np.int32, len(column), 4 * column.offset).astype("datetime64[D]")
    if column.null_count:
        valid = np.unpackbits(np.frombuffer(bitmap, np.uint8), bitorder="little").astype(bool)
        dates[~valid[column.offset : column.offset + len(column)]] = np.datetime64("NaT")
    return dates


def _floats(column: pa.ChunkedArray) -> Floats:
    column = column.combine_chunks()
    return np.frombuffer(column.buffers()[1], np.float64, len(column), 8 * column.offset).copy()


def _features_digest(table: FeatureTable) -> str:
    floats = [table.target, np.ascontiguousarray(table.values)]
    return _digest([table.pair, str(table.data_version), *table.names], [table.origins, table.target_dates], floats)


def _digest(words: list[str], dates: list[Dates], floats: list[Floats]) -> str:
    digest = hashlib.sha256(json.dumps(words).encode())
    for days in dates:
        digest.update(days.astype("datetime64[D]").astype("<i8").tobytes())
    for column in floats:
        digest.update(column.astype("<f8").tobytes())
    return digest.hexdigest()
