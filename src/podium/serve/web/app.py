"""The one way from a request's bytes to its answer: gate, route, places, endpoint; an RSGI application."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import parse_qsl

from podium.serve.web.http import BAD_REQUEST, INTERNAL, MISSING, RefusedError, Reply, Request, Route, quoted
from podium.serve.web.security import Gate
from podium.serve.web.telemetry import Telemetry

_log = logging.getLogger("podium.serve")
_ALWAYS = (("x-content-type-options", "nosniff"), ("server", "podium"))


class App:
    """Answers requests.

    Args:
        gate: who may call.
        telemetry: counts.
        routes: what can be asked.
        life: entered before the first request, left after the last one.
    """

    def __init__(
        self, gate: Gate, telemetry: Telemetry, routes: Sequence[Route], life: AbstractAsyncContextManager[None]
    ) -> None:
        self.routes = routes
        self._gate, self._telemetry, self._life = gate, telemetry, life
        self._table: dict[str, dict[str, Route]] = {}
        for route in routes:
            stem, brace, _ = route.path.partition("{")
            self._table.setdefault(stem + brace, {})[route.method] = route

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called by the server before it accepts connections."""
        loop.run_until_complete(self._life.__aenter__())

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called by the server when the last request was answered."""
        loop.run_until_complete(self._life.__aexit__(None, None, None))

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """One request."""
        started = time.perf_counter()
        routes, argument = self._at(scope.path)
        label = next(iter(routes.values())).label if routes else "unknown"  # few values, whatever paths clients try
        try:
            reply = await self._reply(scope, Request(scope.headers, protocol, started, argument), routes)
        except RefusedError as refused:
            reply = refused.reply
            kind = f"{label} {reply.status}"
            _log.warning("refused %s %s: %d, %s", scope.method, scope.path, reply.status, refused, extra={"kind": kind})
        except Exception as error:  # noqa: BLE001  the edge: the client gets a plain 500, the log the trace
            _log.exception("a request failed", extra={"kind": type(error).__name__})
            reply = RefusedError(500, "The server failed; it has logged why.", INTERNAL).reply
        self._telemetry.counted(label, reply.status, time.perf_counter() - started)
        headers = [("content-type", reply.media_type), ("cache-control", reply.cache), *_ALWAYS, *reply.headers]
        protocol.response_bytes(reply.status, headers, reply.content)

    def _at(self, path: str) -> tuple[Mapping[str, Route], str]:
        """Routes of a path by method, and what its last part stands for."""
        found = self._table.get(path)
        if found is not None:
            return found, ""
        stem, slash, last = path.rpartition("/")
        return self._table.get(f"{stem}{slash}{{", {}), last

    async def _reply(self, scope: Any, request: Request, routes: Mapping[str, Route]) -> Reply:
        route = routes.get("GET" if scope.method == "HEAD" else scope.method)
        self._gate.check(scope.headers, open_to_all=bool(route and route.open), page=bool(route and route.page))
        if route is None:
            raise _no_route(routes)
        if scope.query_string:
            request = request._replace(query=_query(scope.query_string, route))
        with route.room:
            return await route.endpoint(request)


def _no_route(routes: Mapping[str, Route]) -> RefusedError:
    if not routes:
        return RefusedError(404, "There is nothing at this address; /docs says what there is.", MISSING)
    allowed = ", ".join([*routes, *(["HEAD"] if "GET" in routes else [])])
    return RefusedError(405, f"This address takes {allowed}.", BAD_REQUEST, (("allow", allowed),))


def _query(text: str, route: Route) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name not in route.query:
            taken = ", ".join(sorted(route.query)) or "none"
            raise RefusedError(400, f"There is no parameter {quoted(name)} here; this address takes {taken}.")
        if name in given:
            raise RefusedError(400, f"The parameter {name} is given twice; give it once.")
        given[name] = value
    return given
