from types import SimpleNamespace
from typing import Any

import pytest

from podium.serve.web.health import HealthReporter

SAID = [
    'connection failed: connection to server at "db.internal" (10.1.2.3), port 5432 failed: Connection refused',
    'connection to server at "::1", port 5432 failed: FATAL:  database "db.internal" does not exist',
    'connection to server at "internal", port 5432 failed: FATAL: no pg_hba.conf entry for host "10.1.2.3"',
    'could not translate host name "internal" to address: Name or service not known',
    "failed to resolve host 'db.internal': [Errno -2] Name or service not known",
    "HTTPConnectionPool(host='db.internal', port=5432): Max retries exceeded with url: /api/2.0",
    "API request to http://db.internal:5432/api failed",
    "(2003, \"Can't connect to MySQL server on 'internal' ([Errno 111] Connection refused)\")",
    'connection to server at "internal" (::1), port 5432 failed: Connection refused',
    "HTTPSConnectionPool: Failed to resolve 'internal' ([Errno -2] Name or service not known)",
    "(1045, \"Access denied for user 'podium'@'internal' (using password: YES)\")",
    "cannot write the ledger postgresql://me:***@db.internal/ledger: db.internal:5432 is away",
]


@pytest.mark.parametrize("said", SAID)
def test_health_names_no_host_and_no_port(said: str) -> None:
    """Whatever a database or a client says of its address, `/health` has the reason without host and port."""
    empty: Any = SimpleNamespace(problems={}, checked_at=0, restarted="", unsaid="", problem="", mode="off", lineups={})
    bookkeeping: Any = SimpleNamespace(problem=said, mode="required")
    told = HealthReporter(empty, empty, empty, bookkeeping, empty, empty).problems()["ledger"]
    assert not [word for word in ("internal", "5432", "10.1.2.3", "::1") if word in told]
    assert "[" in told
