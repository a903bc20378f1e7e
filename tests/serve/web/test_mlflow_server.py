"""One corpus of requests, sent to `mlflow models serve` and to Podium with the same logged model."""

import http.client
import json
import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.support import HOST, body, free_port, running, shell_environment

pytestmark = pytest.mark.servers

JSON, CSV = "application/json", "text/csv"
STRICTER = {
    # What MLflow's server converts, Podium refuses: text where a number belongs is a mistake of the caller's.
    "split with numbers as text": (200, 400),
    "records with numbers as text": (200, 400),
    "split with a truth value": (200, 400),
    "csv with a truth value": (200, 400),
    # JSON is UTF-8 (RFC 8259); MLflow's parser takes UTF-16 too.
    "in UTF-16": (200, 400),
    # pandas takes the first values of lines that are too long for an index.
    "csv with an index that has no name": (200, 400),
    # Where MLflow's server breaks down.
    "too deep": (500, 400),
    "no type": (500, 415),
    # Parquet is not taken.
    "parquet": (400, 415),
}


Rows = list[list[float]]
Corpus = dict[str, tuple[str | None, bytes]]


def _split(names: list[str], rows: Rows, **more: Any) -> dict[str, Any]:
    """MLflow's first form, with what is given otherwise."""
    return {"dataframe_split": {"columns": names, "data": rows, **more}}


def by_split(names: list[str], rows: Rows) -> dict[str, Any]:
    """Documents that are split, and odd ones."""
    records = [dict(zip(names, row, strict=True)) for row in rows]
    split = partial(_split, names, rows)

    def with_first(value: Any) -> dict[str, Any]:
        return split(data=[[value, *rows[0][1:]]])

    return {
        "split": split(),
        "one row": split(data=rows[:1]),
        "split with index": split(index=[5, 6, 7, 8]),
        "split with a short index": split(index=[5]),
        "split in another order": split(columns=names[::-1], data=[row[::-1] for row in rows]),
        "split with a further column": split(columns=[*names, "z"], data=[[*row, 1.0] for row in rows]),
        "split with a further column of text": split(columns=[*names, "z"], data=[[*row, "t"] for row in rows]),
        "split without a column": split(columns=names[1:], data=[row[1:] for row in rows]),
        "split with a column twice": split(columns=[*names, names[0]], data=[[*row, 1.0] for row in rows]),
        "split without names": {"dataframe_split": {"data": rows}},
        "split without data": {"dataframe_split": {"columns": names}},
        "split without rows": split(data=[]),
        "split with a further key": split(z=1),
        "split with a ragged row": split(data=[rows[0], rows[1][:5]]),
        "split with short rows": split(data=[rows[0][:5]]),
        "split with numbers as text": split(data=[[str(value) for value in rows[0]]]),
        "split with a word": with_first("abc"),
        "split with null": with_first(None),
        "split with NaN": with_first(math.nan),
        "split with infinity": with_first(math.inf),
        "split with a huge number": with_first(1e308),
        "split with a whole number": with_first(1),
        "split with a large whole number": with_first(10**30),
        "split with a truth value": with_first(True),
        "split with a list": with_first([1.0]),
        "split with a dictionary": with_first({"a": 1}),
        "split that is a list": {"dataframe_split": [1]},
        "split of records": split(data=records),
        "split of one flat row": split(data=rows[0]),
        "split of text": split(data="text"),
        "split with names that are numbers": split(columns=list(range(len(names)))),
        "split with names that are text": split(columns="abc"),
        "split beside another key": {**split(), "z": 1},
        "split with params": {**split(), "params": {"a": 1}},
    }


