"""MLflow's scoring protocol: a request's body becomes a matrix, forecasts become an answer. Pure, and without pandas.

Takes and refuses what `mlflow models serve` takes and refuses, with the exceptions that the documentation of serving
lists: all of them are stricter (text where a number belongs) or answer 4xx where MLflow's server breaks down with 500.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Container, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from podium.records import Floats
from podium.serve.web.http import INVALID, TOO_LARGE, RefusedError, quoted

FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")
JSON, CSV = "application/json", "text/csv"
MAX_DEPTH = 32  # brackets within brackets; the protocol needs four
LARGEST = 1e100  # a feature beyond this overflows in the model's own arithmetic
COUNTED = 64 * 1024  # bytes from which on a body is counted before objects, which take many times its bytes, are made
SLACK = 16
_BOM = b"\xef\xbb\xbf"


class Predictions(msgspec.Struct):
    """Forecasts, one log return a row."""

    predictions: list[float]


class _Split(msgspec.Struct, forbid_unknown_fields=True):
    data: list[list[float]]
    columns: list[str]
    index: list[Any] | None = None


class _SplitBody(msgspec.Struct):
    dataframe_split: _Split
    dataframe_records: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    instances: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    inputs: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_usual = msgspec.json.Decoder(_SplitBody)
_any = msgspec.json.Decoder()


def decode(body: bytes, content_type: str | None, features: tuple[str, ...], max_rows: int, positional: bool) -> Floats:
    """The rows of a request.

    Args:
        body: as it came.
        content_type: of the body; None when the client named none.
        features: names of the columns that the model takes, in order.
        max_rows: more are refused.
        positional: whether the model's signature knows no names, so that rows without names are taken by position.

    Returns:
        shape (n_rows, len(features)), float64, every value finite.

    Raises:
        RefusedError: 400, 413 or 415, with one sentence that names the field.
    """
    csv_given = _media_type(content_type) == CSV
    if len(body) > COUNTED:
        (_count_lines if csv_given else _count_values)(body, len(features), max_rows)
    return _from_csv(body, features, max_rows) if csv_given else _from_json(body, features, max_rows, positional)


def encode(forecasts: Floats) -> bytes:
    """`{"predictions": [...]}`, one log return a row."""
    return msgspec.json.encode(Predictions(forecasts.tolist()))


def _count_lines(body: bytes, _width: int, max_rows: int) -> None:
    # Empty lines are no rows, so only what cannot be right is refused here; the reader counts exactly.
    if max(_count(body, b"\n"), _count(body, b"\r")) > 2 * max_rows + SLACK:
        raise RefusedError(413, f"The CSV has more than {max_rows} rows; send them in several requests.", TOO_LARGE)


def _count_values(body: bytes, width: int, max_rows: int) -> None:
    # Further columns may hold lists, and have values: twice what the rows need is let through.
    marks = {b"[": 2 * max_rows + SLACK, b"{": 2 * max_rows + SLACK, b",": max_rows * (2 * width + SLACK)}
    if all(_count(body, mark) <= most for mark, most in marks.items()):
        return
    bare = _without_texts(body)
    for mark, most in marks.items():
        if np.count_nonzero(bare == ord(mark)) > most:
            what = f"{most} values" if mark == b"," else f"{max_rows} rows"
            raise RefusedError(413, f"The body has more than {what}; send them in several requests.", TOO_LARGE)


def _count(body: bytes, mark: bytes) -> int:
    # Four times as quick as bytes.count, which stops at each.
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == ord(mark)))


@lru_cache(maxsize=256)
def _media_type(content_type: str | None) -> str:
    if content_type is None:
        raise RefusedError(415, f"The request names no Content-Type; use {JSON} or {CSV}.")
    kind, *parameters = (part.strip() for part in content_type.split(";"))
    values = {name: value for name, _, value in (parameter.partition("=") for parameter in parameters)}
    if values.get("charset", "utf-8").lower() != "utf-8":
        raise RefusedError(415, "The scoring server only supports UTF-8")
    if set(values) - {"charset"}:
        names = ", ".join(quoted(name) for name in sorted(set(values) - {"charset"}))
        raise RefusedError(415, f"Unrecognized content type parameters: {names}; leave them away.")
    if kind not in {JSON, CSV}:
        sentence = f"This predictor only supports the following content types: {JSON}, {CSV}. Got {quoted(kind)}."
        raise RefusedError(415, sentence)
    return kind


# --- JSON ---------------------------------------------------------------------------------------------------------


def _from_json(body: bytes, features: tuple[str, ...], max_rows: int, positional: bool) -> Floats:
    try:
        usual = _usual.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _from_any(_parse(body), features, max_rows, positional)
    unset = msgspec.UNSET
    if usual.dataframe_records is not unset or usual.instances is not unset or usual.inputs is not unset:
        return _from_any(_parse(body), features, max_rows, positional)
    split = usual.dataframe_split
    _check_index(split.index, len(split.data))
    return _matrix(split.data, split.columns, features, max_rows, "dataframe_split", typed=True)


def _parse(body: bytes) -> Any:
    """Any JSON; what is wrong with it otherwise."""
    body = body.removeprefix(_BOM)
    if _depth(body) > MAX_DEPTH:
        raise RefusedError(400, f"The body nests more than {MAX_DEPTH} levels deep; send plain rows of numbers.")
    try:
        return _any.decode(body)
    except UnicodeDecodeError as error:
        raise _not_utf8(error.start) from None
    except (msgspec.DecodeError, RecursionError) as error:
        return _parse_leniently(body, str(error))


def _parse_leniently(body: bytes, reason: str) -> Any:
    # Python's own writer puts NaN and Infinity into JSON; parsed here only so that the sentence can name the column.
    try:
        body.decode()
        if b"NaN" in body or b"Infinity" in body or b"out of range" in reason.encode():
            return json.loads(body)
    except UnicodeDecodeError as error:
        raise _not_utf8(error.start) from None
    except (ValueError, RecursionError):
        pass
    sentence = reason.removeprefix("JSON is malformed: ")
    raise RefusedError(400, f"The body is not valid JSON: {sentence or 'it cannot be read'}.")


def _not_utf8(at: int) -> RefusedError:
    return RefusedError(400, f"The body is not valid UTF-8 (byte {at}); send UTF-8.")


def _depth(body: bytes) -> int:
    """How deep brackets nest; 0 where there are too few to matter."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return 0
    brackets = _without_texts(body)
    steps = np.isin(brackets, (91, 123)).view(np.int8) - np.isin(brackets, (93, 125)).view(np.int8)
    return int(steps.cumsum(dtype=np.int32).max(initial=0))


