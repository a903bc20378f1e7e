"""Verbs in a registry of years, filled as benchmarks/filled_registry.py fills it, which measures the seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool

import filled_registry
from podium.pipeline.contest import evaluate
from podium.pipeline.status import status, status_of_all
from podium.pipeline.titles import history, promote
from podium.registry import pair_models

EVERY = 10  # steps of SQLite's machine between two counts
A_TITLE, A_RUN = 12, 30  # steps for one more of them


@dataclass
class Asked:
    """What a verb asks of the database: statements, readings of the registered models, and steps of SQLite's machine.

    Steps are what a verb waits for, whatever else the machine does: a row that is looked at takes about ten.
    """

    n_statements: int = 0
    n_readings: int = 0
    n_steps: int = 0


@pytest.fixture
def counted(monkeypatch) -> Iterator[Callable[[Callable[[], object]], Asked]]:
    """`counted(act)`: what it asks."""
    asked = Asked()
    search = pair_models._search

    def reading(*args):
        asked.n_readings += 1
        return search(*args)

    def statement(*rest):
        asked.n_statements += 1

    def steps():
        asked.n_steps += EVERY

    def watch(connection, *rest):
        connection.set_progress_handler(steps, EVERY)

    def count(act):
        nonlocal asked
        asked = Asked()
        act()
        answer, asked = asked, Asked()
        return answer

    monkeypatch.setattr(pair_models, "_search", reading)
    event.listen(Engine, "before_cursor_execute", statement)
    event.listen(Pool, "checkout", watch)
    yield count
    event.remove(Engine, "before_cursor_execute", statement)
    event.remove(Pool, "checkout", watch)


def test_no_verb_asks_more_in_a_registry_of_years(arena, rates, counted):
    """With hundreds of runs and versions more verbs send the same statements, and step over no version that rests."""
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
    filled_registry.fill(settings.tracking_uri, 800, 400)
    filled_registry.crown(settings, 101)
    evaluate(settings, unpin=True)  # of the versions under their new numbers
    holders = {alias: version for version in arena.store.holders() for alias in version.aliases}
    assert len(arena.store.versions()) == 402
    after = {name: counted(act) for name, act in verbs.items()}
    for name, asked in after.items():
        assert (asked.n_statements, asked.n_readings) == (before[name].n_statements, before[name].n_readings), name
        runs = A_RUN * 800 if name == "evaluate" else 0  # among which those of its data version are looked for
        assert asked.n_steps <= before[name].n_steps + asked.n_readings * A_TITLE * 101 + runs, name
    assert [before[name].n_readings for name in ("status", "status --all", "history")] == [1, 1, 1]
    assert before["evaluate"].n_readings <= 4
    assert before["promote twice"].n_readings <= 16
