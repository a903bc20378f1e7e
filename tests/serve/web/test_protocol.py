import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.serve.web import protocol
from podium.serve.web.http import RefusedError

NAMES = ("lag_0", "lag_1", "ma_5")
ROWS = [[0.25, -0.5, 1e-5], [1.0, 2.0, 3.0]]
RECORDS = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
COLUMNS = {name: [row[at] for row in ROWS] for at, name in enumerate(NAMES)}


def decode(body: Any, kind: str | None = "application/json", *, positional: bool = False, max_rows: int = 10) -> Any:
    """Decode a body for a model of three columns."""
    text = body if isinstance(body, (bytes, str)) else json.dumps(body)
    return protocol.decode(text.encode() if isinstance(text, str) else text, kind, NAMES, max_rows, positional)


GOOD: dict[str, Any] = {
    "split": {"dataframe_split": {"columns": NAMES, "data": ROWS}},
    "split with index": {"dataframe_split": {"columns": NAMES, "data": ROWS, "index": [7, 8]}},
    "split in another order": {"dataframe_split": {"columns": NAMES[::-1], "data": [row[::-1] for row in ROWS]}},
    "split with further columns": {
        "dataframe_split": {"columns": ["x", *NAMES], "data": [["?", *row] for row in ROWS]}
    },
    "split of records": {"dataframe_split": {"columns": NAMES, "data": RECORDS}},
    "records": {"dataframe_records": RECORDS},
    "records with further columns": {"dataframe_records": [{**record, "x": "?"} for record in RECORDS]},
    "instances": {"instances": RECORDS},
    "instances by column": {"instances": COLUMNS},
    "inputs": {"inputs": RECORDS},
    "inputs by column": {"inputs": COLUMNS},
    "params are left alone": {"dataframe_records": RECORDS, "params": {"a": 1}},
}


@pytest.mark.parametrize("body", GOOD.values(), ids=GOOD)
def test_every_form_of_the_protocol_gives_the_same_rows(body: Any) -> None:
    """All of MLflow's ways to write a table are read as the same matrix."""
    assert np.array_equal(decode(body), ROWS)


def test_scalars_are_one_row() -> None:
    """`inputs` and `instances` with one number a column are one row, as MLflow reads them."""
    assert np.array_equal(decode({"inputs": RECORDS[0]}), ROWS[:1])
    assert np.array_equal(decode({"instances": RECORDS[0]}), ROWS[:1])


@pytest.mark.parametrize("text", ["[" * 100, '\\"' + "[{" * 50, "\\" * 6 + "{" * 40])
def test_brackets_in_a_text_nest_nothing(text: str) -> None:
    """A column that the model does not take may hold any text, whatever it looks like."""
    records = [{**record, "x": text} for record in RECORDS]
    assert np.array_equal(decode({"dataframe_records": records}), ROWS)


@pytest.mark.parametrize(
    "body", [b'"' + b'\\"' * 400_000 + b"[" * 40, b'{"a": "' + b"[" * 40 + b"\\", b'"\\' * 400_000]
)
def test_texts_without_an_end_are_looked_at_once(body: bytes) -> None:
    """A text that does not end costs no more time than one that does; the body is refused like any other bad JSON."""
    with pytest.raises(RefusedError, match=r"not valid JSON|nests more"):
        decode(body)


def test_byte_order_mark_is_passed_over() -> None:
    """A body that starts with UTF-8's byte order mark is read."""
    assert np.array_equal(decode(b"\xef\xbb\xbf" + json.dumps(GOOD["records"]).encode()), ROWS)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_csv_gives_the_same_rows(end: str) -> None:
    """A CSV with a header line is read by its names, whatever its order and line ends."""
    lines = ["ma_5,x,lag_0,lag_1", *(f"{row[2]!r},?,{row[0]!r},{row[1]!r}" for row in ROWS)]
    assert np.array_equal(decode(end.join(lines), "text/csv; charset=UTF-8"), ROWS)


def test_rows_without_names_need_a_model_without_names() -> None:
    """Rows by position are taken for a model whose signature knows no names, and refused for any other."""
    assert np.array_equal(decode({"instances": ROWS}, positional=True), ROWS)
    with pytest.raises(RefusedError, match="columns by name"):
        decode({"instances": ROWS})


def changed(at: int, value: Any) -> dict[str, Any]:
    """Good rows but for one value in the second."""
    row = list(ROWS[1])
    row[at] = value
    return {"dataframe_split": {"columns": NAMES, "data": [ROWS[0], row]}}