def _without_texts(body: bytes) -> npt.NDArray[np.uint8]:
    """The bytes outside of texts, roughly in the time that it takes to copy them, whatever they are."""
    # Backslashes go in pairs from the left; one that is left over takes the quote behind it along.
    plain = np.frombuffer(body.replace(b"\\\\", b"").replace(b'\\"', b""), np.uint8)
    inside = (plain == ord('"')).cumsum(dtype=np.uint8) & 1  # it may overflow: that leaves even and odd as they are
    bare: npt.NDArray[np.uint8] = plain[inside == 0]
    return bare


def _from_any(value: Any, features: tuple[str, ...], max_rows: int, positional: bool) -> Floats:
    if not isinstance(value, dict):
        got = "a list" if isinstance(value, list) else _kind(value)
        raise RefusedError(400, f"{_one_of()} Received {got}.")
    given = [name for name in FORMATS if name in value]
    if len(given) != 1:
        keys = ", ".join(quoted(key) for key in list(value)[:5]) or "none"
        raise RefusedError(400, f"{_one_of()} Received the fields: {keys}.")
    name = given[0]
    reader = _READERS[name]
    return reader(value[name], features, max_rows, positional)


def _one_of() -> str:
    return f"The input must be a JSON dictionary with exactly one of the input fields {', '.join(FORMATS)}."


def _from_split(value: Any, features: tuple[str, ...], max_rows: int, positional: bool) -> Floats:
    if not isinstance(value, dict):
        raise RefusedError(400, f"dataframe_split must be a dictionary, not {_kind(value)}.")
    extra = set(value) - {"columns", "data", "index"}
    if "data" not in value or extra:
        got = ", ".join(quoted(key) for key in list(value)[:5]) or "none"
        raise RefusedError(
            400, f"dataframe_split must have 'data' and optionally 'columns' and 'index'; it has: {got}."
        )
    data, columns, index = value["data"], value.get("columns"), value.get("index")
    if not isinstance(data, list):
        raise RefusedError(400, f"dataframe_split.data must be a list of rows, not {_kind(data)}.")
    _check_index(index, len(data))
    if columns is not None and not isinstance(columns, list):
        raise RefusedError(400, f"dataframe_split.columns must be a list of names, not {_kind(columns)}.")
    if data and all(isinstance(row, dict) for row in data):
        return _from_records(data, features, max_rows, "dataframe_split.data")
    if columns is None:
        return _without_names(data, features, max_rows, positional, "dataframe_split.data")
    return _matrix(data, columns, features, max_rows, "dataframe_split")


