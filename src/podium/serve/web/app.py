"""The HTTP application: the hot route by hand, everything else by Starlette."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from podium.errors import MissingError
from podium.serve.web import health, openapi
from podium.serve.web.invocations import Invocations, Message, Receive, Scope, Send
from podium.serve.web.next_day import next_day, why_no_interval
from podium.serve.web.refusal import INTERNAL, RefusedError, quoted, unavailable
from podium.serve.web.security import ANSWER_HEADERS, PAGE_HEADERS
from podium.serve.web.service import Service
from podium.serve.web.telemetry import MEDIA_TYPE

_log = logging.getLogger("podium.serve")
_encoder = msgspec.json.Encoder()
_OPEN = frozenset({"/ping", "/version"})  # what a probe may see without a key
_PROBES = _OPEN | {"/health", "/metrics"}  # answered however full the server is: who cannot ask restarts it
_POSTS = "/v1/invocations/"
RELOAD_TIMEOUT = 15.0  # seconds

Endpoint = Callable[[Request], Awaitable[Response]]


class PodiumApp:
    """An ASGI application around one service.

    Args:
        service: models, ledger, limits and keys.
        routes: further routes, such as a dashboard's; they get `request.app.state.service`.
        lifespan: started with the application and ended with it.
    """

    def __init__(
        self,
        service: Service,
        routes: Sequence[BaseRoute] = (),
        lifespan: Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]] | None = None,
    ) -> None:
        self.service = service
        self.invocations = Invocations(service)
        handlers: dict[Any, Any] = {
            RefusedError: _refused,
            HTTPException: _http_error,
            Exception: _failed,
        }
        self._rest = Starlette(routes=[*_routes(), *routes], exception_handlers=handlers, lifespan=lifespan)
        self._rest.state.service = service
        self._paths = {route.path for route in self._rest.routes if isinstance(route, Route)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the application's life."""
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        path: str = scope["path"]
        started = time.perf_counter()
        try:
            page = path == "/" and scope["method"] == "GET"
            self.service.gate.check(scope["headers"], open_to_all=path in _OPEN, page=page)
        except RefusedError as refused:
            await _plain_refusal(refused, scope, receive, send)
            self.service.telemetry.counted(self._endpoint(path), refused.status, time.perf_counter() - started)
            return
        if scope["method"] == "POST":
            if path == "/invocations":
                await self.invocations(scope, receive, send)
                return
            if path.startswith(_POSTS):
                await self.invocations(scope, receive, send, path[len(_POSTS) :])
                return
        await self._others(scope, receive, send, path, started)

    async def _others(self, scope: Scope, receive: Receive, send: Send, path: str, started: float) -> None:
        status, service, counts = 500, self.service, path not in _PROBES
        answer: list[Message] = []  # sent when it is whole: a client that reads slowly takes nobody's room

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_missing_headers(message["headers"])]
            answer.append(message)

        try:
            if counts:
                service.check_room()
            service.in_flight += counts
            try:
                await self._rest(scope, receive, sending)
            finally:
                service.in_flight -= counts
        except RefusedError as refused:
            await _plain_refusal(refused, scope, receive, sending)
        except Exception:  # noqa: BLE001  the edge: the client gets a plain 500, the log the trace
            _log.exception("a request failed")  # Starlette has answered it already, see `_failed`
        service.telemetry.counted(self._endpoint(path), status, time.perf_counter() - started)
        for message in answer:
            await send(message)

    def _endpoint(self, path: str) -> str:
        """A label with few values, whatever paths clients try."""
        for prefix in ("/v1/forecast", "/v1/podium", "/v1/invocations", "/static"):
            if path.startswith(prefix):
                return prefix[1:]
        return path[1:] or "index" if path in self._paths else "unknown"