BAD: dict[str, tuple[Any, str]] = {
    "text": (changed(1, "0.5"), "row 1, column 'lag_1': a number is needed, not the text '0.5'"),
    "null": (changed(0, None), "row 1, column 'lag_0': a number is needed, not null"),
    "truth value": (changed(2, True), "row 1, column 'ma_5': a number is needed, not a truth value"),
    "list": (changed(1, [1.0]), "row 1, column 'lag_1': a number is needed, not a list"),
    "NaN": (changed(1, float("nan")), "dataframe_split, row 1, column 'lag_1': the value is nan, not a finite number"),
    "infinity": (changed(1, float("-inf")), "row 1, column 'lag_1': the value is -inf, not a finite number"),
    "beyond a float": (json.dumps(changed(1, 0.125)).replace("0.125", "1e999"), "row 1, column 'lag_1'"),
    "huge": (changed(1, 1e300), "row 1, column 'lag_1': the value is too large"),
    "huge whole number": (changed(1, 10**400), "too large"),
    "missing column": ({"dataframe_split": {"columns": NAMES[1:], "data": [[1.0, 2.0]]}}, "'lag_0' is missing"),
    "column twice": (
        {"dataframe_split": {"columns": [*NAMES, "lag_1"], "data": [[1.0] * 4]}},
        "'lag_1' is there twice",
    ),
    "ragged": ({"dataframe_split": {"columns": NAMES, "data": [ROWS[0], [1.0]]}}, "row 1: a list of 3 values"),
    "no rows": ({"dataframe_split": {"columns": NAMES, "data": []}}, "no rows"),
    "index of another length": ({"dataframe_split": {"columns": NAMES, "data": ROWS, "index": [1]}}, "index"),
    "further key": ({"dataframe_split": {"columns": NAMES, "data": ROWS, "x": 1}}, "'x'"),
    "no names": ({"dataframe_split": {"data": ROWS}}, "dataframe_split.data: the model takes columns by name"),
    "names are no list": ({"dataframe_split": {"columns": "abc", "data": ROWS}}, "dataframe_split.columns"),
    "name is no text": ({"dataframe_split": {"columns": [1, 2, 3], "data": ROWS}}, "columns[0]"),
    "record lacks a column": ({"dataframe_records": [RECORDS[0], {"lag_0": 1.0}]}, "row 1: the column 'lag_1'"),
    "records are no list": ({"dataframe_records": RECORDS[0]}, "list of records, not a dictionary"),
    "record is no record": ({"dataframe_records": [RECORDS[0], 5]}, "row 1: a record is a dictionary"),
    "uneven columns": ({"inputs": {**COLUMNS, "lag_1": [1.0]}}, "column 'lag_1': it has 1 rows, not 2"),
    "mixed scalars": ({"inputs": {**COLUMNS, "lag_1": 1.0}}, "column 'lag_1': a list of numbers"),
    "two forms": ({"inputs": RECORDS, "instances": RECORDS}, "exactly one of"),
    "no form": ({"columns": NAMES, "data": ROWS}, "exactly one of"),
    "a list": (ROWS, "Received a list"),
    "empty": ("", "not valid JSON"),
    "truncated": (json.dumps(changed(0, 1.0))[:-9], "not valid JSON"),
    "trailing": (json.dumps(changed(0, 1.0)) + "x", "not valid JSON"),
    "not UTF-8": (b"\xff" + json.dumps(changed(0, 1.0)).encode(), "not valid UTF-8"),
    "not UTF-8 in a text": (b'{"inputs": "\xff"}', "not valid UTF-8"),
    "deep": ("[" * 5000 + "]" * 5000, "nests more than"),
    "deep and open": ('{"inputs":' + "[" * 50_000, "nests more than"),
}


@pytest.mark.parametrize(("body", "sentence"), BAD.values(), ids=BAD)
def test_bad_bodies_are_refused_with_one_sentence(body: Any, sentence: str) -> None:
    """Each kind of bad body gets 400 and one line that names the field, row or column at fault."""
    with pytest.raises(RefusedError) as caught:
        decode(body)
    assert caught.value.status == 400
    assert sentence in caught.value.message
    assert "\n" not in caught.value.message


BAD_CSV = {
    "": "empty",
    "lag_0,lag_1,ma_5\n": "no rows",
    "lag_0,lag_1\n1,2\n": "'ma_5' is missing",
    "lag_0,lag_1,ma_5\n1,abc,3\n": "line 2, column 'lag_1'",
    "lag_0,lag_1,ma_5\n1,,3\n": "line 2, column 'lag_1'",
    "lag_0,lag_1,ma_5\n1,2,3\n1,nan,3\n": "line 3, column 'lag_1'",
    "lag_0,lag_1,ma_5\n1,1_0,3\n": "line 2, column 'lag_1'",
    "lag_0,lag_1,ma_5\n1,2\n": "3 values are needed, not 2",
    'lag_0,lag_1,ma_5\n1,2,"' + "x" * 200_000: "cannot be read",
}


@pytest.mark.parametrize(("body", "sentence"), BAD_CSV.items(), ids=range(len(BAD_CSV)))
def test_bad_csv_is_refused_with_line_and_column(body: str, sentence: str) -> None:
    """A CSV that is no table of finite numbers is refused with the line at fault."""
    with pytest.raises(RefusedError) as caught:
        decode(body, "text/csv")
    assert caught.value.status == 400
    assert sentence in caught.value.message


