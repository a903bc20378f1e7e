"""Verbs in a registry of years, filled as benchmarks/filled_registry.py fills it, which measures the seconds."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from sqlalchemy import event
from sqlalchemy.engine import Engine

from podium.pipeline.contest import evaluate
from podium.pipeline.status import status, status_of_all
from podium.pipeline.titles import history, promote

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def filling(monkeypatch) -> Any:
    """The benchmark as a module."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("filled_registry")


@pytest.fixture
def counted(monkeypatch) -> Iterator[Callable[[Callable[[], object]], tuple[int, int]]]:
    """`counted(act)`: how many statements it sends to the database, and how often it reads the registered models."""
    statements: list[str] = []
    reads: list[str] = []
    real = MlflowClient.search_registered_models

    def note(connection, cursor, statement, *rest):
        statements.append(statement)

    def search(self, *args, **kwargs):
        reads.append("")
        return real(self, *args, **kwargs)

    def count(act):
        statements.clear()
        reads.clear()
        act()
        return len(statements), len(reads)

    monkeypatch.setattr(MlflowClient, "search_registered_models", search)
    event.listen(Engine, "before_cursor_execute", note)
    yield count
    event.remove(Engine, "before_cursor_execute", note)


def test_no_verb_asks_more_in_a_registry_of_years(arena, rates, counted, filling):
    """Twenty times the runs, versions and titles: as many statements as before, and few looks at the models."""
    arena.days(rates).train()
    settings = arena.settings
    evaluate(settings)
    holders = {alias: version for version in arena.store.holders() for alias in version.aliases}

    def promoted() -> None:
        promote(settings, holders["challenger"].pinned_uri, "to count")
        promote(settings, holders["champion"].pinned_uri, "and back")

    verbs = {
        "status": lambda: status(settings),
        "status --all": lambda: status_of_all(settings),
        "history": lambda: history(settings),
        "promote twice": promoted,
        "evaluate": lambda: evaluate(settings, unpin=True),
    }
    before = {name: counted(act) for name, act in verbs.items()}
    filling.fill(settings.tracking_uri, 40, 40)
    filling.crown(settings, 41)
    evaluate(settings, unpin=True)  # of the versions under their new numbers
    holders = {alias: version for version in arena.store.holders() for alias in version.aliases}
    assert len(arena.store.versions()) == 42
    assert {name: counted(act) for name, act in verbs.items()} == before
    assert [before[name][1] for name in ("status", "status --all", "history")] == [1, 1, 1]
    assert before["evaluate"][1] <= 4
    assert before["promote twice"][1] <= 16
