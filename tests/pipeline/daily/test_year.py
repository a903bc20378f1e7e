"""A year of days that is disturbed ends where one that is not does."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from podium.pipeline.daily import daily
from podium.pipeline.day import BUSY, DONE, FAILED, LATE, NOTHING, Day, DaysAsked
from tests.pipeline.daily.desk import N_KNOWN, Desk, opened, results

STEPS = ("rates", "settle", "forecast", "train", "judge", "ahead", "prune")
GARBAGE = (
    b"<!doctype html><title>Bad gateway</title>",
    b"date,close\n2026-01-05,1.1\n2026-01-06,-1.1\n2026-01-07,nan\n",
    b"PK\x03\x04" + bytes(range(256)),
)


class Killed(BaseException):
    """As if the process had ended there."""


def killed(desk: Desk, n_days: int, at: str) -> list[str]:
    """The day's work ends at that step as SIGKILL ends it, while a second start looks: how that one ended."""
    second: list[str] = []

    def die(_: Day, step: Any) -> None:
        if step.step == at:
            second.extend(results(daily(desk.settings, DaysAsked())))
            raise Killed

    with pytest.raises(Killed):
        desk.day(n_days, on_step=die)
    return second


def holiday(desk: Desk, n_days: int) -> list[str]:
    """How the next evening ends if it is a business day without a rate."""
    tomorrow = desk.evening(n_days) + timedelta(days=1)
    if tomorrow.weekday() >= 5 or tomorrow.date() == desk.rates.dates[n_days].item():
        return []
    return [f"holiday: {day}" for day in results(daily(desk.settings, DaysAsked(), now=tomorrow))]


def test_a_year_that_is_disturbed_ends_where_an_undisturbed_one_does(blank_database, rates, monkeypatch, tmp_path):
    """250 real days: the same end, each planted fault raised its alarm once, and no healthy day or holiday raised one.

    Killed 20 times, each time while a second start found it busy; five days missed, a rate revised, late, or garbage.
    """
    undisturbed, disturbed = (
        opened(tmp_path / name, blank_database, rates, monkeypatch, calendar="target", retrain="100")
        for name in ("undisturbed", "disturbed")
    )
    closes, chance, days = rates.closes.copy(), random.Random(7), range(N_KNOWN, N_KNOWN + 251)
    closes[N_KNOWN + 12] *= 1.001  # as it is said a week later
    revised, missed = replace(rates, closes=closes), {*range(N_KNOWN + 5, N_KNOWN + 10)}
    calm = [n_days for n_days in days[1:] if n_days not in missed]
    late, garbage = (chance.sample(calm, 6) for _ in range(2))
    kills = [(N_KNOWN + 100, "train"), *((day, chance.choice(STEPS)) for day in chance.sample(calm, 19))]
    seen: list[str] = []
    for n_days in days:
        undisturbed.rates = disturbed.rates = revised if n_days >= N_KNOWN + 20 else rates
        assert results(undisturbed.day(n_days)) == [DONE]
        if n_days in missed:
            continue
        nonsense = [GARBAGE[garbage.index(n_days) % len(GARBAGE)]] if n_days in garbage else []
        for found in [*nonsense, *[rates.until(n_days - 1)] * (n_days in late)]:
            disturbed.source(found)
            seen += results(daily(disturbed.settings, DaysAsked(), now=disturbed.evening(n_days)))
        for step in (step for day, step in kills if day == n_days):
            seen += killed(disturbed, n_days, step)
        seen += results(disturbed.day(n_days)) + holiday(disturbed, n_days)
    planted = {FAILED: 6, LATE: 6, BUSY: 20, f"holiday: {NOTHING}": 4}
    assert Counter(seen) == {**planted, DONE: 242, NOTHING: 9}  # killed after its last work a day is found done
    assert disturbed.state() == undisturbed.state()
    assert [version.version for version in undisturbed.store.versions()] == [1, 2, 3]
    assert disturbed.alarms() == {"daily-missing": 1, "daily-failed": 6, "rates-late": 6}
    assert undisturbed.alarms() == {}