def _check_index(index: Any, n_rows: int) -> None:
    if index is not None and (not isinstance(index, list) or len(index) != n_rows):
        raise RefusedError(400, "dataframe_split.index must be a list with one entry for each row of data.")


def _from_frame_records(value: Any, features: tuple[str, ...], max_rows: int, positional: bool) -> Floats:
    if not isinstance(value, list):
        raise RefusedError(400, f"dataframe_records must be a list of records, not {_kind(value)}.")
    if value and isinstance(value[0], list):
        return _without_names(value, features, max_rows, positional, "dataframe_records")
    return _from_records(value, features, max_rows, "dataframe_records")


def _from_tensors(field: str) -> Callable[[Any, tuple[str, ...], int, bool], Floats]:
    def read(value: Any, features: tuple[str, ...], max_rows: int, positional: bool) -> Floats:
        if isinstance(value, dict):
            return _from_columns(value, features, max_rows, field)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return _from_records(value, features, max_rows, field)
        if isinstance(value, list):
            return _without_names(value, features, max_rows, positional, field)
        raise RefusedError(400, f"{field} must hold records or columns with the model's names, not {_kind(value)}.")

    return read


_READERS: dict[str, Callable[[Any, tuple[str, ...], int, bool], Floats]] = {
    "dataframe_split": _from_split,
    "dataframe_records": _from_frame_records,
    "instances": _from_tensors("instances"),
    "inputs": _from_tensors("inputs"),
}


def _from_records(records: Sequence[Any], features: tuple[str, ...], max_rows: int, field: str) -> Floats:
    _check_rows(len(records), max_rows, field)
    for at, record in enumerate(records):
        if not isinstance(record, dict):
            raise RefusedError(400, f"{field}, row {at}: a record is a dictionary, not {_kind(record)}.")
        _must_have(record, features, f"{field}, row {at}")
    rows = [[record[name] for name in features] for record in records]
    return _numbers(rows, features, field)


def _from_columns(columns: Mapping[str, Any], features: tuple[str, ...], max_rows: int, field: str) -> Floats:
    _must_have(columns, features, field)
    values = [columns[name] for name in features]
    if not any(isinstance(value, list) for value in values):
        return _numbers([values], features, field)
    for name, value in zip(features, values, strict=True):
        if not isinstance(value, list):
            raise RefusedError(400, f"{field}, column {name!r}: a list of numbers is needed, not {_kind(value)}.")
        if len(value) != len(values[0]):
            raise RefusedError(400, f"{field}, column {name!r}: it has {len(value)} rows, not {len(values[0])}.")
    _check_rows(len(values[0]), max_rows, field)
    return _numbers([list(row) for row in zip(*values, strict=True)], features, field)


def _without_names(
    rows: Sequence[Any], features: tuple[str, ...], max_rows: int, positional: bool, field: str
) -> Floats:
    if not positional:
        raise RefusedError(400, f"{field}: the model takes columns by name; send the names with the rows.", INVALID)
    return _matrix(rows, features, features, max_rows, field)


def _matrix(
    rows: Sequence[Any],
    columns: Sequence[Any],
    features: tuple[str, ...],
    max_rows: int,
    field: str,
    *,
    typed: bool = False,
) -> Floats:
    """Rows by column names, in the model's order; `typed` once the decoder has made each row a list of floats."""
    width = len(columns)
    _check_rows(len(rows), max_rows, field)
    if not typed or set(map(len, rows)) != {width}:
        _check_widths(rows, width, field)
    if tuple(columns) != features:
        places = _places(columns, features, field)
        rows = [[row[place] for place in places] for row in rows]
    if typed:
        n_values = len(rows) * len(features)
        X = np.fromiter(chain.from_iterable(rows), np.float64, n_values).reshape(-1, len(features))
        return _finite(X, features, field)
    return _numbers(rows, features, field)


