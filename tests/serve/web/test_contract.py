import asyncio
import contextlib
import copy
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


@pytest.fixture(scope="module")
def application(world: Any) -> Iterator[Any]:
    """The application of a service with models and without a ledger."""
    from podium.serve.hotswap.manifest import MANIFEST, load
    from podium.serve.processes.options import WorkerConfig
    from podium.serve.processes.worker import make_app, make_service
    from podium.settings import ServeSettings

    serving = ServeSettings(ledger="off", max_rows=50, max_body=200_000)
    service = make_service(WorkerConfig(world.settings.model_copy(update={"serve": serving}), world.cache))
    asyncio.run(service.swapper.apply(load(world.cache / MANIFEST)))
    service.swapper.reload = _answered  # type: ignore[method-assign]
    yield make_app(service)
    service.pool.shutdown()


async def _answered(_timeout: float) -> bool:
    return True


CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
MLFLOWS_OWN = {"GET /ping", "GET /version"}  # MLflow's server calls them JSON, and they are none
OPERATIONS = [f"{method.upper()} {path}" for path, methods in openapi.document()["paths"].items() for method in methods]


def served() -> dict[str, Any]:
    """The description with pairs of which one is served: of six letters taken at random none ever is."""
    document = copy.deepcopy(openapi.document())
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "pair":
                    parameter["schema"] = {"enum": ["EURUSD", "GBPUSD"]}
    return document


@pytest.mark.filterwarnings("ignore")  # schemathesis and the client below it warn among themselves
@pytest.mark.parametrize("label", OPERATIONS)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_the_service_keeps_to_its_description(application: Any, label: str, mode: GenerationMode) -> None:
    """Whatever the description allows, and what it does not: no 5xx, and only answers that it announces."""
    described = schemathesis.openapi.from_dict(served())
    described.app = application
    operation = next(found.ok() for found in described.get_all_operations() if found.ok().label == label)
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
    about = openapi.document()["paths"][path][method.lower()]
    if mode is GenerationMode.NEGATIVE and not about.get("parameters") and "requestBody" not in about:
        # Nothing about an operation without parameters can be wrong.
        with contextlib.suppress(Unsatisfiable, SkipTest):
            call()
        return
    call()
    assert called
    if mode is GenerationMode.POSITIVE and "invocations" not in label:
        assert 200 in called