def _missing_headers(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    known = {name for name, _ in headers}
    return [(name, value) for name, value in ANSWER_HEADERS if name not in known]


def _response(refused: RefusedError) -> Response:
    response = Response(refused.body, refused.status, media_type=refused.media_type.decode())
    response.raw_headers.extend(refused.headers)
    return response


async def _plain_refusal(refused: RefusedError, scope: Scope, receive: Receive, send: Send) -> None:
    response = _response(refused)
    # The body of a refused request was not read: the connection ends with the answer.
    response.raw_headers.extend([(b"connection", b"close")] if scope["method"] not in {"GET", "HEAD"} else [])
    response.raw_headers.extend(_missing_headers(response.raw_headers))
    await response(scope, receive, send)


async def _refused(_request: Request, error: RefusedError) -> Response:
    return _response(error)


async def _failed(_request: Request, _error: Exception) -> Response:
    return _response(RefusedError(500, "The server failed; it has logged why.", INTERNAL))


async def _http_error(_request: Request, error: HTTPException) -> Response:
    """404 and 405, in the shape that MLflow's server gives them."""
    return Response(
        _encoder.encode({"detail": error.detail}), error.status_code, error.headers, media_type="application/json"
    )


def answer_json(content: Any, status: int = 200, headers: Sequence[tuple[bytes, bytes]] = ()) -> Response:
    """An answer in JSON."""
    response = Response(_encoder.encode(content), status, media_type="application/json")
    response.raw_headers.extend(headers)
    return response


def answer_page(text: str, status: int = 200) -> Response:
    """A page, with the strict content policy that all pages have."""
    return Response(text, status, dict(PAGE_HEADERS), media_type="text/html; charset=utf-8")


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


# --- routes -------------------------------------------------------------------------------------------------------


def _routes() -> list[BaseRoute]:
    gets: dict[str, Endpoint] = {
        "/ping": _ping,
        "/health": _health,
        "/version": _version,
        "/metrics": _metrics,
        "/v1/forecast/{pair}": _forecast,
        "/v1/podium": _podiums,
        "/v1/podium/{pair}": _podium,
        "/openapi.json": _openapi,
        "/docs": _docs,
        "/docs.css": _docs_style,
    }
    posts: dict[str, Endpoint] = {
        "/invocations": _never,
        "/v1/invocations/{pair}": _never,
        "/v1/reload": _reload,
    }
    routes: list[BaseRoute] = [GetRoute(path, endpoint, methods=["GET"]) for path, endpoint in gets.items()]
    return routes + [Route(path, endpoint, methods=["POST"]) for path, endpoint in posts.items()]


class GetRoute(Route):
    """A route for GET alone: MLflow's server refuses HEAD, and a probe is to see the same here."""

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.methods = {"GET"}


async def _never(_request: Request) -> Response:
    """POST is answered before Starlette sees it; the route is here for 405."""
    raise RefusedError(500, "The server failed; it has logged why.", INTERNAL)


async def _ping(request: Request) -> Response:
    """As MLflow's: 200 and an empty line when there is a model, 404 when there is none."""
    service = _service(request)
    return Response(
        "\n", 200 if service.default_pair in service.swapper.lineups else 404, media_type="application/json"
    )


async def _health(request: Request) -> Response:
    status, report = health.report(_service(request))
    return answer_json(report, status)


@lru_cache(maxsize=1)
def _mlflow_version() -> str:
    from importlib.metadata import version

    return version("mlflow")


async def _version(_request: Request) -> Response:
    """MLflow's version, as its own server answers."""
    return Response(_mlflow_version(), media_type="application/json")


async def _metrics(request: Request) -> Response:
    service = _service(request)
    await asyncio.to_thread(health.measure, service)  # the live errors are read from the ledger
    return Response(service.telemetry.render(), media_type=MEDIA_TYPE)


async def _forecast(request: Request) -> Response:
    started = time.perf_counter()
    service = _service(request)
    lineup = service.lineup(request.path_params["pair"])
    ask = service.ask(lineup, request.headers.get("x-request-key"), request.headers.get("x-podium-arm"), started)
    close = await service.next_day(lineup.pair)
    try:
        X = close.row(ask.model.card.features)
    except MissingError as error:
        raise unavailable(f"The model cannot be asked for the next day: {error}.", 60) from None
    answer = await service.answer(ask, X, close, 0)
    told = next_day(ask.model.card, close, float(answer.forecasts[0]))
    content = {
        "pair": told.pair,
        "origin": told.origin,
        "target_date": told.target_date,
        "age_days": told.age_days(),
        "last_close": told.close,
        "forecast": told.forecast,
        "forecast_close": told.forecast_rate,
        "interval": told.bounds or None,
        "interval_close": told.rates or None,
        "interval_missing": why_no_interval(ask.model.card, close),
        "arm": ask.arm,
        "model": told.model_name,
        "version": told.model_version,
        "data_version": str(told.data_version),
        "forecast_id": ask.forecast_id,
    }
    return answer_json(content, headers=ask.headers)


async def _podiums(request: Request) -> Response:
    service = _service(request)
    return answer_json({"pairs": list(service.swapper.lineups), "default": service.default_pair})


async def _podium(request: Request) -> Response:
    service = _service(request)
    lineup = service.lineup(request.path_params["pair"])
    places = [
        {
            "arm": arm,
            "model": model.card.name,
            "version": model.card.version,
            "run_id": model.card.run_id,
            "model_uri": model.uri,
            "engine": "onnx" if model.card.digest else "pyfunc",
            "logged_at": _iso(model.card.created_at),
            "tags": model.card.tags,
        }
        for arm, model in lineup.arms.items()
    ]
    content = {
        "pair": lineup.pair,
        "since": _iso(lineup.since),
        "podium": places,
        "features": list(lineup.champion.card.features),
        "split": str(service.split),
        "experiment": service.options.ab_test,
        "titles": list(lineup.titles),
    }
    return answer_json(content)


def _iso(moment: float) -> str | None:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds") if moment else None


async def _reload(request: Request) -> Response:
    """Read the registry now."""
    service = _service(request)
    if not await service.swapper.reload(RELOAD_TIMEOUT):
        raise unavailable("The registry could not be read; the models in service stay.", 5)
    status, report = health.report(service)
    return answer_json(report, 200 if status == 404 else status)


async def _openapi(_request: Request) -> Response:
    return Response(openapi.document_json(), media_type="application/json")


async def _docs(_request: Request) -> Response:
    return answer_page(openapi.page())


async def _docs_style(_request: Request) -> Response:
    return Response(openapi.STYLE, headers=dict(PAGE_HEADERS), media_type="text/css; charset=utf-8")


__all__ = ["GetRoute", "PodiumApp", "answer_json", "answer_page", "quoted"]
