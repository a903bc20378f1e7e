"""The description of the service: an OpenAPI document, and a page made from it that needs nothing from elsewhere."""

from __future__ import annotations

import json
from functools import lru_cache
from html import escape
from typing import Any

from podium.records import ALIASES

_TEXT: dict[str, Any] = {"type": "string"}
_NUMBER: dict[str, Any] = {"type": "number"}
_OBJECT: dict[str, Any] = {"type": "object"}

_ERROR = {
    "type": "object",
    "required": ["error_code", "message"],
    "properties": {"error_code": _TEXT, "message": _TEXT},
}
_ROW_OF_NUMBERS = {"type": "array", "items": _NUMBER}
_RECORDS = {"type": "array", "minItems": 1, "items": {"type": "object", "additionalProperties": _NUMBER}}
_COLUMNS = {"type": "object", "additionalProperties": {"type": "array", "items": _NUMBER}}
_SPLIT = {
    "type": "object",
    "required": ["data"],
    "additionalProperties": False,
    "properties": {
        "columns": {"type": "array", "items": _TEXT},
        "data": {"type": "array", "items": _ROW_OF_NUMBERS, "minItems": 1},
        "index": {"type": "array"},
    },
}
_INVOCATION = {
    "type": "object",
    "description": "Exactly one of the four fields; every value a finite number.",
    "properties": {
        "dataframe_split": _SPLIT,
        "dataframe_records": _RECORDS,
        "instances": {"anyOf": [_RECORDS, _COLUMNS, {"type": "array", "items": _ROW_OF_NUMBERS}]},
        "inputs": {"anyOf": [_RECORDS, _COLUMNS, {"type": "array", "items": _ROW_OF_NUMBERS}]},
        "params": {},
    },
}
_PREDICTIONS = {
    "type": "object",
    "required": ["predictions"],
    "properties": {"predictions": {"type": "array", "items": _NUMBER, "description": "log returns, one a row"}},
}
_FORECAST = {
    "type": "object",
    "required": [
        "pair",
        "origin",
        "target_date",
        "age_days",
        "last_close",
        "forecast",
        "forecast_close",
        "arm",
        "model",
        "version",
    ],
    "properties": {
        "pair": _TEXT,
        "origin": {"type": "string", "format": "date"},
        "target_date": {"type": "string", "format": "date"},
        "age_days": {"type": "integer", "description": "days since the origin; after a weekend 3, more is old data"},
        "last_close": _NUMBER,
        "forecast": {"type": "number", "description": "log return from the origin's close to the target day's"},
        "forecast_close": _NUMBER,
        "interval": {
            "type": ["object", "null"],
            "additionalProperties": _NUMBER,
            "description": "lower_80, upper_80, lower_95, upper_95: bounds of the log return",
        },
        "interval_close": {
            "type": ["object", "null"],
            "additionalProperties": _NUMBER,
            "description": "the same bounds as closes",
        },
        "interval_missing": {"type": ["string", "null"], "description": "why there is no interval"},
        "arm": _TEXT,
        "model": _TEXT,
        "version": {"type": "integer"},
        "data_version": _TEXT,
        "forecast_id": _TEXT,
    },
}
_HEALTH = {
    "type": "object",
    "required": ["status", "pairs", "problems"],
    "properties": {
        "status": {"enum": ["ok", "degraded", "unavailable"]},
        "pairs": _OBJECT,
        "problems": {"type": "object", "additionalProperties": _TEXT},
        "registry_age_seconds": {"type": ["number", "null"]},
        "ledger": {"enum": ["required", "best-effort", "off"]},
    },
}
_PAIR = {
    "name": "pair",
    "in": "path",
    "required": True,
    "description": "currency pair, EURUSD",
    "schema": {"type": "string", "pattern": "^[A-Z]{6}$"},
}
_KEY = {
    "name": "X-Request-Key",
    "in": "header",
    "description": "what the arm sticks to, such as a customer's id; the forecast id if not given",
    "schema": {"type": "string", "minLength": 1, "maxLength": 256, "pattern": "^[!-~]+$"},
}
_ARM = {
    "name": "X-Podium-Arm",
    "in": "header",
    "description": "forces an arm",
    "schema": {"type": "string", "enum": list(ALIASES)},
}
_ANSWER_HEADERS = {
    "X-Podium-Arm": {"description": "the arm that answered", "schema": _TEXT},
    "X-Podium-Model": {"description": "registered model", "schema": _TEXT},
    "X-Podium-Version": {"description": "its version", "schema": _TEXT},
    "X-Podium-Forecast-Id": {"description": "names the forecast in the ledger", "schema": _TEXT},
    "X-Request-Key": {"description": "send it again to get the same arm", "schema": _TEXT},
}


