"""`podium daily` waits for late rates until a moment, and no longer."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from types import SimpleNamespace

import pytest

from podium.pipeline.daily import DONE, EXIT_LATE, LATE, Day

TODAY = date(2026, 10, 20)


@pytest.fixture
def routine(monkeypatch):
    """What the routine answers, in turn; how long was waited stands in `waited`."""
    found = SimpleNamespace(answers=[], waited=[])
    monkeypatch.setattr("podium.pipeline.daily.daily", lambda *_, **__: [found.answers.pop(0)])
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=found.waited.append))
    return found


def late() -> Day:
    """A day whose rate is not there."""
    return Day("EURUSD", TODAY, LATE, exit_code=EXIT_LATE)


def test_late_rates_are_waited_for_with_growing_pauses(podium, routine, monkeypatch):
    """Tried again until the rate is there; only the last try counts."""
    later = datetime.now().astimezone() + timedelta(hours=2)  # whatever the time of day at which the test runs
    monkeypatch.setattr("podium.cli.every_day._clock", lambda text: later)
    routine.answers = [late(), late(), Day("EURUSD", TODAY, DONE)]
    said = podium("daily", "--pair", "EURUSD", "--deadline", "23:59")
    assert (said.exit_code, said.out) == (0, "EURUSD 2026-10-20: done\n")
    assert len(routine.waited) == 2
    assert routine.waited[0] < routine.waited[1]


def test_after_the_deadline_nobody_waits(podium, routine):
    """A moment that is over is no reason to try again, and late is the answer."""
    routine.answers = [late()]
    said = podium("daily", "--pair", "EURUSD", "--deadline", "00:00")
    assert (said.exit_code, said.out) == (EXIT_LATE, "EURUSD 2026-10-20: late\n")
    assert routine.waited == []