def by_records(names: list[str], rows: Rows) -> dict[str, Any]:
    """Documents of records."""
    records = [dict(zip(names, row, strict=True)) for row in rows]
    return {
        "records": {"dataframe_records": records},
        "records with a further column": {"dataframe_records": [{**record, "z": "t"} for record in records]},
        "records without a column": {"dataframe_records": [dict(list(record.items())[1:]) for record in records]},
        "a record without a column": {"dataframe_records": [records[0], dict(list(records[1].items())[1:])]},
        "no records": {"dataframe_records": []},
        "records that are one": {"dataframe_records": records[0]},
        "records with a word": {"dataframe_records": [{**records[0], names[0]: "x"}]},
        "records with numbers as text": {"dataframe_records": [{**records[0], names[0]: "0.5"}]},
        "records that are lists": {"dataframe_records": rows},
        "records that are null": {"dataframe_records": None},
    }


def by_tensors(names: list[str], rows: Rows) -> dict[str, Any]:
    """Documents of instances and inputs, and of no form."""
    records = [dict(zip(names, row, strict=True)) for row in rows]
    columns = {name: [row[at] for row in rows] for at, name in enumerate(names)}
    return {
        "instances": {"instances": records},
        "instances by column": {"instances": columns},
        "instances of one row": {"instances": records[0]},
        "instances without names": {"instances": rows},
        "records with brackets in a text": {"dataframe_records": [{**record, "z": "[" * 100} for record in records]},
        "instances without a column": {"instances": [dict(list(record.items())[1:]) for record in records]},
        "no instances": {"instances": []},
        "inputs": {"inputs": records},
        "inputs by column": {"inputs": columns},
        "inputs of one row": {"inputs": records[0]},
        "inputs without names": {"inputs": rows},
        "inputs that are flat": {"inputs": rows[0]},
        "inputs of uneven length": {"inputs": {**columns, names[1]: [1.0]}},
        "inputs that are a number": {"inputs": 5},
        "inputs that are text": {"inputs": "text"},
        "two forms": {"inputs": records, "instances": records},
        "no form": {},
        "another form": {"z": 1},
        "the form of MLflow 1": {"columns": names, "data": rows},
        "a list": rows,
        "a number": 5,
        "null": None,
    }


def as_bytes(good: bytes) -> Corpus:
    """What is hardly a document, and types that are none."""
    return {
        "empty": (JSON, b""),
        "truncated": (JSON, good[:-20]),
        "no JSON": (JSON, b"{{{"),
        "something behind": (JSON, good + b"x"),
        "not UTF-8": (JSON, b'\xff\xfe{"a":1}'),
        "in UTF-16": (JSON, good.decode().encode("utf-16")),
        "byte order mark": (JSON, b"\xef\xbb\xbf" + good),
        "too deep": (JSON, b"[" * 2000 + b"]" * 2000),
        "no type": (None, good),
        "another type": ("text/plain", good),
        "type with charset": ("application/json; charset=UTF-8", good),
        "type with another charset": ("application/json; charset=latin-1", good),
        "type with a parameter": ("application/json; format=pandas-split", good),
        "type in capitals": ("Application/JSON", good),
        "parquet": ("application/vnd.apache.parquet", b"PAR1"),
    }


def as_csv(names: list[str], rows: Rows) -> Corpus:
    """Tables of text."""
    lines = [",".join(names), *(",".join(map(repr, row)) for row in rows)]
    table = "\n".join(lines)
    return {
        "csv": (CSV, table.encode()),
        "csv with carriage returns": (CSV, table.replace("\n", "\r\n").encode()),
        "csv with a further column": (CSV, "\n".join(f"{line},z" for line in lines).encode()),
        "csv with an index": (CSV, "\n".join(f"{at or ''},{line}" for at, line in enumerate(lines)).encode()),
        "csv with an index that has no name": (
            CSV,
            "\n".join([lines[0], *(f"{at},{line}" for at, line in enumerate(lines[1:]))]).encode(),
        ),
        "csv without a column": (CSV, "\n".join(line.partition(",")[2] for line in lines).encode()),
        "csv that is empty": (CSV, b""),
        "csv without rows": (CSV, lines[0].encode()),
        "csv with a word": (CSV, table.replace(repr(rows[0][0]), "abc").encode()),
        "csv with a truth value": (CSV, "\n".join([lines[0], f"True,{lines[1].partition(',')[2]}"]).encode()),
        "csv with nothing": (CSV, table.replace(repr(rows[0][0]), "").encode()),
        "csv with NaN": (CSV, table.replace(repr(rows[0][0]), "NaN").encode()),
        "csv with a short line": (CSV, (table + "\n1,2").encode()),
        "csv with a long line": (CSV, (table + "\n" + ",".join(["1"] * 99)).encode()),
        "csv that is not UTF-8": (CSV, b"\xff\xfe"),
    }


