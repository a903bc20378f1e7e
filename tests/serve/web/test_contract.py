import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.control import SkipTest
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from podium.serve.web import openapi


class AsAsgi:
    """The application behind ASGI, which is what schemathesis calls without sockets."""

    def __init__(self, app: Any, scope_of: Any, heads: Any, wire: Any) -> None:
        self._app, self._scope_of, self._heads, self._wire = app, scope_of, heads, wire

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        lines = [(name.decode().lower(), text.decode("latin-1")) for name, text in scope["headers"]]
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        wire = self._wire(body)
        query = scope["query_string"].decode("latin-1")
        await self._app.__rsgi__(self._scope_of(scope["method"], scope["path"], query, self._heads(*lines)), wire)
        headers = [(name.encode(), text.encode("latin-1")) for name, text in wire.reply.headers.items()]
        await send({"type": "http.response.start", "status": wire.reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": wire.reply.content})


@pytest.fixture(scope="module")
def served(world: Any) -> Iterator[Any]:
    """The application of a service with models and without a ledger."""
    from podium.serve.hotswap.manifest import load
    from podium.serve.hotswap.signals import MANIFEST
    from podium.serve.processes.service import Service
    from podium.serve.processes.worker import make_app
    from podium.serve.web.config import WorkerConfig
    from podium.settings import ServeSettings

    serving = ServeSettings(ledger="off", max_rows=50, max_body=200_000)
    service = Service(WorkerConfig(world.settings.model_copy(update={"serve": serving}), world.cache))
    asyncio.run(service.swapper.apply(load(world.cache / MANIFEST)))
    service.closes.refresh(service.swapper.lineups)
    service.swapper.reload = _answered  # type: ignore[method-assign]
    yield make_app(service)
    service.forecaster.close()


async def _answered(_timeout: float) -> bool:
    return True


@pytest.fixture
def application(served: Any, scope_of: Any, heads: Any, wire: Any) -> AsAsgi:
    """The same, callable by schemathesis."""
    return AsAsgi(served, scope_of, heads, wire)


CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
MLFLOWS_OWN = {"GET /ping", "GET /version"}  # MLflow's server calls them JSON, and they are none
GETS = ("/v1/forecast/{pair}", "/v1/podium", "/v1/podium/{pair}", "/v1/proposals/{pair}", "/ping", "/health",
        "/version", "/metrics")  # fmt: skip
POSTS = ("/invocations", "/v1/invocations/{pair}", "/v1/proposals/{pair}", "/v1/reload")
NOBODY_MAY = {"POST /v1/proposals/{pair}"}  # without approvers
OPERATIONS = [*(f"GET {path}" for path in GETS), *(f"POST {path}" for path in POSTS)]


def described(app: Any) -> dict[str, Any]:
    """The description with pairs of which one is served: of six letters taken at random none ever is."""
    document = openapi.document([route for route in app.routes if route.answers])
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "pair":
                    parameter["schema"] = {"enum": ["EURUSD", "GBPUSD"]}
    return document


def test_every_operation_is_tested(served: Any) -> None:
    """No operation of the description is left out below."""
    paths = described(served)["paths"]
    assert {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods} == set(OPERATIONS)


@pytest.mark.filterwarnings("ignore")  # schemathesis and the client below it warn among themselves
@pytest.mark.parametrize("label", OPERATIONS)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_the_service_keeps_to_its_description(served: Any, application: Any, label: str, mode: GenerationMode) -> None:
    """Whatever the description allows, and what it does not: no 5xx, and only answers that it announces."""
    schema = schemathesis.openapi.from_dict(described(served))
    schema.app = application
    operation = next(found.ok() for found in schema.get_all_operations() if found.ok().label == label)
    checks = CHECKS[:3] if label in MLFLOWS_OWN else CHECKS
    cases = operation.as_strategy(generation_mode=mode)

    called: list[int] = []

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    @given(cases)
    def call(case: Any) -> None:
        response = case.call(headers={"Host": "127.0.0.1"})
        called.append(response.status_code)
        case.validate_response(response, checks=checks)

    method, _, path = label.partition(" ")
    about = described(served)["paths"][path][method.lower()]
    if mode is GenerationMode.NEGATIVE and not about.get("parameters") and "requestBody" not in about:
        # Nothing about an operation without parameters can be wrong.
        with contextlib.suppress(Unsatisfiable, SkipTest):
            call()
        return
    call()
    assert called
    if mode is GenerationMode.POSITIVE and "invocations" not in label and label not in NOBODY_MAY:
        assert 200 in called
