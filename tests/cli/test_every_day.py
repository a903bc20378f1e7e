"""`podium daily` waits for late rates until a moment, and no longer; many pairs are told as one."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from types import SimpleNamespace

import pytest

from podium.errors import MissingError, RegistryError
from podium.pipeline.day import DONE, EXIT_LATE, FAILED, LATE, NOTHING, PERSON, Day, Step

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


@pytest.mark.parametrize("verb", ["daily", "settings"])
def test_a_misspelt_option_is_told_before_the_day_of_the_next_training(podium, routine, monkeypatch, verb):
    """Also of a contestant that takes no part, and on a day on which nobody is trained."""
    monkeypatch.setenv("PODIUM_OPTIONS", '{"GradientBoosting": {"tress": 3}}')
    routine.answers = [Day("EURUSD", TODAY, NOTHING)]
    said = podium(verb, "--contestants", "LinearRegression")
    assert said.exit_code == 2
    assert "setting options.GradientBoosting.tress (variable PODIUM_OPTIONS): GradientBoosting has no such" in said.err


def test_after_the_deadline_nobody_waits(podium, routine):
    """A moment that is over is no reason to try again, and late is the answer."""
    routine.answers = [late()]
    said = podium("daily", "--pair", "EURUSD", "--deadline", "00:00")
    assert (said.exit_code, said.out) == (EXIT_LATE, "EURUSD 2026-10-20: late\n")
    assert routine.waited == []


def test_many_pairs_are_one_table_and_one_document(podium, routine, monkeypatch):
    """Each with how its days ended; one that failed is told with its reason, and the exit code says what it was."""
    failed = Day("GBPJPY", TODAY, FAILED, [Step("rates", "no answer", 0.1)], exit_code=4)
    days = {"EURUSD": Day("EURUSD", TODAY, DONE, trained=3, notes=["a revised rate"]), "GBPJPY": failed}
    monkeypatch.setattr("podium.pipeline.daily.daily", lambda settings, *_, **__: [days[settings.pair]])
    asked = ("daily", "--pairs", "EURUSD,GBPJPY", "--workers", "1")
    said = podium(*asked)
    head, row, reason, total = said.out.splitlines()
    assert head.split()[:2] == ["pair", "champion"]
    assert row.split()[:-1] == ["EURUSD", "-", "-", "-", "-", "3", "trained"]
    assert reason == "GBPJPY failed: rates: no answer"
    assert total.startswith("1 of 2 pairs done, 1 failed, 3 runs recorded; ")
    assert "note: EURUSD: a revised rate" in said.err
    told = podium(*asked, "--json")
    assert (said.exit_code, told.exit_code) == (4, 4)
    assert [(one["pair"], one["failed"], one["exit_code"]) for one in told.json] == [
        ("EURUSD", None, 0), ("GBPJPY", "rates: no answer", 4),
    ]  # fmt: skip
    assert [one["days"][0]["result"] for one in told.json] == [DONE, FAILED]
    (alone,) = podium("daily", "--pair", "EURUSD", "--json").json
    assert {**alone, "seconds": 0} == {**told.json[0], "seconds": 0}


@pytest.mark.parametrize(
    ("second", "changed", "exit_code"),
    [
        (Day("GBPJPY", TODAY, LATE, exit_code=EXIT_LATE), LATE, EXIT_LATE),
        (Day("GBPJPY", TODAY, PERSON, exit_code=3), PERSON, 3),
        (MissingError("no version of GBPJPY_* holds @champion"), None, MissingError.exit_code),
        (RegistryError("nobody answers"), None, RegistryError.exit_code),
    ],
)
def test_the_exit_code_of_many_is_that_of_the_one_kind_of_day_that_needs_somebody(
    podium, monkeypatch, second, changed, exit_code
):
    """3, 8 and what failed each by its own; 1 where they are of several kinds. A pair that fails stops nobody."""
    late = Day("USDCHF", TODAY, LATE, exit_code=EXIT_LATE)
    days = {"EURUSD": Day("EURUSD", TODAY, NOTHING), "GBPJPY": second, "USDCHF": late}

    def daily(settings, *_, **__):
        found = days[settings.pair]
        if isinstance(found, Exception):
            raise found
        return [found]

    monkeypatch.setattr("podium.pipeline.daily.daily", daily)
    said = podium("daily", "--pairs", "GBPJPY,EURUSD", "--workers", "1", "--json")
    assert said.exit_code == exit_code
    assert [one["changed"] for one in said.json] == [changed or "nothing", NOTHING]
    mixed = podium("daily", "--pairs", "GBPJPY,USDCHF", "--workers", "1", "--json")
    assert mixed.exit_code == (EXIT_LATE if exit_code == EXIT_LATE else 1)
