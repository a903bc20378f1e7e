"""The turn on a server, with a registry in memory and a clock that the test moves."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, RESOURCE_DOES_NOT_EXIST

from podium.errors import RegistryError
from podium.registry import turns

ME = {"holder": "lena@desk, process 7", "since": "2026-11-26T09:00:00Z"}
OTHER = {"holder": "tom@lab, process 9", "since": "2026-11-26T09:00:05Z"}


class Registry:
    """The four calls of MLflow's client that a turn makes."""

    def __init__(self) -> None:
        self.models: dict[str, dict[str, str]] = {}

    def create_registered_model(self, name, tags, description):
        if name in self.models:
            raise MlflowException("there", RESOURCE_ALREADY_EXISTS)
        self.models[name] = dict(tags)

    def get_registered_model(self, name):
        if name not in self.models:
            raise MlflowException("none", RESOURCE_DOES_NOT_EXIST)
        return SimpleNamespace(tags=dict(self.models[name]))

    def rename_registered_model(self, name, new_name):
        if new_name in self.models:
            raise MlflowException("there", RESOURCE_ALREADY_EXISTS)
        self.models[new_name] = self.models.pop(name)

    def delete_registered_model(self, name):
        del self.models[name]

    def set_registered_model_tag(self, name, key, value):
        self.models[name][key] = value


class Clock:
    """Time passes only while somebody sleeps; each sleep may let something happen."""

    def __init__(self) -> None:
        self.now = 0.0
        self.meanwhile = lambda: None

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.meanwhile()


@pytest.fixture
def clock(monkeypatch) -> Clock:
    """In place of the module's `time`; nobody renews by itself."""
    clock = Clock()
    monkeypatch.setattr(turns, "time", clock)
    monkeypatch.setattr(turns.ServerTurn, "_renew", lambda _: None)
    return clock


def test_a_turn_that_is_renewed_is_nobody_elses(clock):
    """Whoever waits, for however many terms, does not get it, and is told who has it; renewals of any clock count."""
    registry = Registry()
    turn = turns.ServerTurn(registry, "EURUSD", ME)
    tags = registry.models["podium.turn.EURUSD"]
    clock.meanwhile = lambda: tags.update(until=f"1999-01-01T00:00:{int(clock.now) % 60:02d}Z")
    with pytest.raises(RegistryError, match=r"lena@desk, process 7 has been changing the titles of EURUSD since 2026"):
        turns.ServerTurn(registry, "EURUSD", OTHER)
    assert clock.now == pytest.approx(turns.PATIENCE, abs=1)
    turn.check()
    turn.end()
    assert registry.models == {}


def test_a_turn_that_is_not_renewed_is_taken_after_its_term(clock):
    """By one of those who wait, as if it were over; who lost it hears by whom, and takes nothing from the new one."""
    registry = Registry()
    lost = turns.ServerTurn(registry, "EURUSD", ME)
    won = turns.ServerTurn(registry, "EURUSD", OTHER)
    assert turns.TERM < clock.now < turns.TERM + 1
    with pytest.raises(RegistryError, match=r"stood still .* tom@lab, process 9"):
        lost.check()
    lost.end()
    won.check()
    won.end()
    assert registry.models == {}


def test_who_finds_a_holder_silent_a_moment_late_takes_nothing_away(clock):
    """Of two that wait one is first; the other, that looked before, does not take the turn of the first."""
    registry = Registry()
    turns.ServerTurn(registry, "EURUSD", ME)
    silent = dict(registry.models["podium.turn.EURUSD"])
    first = turns.ServerTurn(registry, "EURUSD", OTHER)
    late = object.__new__(turns.ServerTurn)
    late._registry, late._name, late._taken = registry, "podium.turn.EURUSD", []
    late._take_away(silent)
    first.check()
    assert late._taken == []


def test_a_turn_whose_confirmation_was_lost_is_had(clock, monkeypatch):
    """The server made the model and its answer did not arrive; MLflow asks again and hears that it exists."""
    registry = Registry()
    make = registry.create_registered_model

    def twice(*given):
        make(*given)
        make(*given)

    monkeypatch.setattr(registry, "create_registered_model", twice)
    turns.ServerTurn(registry, "EURUSD", ME).check()
    assert clock.now == 0


def test_what_a_writer_puts_into_a_turn_is_one_line(clock):
    """Neither line breaks nor a terminal's commands nor a book: any writer may make that model."""
    registry = Registry()
    registry.models["podium.turn.EURUSD"] = {"holder": "x\r\n\x1b[2J" + "y" * 5000}
    clock.meanwhile = lambda: registry.models["podium.turn.EURUSD"].update(token=str(clock.now))
    with pytest.raises(RegistryError) as caught:
        turns.ServerTurn(registry, "EURUSD", OTHER)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250