def _json(schema: dict[str, Any], description: str, headers: dict[str, Any] | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": description, "content": {"application/json": {"schema": schema}}}
    return answer | ({"headers": headers} if headers else {})


def _refusals(*statuses: int) -> dict[str, Any]:
    texts = {
        400: "the request cannot be answered; the sentence names the field",
        401: "an API key is needed",
        403: "pages of other sites may not call",
        404: "there is no such pair",
        408: "the body took too long",
        413: "too many bytes or rows",
        421: "the server does not go by this name",
        503: "try again after the seconds in Retry-After",
    }
    found: dict[str, Any] = {str(status): _json(_ERROR, texts[status]) for status in statuses}
    if 503 in statuses:
        found["503"]["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return found


_ALWAYS = (401, 403, 421)


def _scoring(summary: str, parameters: list[dict[str, Any]], missing: tuple[int, ...] = ()) -> dict[str, Any]:
    refusals = _refusals(400, 408, 413, 503, *missing, *_ALWAYS)
    refusals["415"] = {"description": "the body's type is not supported", "content": {"text/plain": {"schema": _TEXT}}}
    return {
        "post": {
            "summary": summary,
            "description": "MLflow's scoring protocol.",
            "parameters": [*parameters, _KEY, _ARM],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": _INVOCATION}, "text/csv": {"schema": _TEXT}},
            },
            "responses": {"200": _json(_PREDICTIONS, "forecasts", _ANSWER_HEADERS), **refusals},
        }
    }


def _get(summary: str, responses: dict[str, Any], parameters: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"get": {"summary": summary, "parameters": parameters or [], "responses": responses}}


def _paths() -> dict[str, Any]:
    text = {"text/plain": {"schema": _TEXT}}
    alive = {"200": _json({}, "there is a model"), "404": _json({}, "there is none")}
    healthy = {
        "200": _json(_HEALTH, "serving, perhaps with problems"),
        "404": _json(_HEALTH, "there is no model"),
        "503": _json(_HEALTH, "the required ledger takes nothing"),
    }
    return {
        "/invocations": _scoring("Forecast rows with the default pair's models", []),
        "/v1/invocations/{pair}": _scoring("Forecast rows with a pair's models", [_PAIR], (404,)),
        "/v1/forecast/{pair}": _get(
            "Forecast the next business day from the newest stored close",
            {"200": _json(_FORECAST, "the forecast", _ANSWER_HEADERS), **_refusals(400, 404, 503, *_ALWAYS)},
            [_PAIR, _KEY, _ARM],
        ),
        "/v1/podium": _get("Pairs in service", {"200": _json(_OBJECT, "the pairs"), **_refusals(503, *_ALWAYS)}),
        "/v1/podium/{pair}": _get(
            "Models in service and the history of the title",
            {"200": _json(_OBJECT, "the podium"), **_refusals(404, 503, *_ALWAYS)},
            [_PAIR],
        ),
        "/v1/reload": {
            "post": {
                "summary": "Read the registry now",
                "responses": {"200": _json(_HEALTH, "what is in service now"), **_refusals(503, *_ALWAYS)},
            }
        },
        "/ping": _get("Is there a model?", alive),
        "/health": _get("State and problems", healthy | _refusals(*_ALWAYS)),
        "/version": _get("MLflow's version, as its own server answers", {"200": _json({}, "a version")}),
        "/metrics": _get(
            "Metrics for Prometheus",
            {"200": {"description": "metrics", "content": text}, **_refusals(503, *_ALWAYS)},
        ),
    }


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """The OpenAPI document, version 3.1."""
    from importlib.metadata import version

    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Podium",
            "version": version("podium"),
            "description": "The champion behind one address: MLflow's scoring protocol, next-day forecasts, A/B.",
        },
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            }
        },
        "security": [{}, {"bearer": []}, {"key": []}],
    }


@lru_cache(maxsize=1)
def document_json() -> bytes:
    """The document as it is sent."""
    return json.dumps(document()).encode()


STYLE = """:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem }
h2 code { font-size: 1rem } section { border-top: 1px solid #8886; padding: .5rem 0 }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .2rem .6rem .2rem 0; vertical-align: top }
pre { background: #8882; padding: .6rem; overflow-x: auto } .method { font-weight: 700 }
"""


EXAMPLE = """curl -s http://127.0.0.1:8080/v1/forecast/EURUSD

curl -s http://127.0.0.1:8080/invocations -H 'Content-Type: application/json' \\
  -d '{"dataframe_split": {"columns": ["lag_0", "lag_1", "...", "ma_5"], "data": [[0.0012, -0.0004, 0.0, 0.0003]]}}'

The names of the columns are in /v1/podium/EURUSD under "features". With keys: -H 'Authorization: Bearer KEY'."""


@lru_cache(maxsize=1)
def page() -> str:
    """The document as a page for people."""
    about = document()
    sections = "".join(
        _section(path, method, operation)
        for path, operations in about["paths"].items()
        for method, operation in operations.items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Podium: the service</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/docs.css">'
        f"</head><body><main><h1>{escape(about['info']['title'])} {escape(about['info']['version'])}</h1>"
        f"<p>{escape(about['info']['description'])} For programs: <a href='/openapi.json'>openapi.json</a>.</p>"
        f"<h2>For example</h2><pre>{escape(EXAMPLE)}</pre>{sections}</main></body></html>"
    )


def _section(path: str, method: str, operation: dict[str, Any]) -> str:
    parameters = "".join(
        f"<tr><th scope='row'><code>{escape(item['name'])}</code></th><td>{escape(item['in'])}</td>"
        f"<td>{escape(item.get('description', ''))}</td></tr>"
        for item in operation.get("parameters", [])
    )
    answers = "".join(
        f"<tr><th scope='row'>{status}</th><td colspan='2'>{escape(answer['description'])}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    schema = f"<pre>{escape(json.dumps(body, indent=1))}</pre>" if body else ""
    return (
        f"<section><h2><span class='method'>{method.upper()}</span> <code>{escape(path)}</code></h2>"
        f"<p>{escape(operation['summary'])}</p>{schema}<table>{parameters}{answers}</table></section>"
    )