def _check_widths(rows: Sequence[Any], width: int, field: str) -> None:
    for at, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != width:
            got = f"{len(row)} values" if isinstance(row, list) else _kind(row)
            raise RefusedError(400, f"{field}, row {at}: a list of {width} values is needed, one a column, not {got}.")


def _places(columns: Sequence[Any], features: tuple[str, ...], field: str) -> list[int]:
    for at, name in enumerate(columns):
        if not isinstance(name, str):
            raise RefusedError(400, f"{field}, columns[{at}]: a name is a text, not {_kind(name)}.", INVALID)
    found: dict[str, int] = {}
    for at, name in enumerate(columns):
        if name in found and name in features:
            raise RefusedError(400, f"{field}, column {name!r} is there twice.", INVALID)
        found[name] = at
    _must_have(found, features, field)
    return [found[name] for name in features]


def _must_have(names: Container[str], features: tuple[str, ...], where: str) -> None:
    for name in features:
        if name not in names:
            raise RefusedError(400, f"{where}: the column {name!r} is missing.", INVALID)


def _check_rows(n_rows: int, max_rows: int, field: str) -> None:
    if n_rows == 0:
        raise RefusedError(400, f"{field} has no rows; send at least one.")
    if n_rows > max_rows:
        raise RefusedError(
            413, f"{field} has {n_rows} rows, more than {max_rows}; send them in several requests.", TOO_LARGE
        )


def _numbers(rows: Sequence[Sequence[Any]], features: tuple[str, ...], field: str) -> Floats:
    """Rows of the model's width as a matrix, each value a number."""
    width = len(features)
    flat = list(chain.from_iterable(rows))
    if not set(map(type, flat)) <= {float, int}:
        at = next(at for at, value in enumerate(flat) if type(value) not in (float, int))
        row, column = divmod(at, width)
        sentence = f"{field}, row {row}, column {features[column]!r}: a number is needed, not {_kind(flat[at])}."
        raise RefusedError(400, sentence)
    try:
        X = np.array(flat, dtype=np.float64).reshape(len(rows), width)
    except OverflowError:
        raise RefusedError(400, f"{field}: a whole number is too large for a float.") from None
    return _finite(X, features, field)


def _finite(X: Floats, features: tuple[str, ...], field: str) -> Floats:
    # The sum is finite only if all are; it may overflow too, so the exact look decides.
    if -LARGEST < X.sum() < LARGEST:
        return X
    bad = np.argwhere(~(np.abs(X) < LARGEST))
    if not len(bad):
        return X
    row, column = bad[0].tolist()
    value = float(X[row, column])
    what = "too large" if math.isfinite(value) else f"{value!r}, not a finite number"
    raise RefusedError(400, f"{field}, row {row}, column {features[column]!r}: the value is {what}.")


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    return "a list" if isinstance(value, list) else "a dictionary"


# --- CSV ----------------------------------------------------------------------------------------------------------


def _from_csv(body: bytes, features: tuple[str, ...], max_rows: int) -> Floats:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(error.start) from None
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = next((row for row in reader if row), None)
        if header is None:
            raise RefusedError(400, "The CSV is empty; its first line holds the names of the columns.")
        _must_have(header, features, "CSV")
        places = [header.index(name) for name in features]
        return _csv_rows(reader, len(header), places, features, max_rows)
    except csv.Error:
        raise RefusedError(400, f"The CSV cannot be read at line {reader.line_num}.") from None


def _csv_rows(reader: Any, width: int, places: list[int], features: tuple[str, ...], max_rows: int) -> Floats:
    rows: list[list[float]] = []
    for row in reader:
        if not row:
            continue
        if len(row) != width:
            raise RefusedError(400, f"CSV, line {reader.line_num}: {width} values are needed, not {len(row)}.")
        if len(rows) == max_rows:
            raise RefusedError(413, f"The CSV has more than {max_rows} rows; send them in several requests.", TOO_LARGE)
        rows.append([_csv_number(row[place], reader.line_num, features[at]) for at, place in enumerate(places)])
    _check_rows(len(rows), max_rows, "CSV")
    return _finite(np.array(rows, dtype=np.float64), features, "CSV")


def _csv_number(text: str, line: int, column: str) -> float:
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise RefusedError(400, f"CSV, line {line}, column {column!r}: a finite number is needed, not {quoted(text)}.")
    return value


__all__ = ["FORMATS", "decode", "encode"]
