"""The real servers that the contract tests start, for benchmarks: PostgreSQL, an S3 store, `mlflow server` on both."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parents[1] / "tests" / "contract" / "conftest.py"


def _fixtures() -> Any:
    spec = importlib.util.spec_from_file_location("podium_servers", _FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_MODULE = _fixtures()


def _server(name: str) -> Callable[..., AbstractContextManager[Any]]:
    made: Callable[..., Iterator[Any]] = getattr(_MODULE, name).__wrapped__
    return contextmanager(made)


postgres = _server("postgres")
object_store = _server("object_store")
_page_server = _server("page_server")
Database: Any = _MODULE.Database


@contextmanager
def mlflow_server(database: Any, store: Any) -> Iterator[str]:
    """Address of `mlflow server`, started as docs/production.md says."""
    with _page_server(_MODULE.Reader(), database, store) as served:
        yield served.address