def corpus(names: list[str], rows: Rows) -> Corpus:
    """Requests by name: type and body."""
    documents = {**by_split(names, rows), **by_records(names, rows), **by_tensors(names, rows)}
    good = json.dumps(_split(names, rows)).encode()
    beyond = json.dumps(_split(names, [[0.125, *rows[0][1:]]])).replace("0.125", "1e999").encode()
    return {
        **{name: (JSON, json.dumps(value).encode()) for name, value in documents.items()},
        "beyond a float": (JSON, beyond),
        **as_bytes(good),
        **as_csv(names, rows),
    }


@pytest.fixture(scope="module")
def mlflow_server(world: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a real `mlflow models serve` of the world's champion."""
    folder = next((world.cache / "models").glob("EURUSD_LinearRegression-1-*"))
    port = free_port()
    command = ["mlflow", "models", "serve", "-m", folder, "-p", str(port), "-h", HOST, "--env-manager", "local"]
    ready = partial(body, f"http://{HOST}:{port}/ping")
    with running(command, ready, tmp_path_factory.mktemp("server"), shell_environment(MLFLOW_DISABLE_TELEMETRY="true")):
        yield port


def ask(port: int, method: str, path: str, kind: str | None = None, sent: bytes = b"") -> tuple[int, str, bytes]:
    """Status, media type and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, sent, {"Content-Type": kind} if kind else {})
        response = connection.getresponse()
        return response.status, response.headers.get_content_type(), response.read()
    finally:
        connection.close()


def test_both_servers_answer_the_corpus_alike(mlflow_server: int, caller: Any, world: Any, rows: Any) -> None:
    """The same statuses and answers for a hundred requests, but for nine that are listed; all errors have one form."""
    differing = {}
    for name, (kind, sent) in corpus(list(world.table.names), rows.tolist()).items():
        status, media_type, content = ask(mlflow_server, "POST", "/invocations", kind, sent)
        reply = caller.post("/invocations", sent, kind)
        if name in STRICTER:
            differing[name] = (status, reply.status)
            continue
        assert reply.status == status, name
        assert reply.headers["content-type"] == JSON, name
        if status == 200:
            theirs = json.loads(content)
            assert list(reply.json) == list(theirs) == ["predictions"]
            assert reply.json["predictions"] == pytest.approx(theirs["predictions"], abs=1e-6, rel=1e-12), name
            continue
        assert set(reply.json) == {"error_code", "message"}, name
        if media_type == JSON:
            assert set(reply.json) <= set(json.loads(content)), name
    assert differing == STRICTER


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/ping"),
        ("GET", "/health"),
        ("GET", "/version"),
        ("GET", "/invocations"),
        ("PUT", "/invocations"),
        ("POST", "/ping"),
        ("GET", "/nowhere"),
    ],
)
def test_both_servers_answer_other_requests_alike(mlflow_server: int, caller: Any, method: str, path: str) -> None:
    """Probes, versions, wrong methods and unknown paths get the same status from both servers."""
    status, media_type, content = ask(mlflow_server, method, path)
    reply = caller.run(caller.call(method, path, b"", {}))
    assert (reply.status, reply.headers["content-type"].partition(";")[0]) == (status, media_type)
    if reply.status == 200 and path != "/health":
        assert reply.content.split() == content.split()