@pytest.mark.parametrize("form", ["split", "records", "csv", "inputs"])
def test_too_many_rows_are_refused(form: str) -> None:
    """One row more than the limit is 413, in every form."""
    rows = ROWS[:1] * 11
    records = [dict(zip(NAMES, row, strict=True)) for row in rows]
    bodies: dict[str, tuple[Any, str]] = {
        "split": ({"dataframe_split": {"columns": NAMES, "data": rows}}, "application/json"),
        "records": ({"dataframe_records": records}, "application/json"),
        "inputs": ({"inputs": {name: [1.0] * 11 for name in NAMES}}, "application/json"),
        "csv": (",".join(NAMES) + "\n" + "1,2,3\n" * 11, "text/csv"),
    }
    with pytest.raises(RefusedError) as caught:
        decode(*bodies[form])
    assert caught.value.status == 413


MANY = {
    "rows": (
        b'{"dataframe_split": {"columns": ["lag_0"], "data": [' + b"[1]," * 1_000_000 + b"[1]]}}",
        "application/json",
    ),
    "records": (b'{"dataframe_records": [' + b"{}," * 1_000_000 + b"{}]}", "application/json"),
    "values": (b'{"inputs": {"lag_0": [' + b"1," * 4_000_000 + b"1]}}", "application/json"),
    "lines": (b"lag_0,lag_1,ma_5\n" + b"1,2,3\n" * 1_000_000, "text/csv"),
    "old lines": (b"lag_0,lag_1,ma_5\r" + b"1,2,3\r" * 1_000_000, "text/csv"),
}


@pytest.mark.parametrize("form", MANY)
def test_a_million_rows_are_refused_before_they_are_made(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Far too many rows are counted in the bytes: 413 without a parser being asked."""
    for name in ("_from_csv", "_from_json"):
        monkeypatch.setattr(protocol, name, lambda *_: pytest.fail("a parser was asked"))
    with pytest.raises(RefusedError, match="more than") as caught:
        decode(*MANY[form], max_rows=50_000)
    assert caught.value.status == 413


def test_a_large_body_within_the_limits_is_read() -> None:
    """Empty lines, further columns and their texts do not make a body too large that has as many rows as it may."""
    record = {**RECORDS[0], **{f"x{at}": "[,]" * 2 for at in range(5)}}
    assert decode({"dataframe_records": [record] * 1000}, max_rows=1000).shape == (1000, 3)
    text = "lag_0,lag_1,ma_5,x\n\n" + '1,2,3,"four hundred letters and more"\n\n' * 2000
    assert decode(text, "text/csv", max_rows=2000).shape == (2000, 3)


@pytest.mark.parametrize("kind", [None, "text/plain", "application/json; charset=latin-1", "application/json; a=b", ""])
def test_other_types_are_415(kind: str | None) -> None:
    """A body of a type that is not taken is refused with 415."""
    with pytest.raises(RefusedError) as caught:
        decode(GOOD["records"], kind)
    assert caught.value.status == 415


numbers = st.floats(-1e6, 1e6, allow_nan=False)
tables = st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=1, max_size=5)


@given(tables, st.permutations(range(3)))
def test_numbers_survive_to_the_last_bit(rows: list[list[float]], order: list[int]) -> None:
    """Whatever finite rows are sent, in whatever order of columns, exactly these come out, from JSON and from CSV."""
    names = [NAMES[at] for at in order]
    data = [[row[at] for at in order] for row in rows]
    lines = [",".join(names), *(",".join(map(repr, row)) for row in data)]
    assert np.array_equal(decode({"dataframe_split": {"columns": names, "data": data}}), rows)
    assert np.array_equal(decode("\n".join(lines), "text/csv"), rows)


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.sampled_from(NAMES) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*NAMES, "data", "columns", "index"]), inner)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*protocol.FORMATS, "params"]), values, max_size=2), st.booleans())
def test_anything_else_is_a_refusal(body: dict[str, Any], positional: bool) -> None:
    """Any JSON below the protocol's fields is either a finite matrix of the model's width or a refusal of one line."""
    refused = X = None
    try:
        X = decode(body, positional=positional)
    except RefusedError as error:
        refused = error
    if refused is not None:
        assert refused.status in {400, 413}
        assert "\n" not in refused.message
        return
    assert X.dtype == np.float64
    assert X.shape[1] == len(NAMES)
    assert np.isfinite(X).all()


def test_forecasts_are_written_as_mlflow_writes_them() -> None:
    """The answer is a dictionary with one list of numbers, which read back to the same bits."""
    forecasts = np.array([1e-5, -0.1234567890123456, 0.0])
    assert json.loads(protocol.encode(forecasts)) == {"predictions": forecasts.tolist()}
