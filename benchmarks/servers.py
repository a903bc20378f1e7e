"""The real servers that the tests start, for benchmarks: PostgreSQL, an S3 store, `mlflow server` on both."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.servers import Database, ObjectStore, Reader, object_store, page_server, postgres

__all__ = ["Database", "mlflow_server", "object_store", "postgres"]


@contextmanager
def mlflow_server(database: Database, store: ObjectStore) -> Iterator[str]:
    """Address of `mlflow server`, started as docs/production.md says."""
    with page_server(Reader(), database, store) as served:
        yield served.address
