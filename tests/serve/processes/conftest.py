"""Servers of real processes."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.serve.processes.live import Server, Serving


@pytest.fixture
def serving(own_world: Any) -> Iterator[Serving]:
    """`serving(processes=2)`: a server of this test's own registry."""
    servers: list[Server] = []

    def start(**options: Any) -> Server:
        servers.append(Server(own_world.settings, own_world.root, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
