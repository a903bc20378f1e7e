"""The description of the service, made from its routes and the Structs that they answer with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from podium.records import ALIASES
from podium.serve.web.http import HTML, JSON, PAGE_HEADERS, Refusal, Reply, Request, Room, Route

ALWAYS = (401, 403, 421)
_FILES = Path(__file__).parent / "files"
_WHY = {
    400: "the request cannot be answered; the sentence names the field",
    401: "an API key is needed",
    403: "pages of other sites may not call, nor may this key decide",
    404: "there is no such pair",
    408: "the body took too long",
    409: "there is no such proposal, or it cannot be decided, or not by whoever made it",
    413: "too many bytes or rows",
    415: "the body's type is not supported",
    421: "the server does not go by this name",
    503: "try again after the seconds in Retry-After",
}
_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_TEXT = {"type": "string"}
_PARAMETERS: dict[str, dict[str, Any]] = {
    "pair": {
        "in": "path", "required": True, "description": "currency pair, EURUSD",
        "schema": {"type": "string", "pattern": "^[A-Za-z]{6}$"}, "example": "EURUSD",
    },
    "x-request-key": {
        "in": "header", "description": "what the arm sticks to, such as a customer's id; the forecast id if not given",
        "schema": {"type": "string", "minLength": 1, "maxLength": 256, "pattern": "^[!-~]+$"},
    },
    "x-podium-arm": {
        "in": "header", "description": "forces an arm", "schema": {"type": "string", "enum": list(ALIASES)},
    },
}  # fmt: skip
_ANSWER_HEADERS = {
    "X-Podium-Arm": "the arm that answered",
    "X-Podium-Model": "registered model",
    "X-Podium-Version": "its version",
    "X-Podium-Forecast-Id": "names the forecast in the ledger",
    "X-Request-Key": "send it again to get the same arm",
}


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The OpenAPI document, version 3.1."""
    from importlib.metadata import version

    structs = {route.body for route in routes} | {kind for route in routes for kind in route.answers.values()}
    kinds = [Refusal, *(kind for kind in structs if isinstance(kind, type))]
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    refs = dict(zip(kinds, schemas, strict=True))
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, refs)
    about = "The champion behind one address: MLflow's scoring protocol, next-day forecasts, A/B."
    return {
        "openapi": "3.1.0",
        "info": {"title": "Podium", "version": version("podium"), "description": about},
        "servers": [{"url": "."}],
        "paths": paths,
        "components": {"schemas": dict(sorted(components.items())), "securitySchemes": _KEYS},
        "security": [{}, {"bearer": []}, {"key": []}],
    }


def _operation(route: Route, refs: dict[Any, Any]) -> dict[str, Any]:
    named = [route.path.partition("{")[2].rstrip("}")] if "{" in route.path else []
    responses: dict[str, Any] = {}
    for status in (*route.refuses, *(() if route.open else ALWAYS)):
        responses[str(status)] = {"description": _WHY[status], "content": {JSON: {"schema": refs[Refusal]}}}
    for status, kind in route.answers.items():
        media = {JSON: {"schema": refs[kind]}} if kind in refs else {kind: {"schema": _TEXT}}
        responses[str(status)] = {"description": "the answer", "content": media}
    if route.headers:
        responses["200"]["headers"] = {
            name: {"description": text, "schema": _TEXT} for name, text in _ANSWER_HEADERS.items()
        }
    found: dict[str, Any] = {
        "summary": (route.endpoint.__doc__ or "").partition("\n")[0],
        "parameters": [{"name": name, **_PARAMETERS[name]} for name in (*named, *route.headers)],
        "responses": responses,
    }
    if route.body is not None:
        content = {kind: {"schema": refs[route.body] if kind == JSON else _TEXT} for kind in route.takes}
        found["requestBody"] = {"required": True, "content": content}
    return found


def routes(described: Sequence[Route], room: Room, example: Callable[[], Any]) -> list[Route]:
    """Where the description is read: for programs, and by people in Swagger UI, which comes along.

    Args:
        described: what is described.
        room: places of those who read.
        example: a request's body that can be sent as it is; None where there is no model.
    """
    text = partial(_described, document(described), example)
    return [
        Route("GET", "/openapi.json", text, room=room),
        Route("GET", "/docs", _docs, room=room, page=True),
    ]


async def _described(about: dict[str, Any], example: Callable[[], Any], _request: Request) -> Reply:
    rows = example()
    for path in ("/invocations", "/v1/invocations/{pair}") if rows else ():
        about["paths"][path]["post"]["requestBody"]["content"][JSON]["example"] = rows
    return Reply(200, msgspec.json.encode(about))


async def _docs(_request: Request) -> Reply:
    return Reply(200, (_FILES / "docs.html").read_bytes(), HTML, PAGE_HEADERS)
