"""Each rule raises its alarm on its fault, and none on a day on which all is well."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from podium.alerts.rules import RULES, Facts, alarms_of, examined
from podium.registry.history import Title

DAY = date(2026, 10, 30)
N = 700
DAYS = [DAY - timedelta(days=N - number) for number in range(N)]


def days(values) -> dict[date, object]:
    """The values by day, the last of them yesterday's."""
    return dict(zip(DAYS, values.tolist(), strict=True))


def noise() -> np.ndarray:
    """What standardised outcomes are while all is well."""
    return np.random.default_rng(3).standard_t(6, N) * np.sqrt(4 / 6)


def hits(share: float) -> np.ndarray:
    """Outcomes inside of an interval, of the last hundred days only this share."""
    found = np.random.default_rng(4).random(N) < 0.8
    found[-100:] = np.random.default_rng(5).random(100) < share
    return found


WELL = Facts(
    pair="EURUSD", day=DAY, late="", verdict="held", failure="", missing=(), free=0.4, registry="", ledger="",
    standardised=days(noise()), hits={0.8: days(hits(0.8))},
)  # fmt: skip
LATER = np.arange(N) >= N - 100
CHANGE = Title(
    "2026-10-29T07:00:00Z",
    "champion",
    "EURUSD_LSTM",
    3,
    "r",
    "models:/EURUSD_ARIMA/2",
    "lowest RMSE",
    "new",
    None,
    "ann",
)

FAULTS = {
    "title-changed": {"titles": (CHANGE,)},
    "verdict-degraded": {"verdict": "degraded", "reason": "worse than no change"},
    "verdict-leak": {"verdict": "amber", "reason": "R² of 0.1"},
    "title-proposed": {"verdict": "proposed", "reason": "ARIMA is ahead"},
    "rates-late": {"late": "no rate of 2026-10-29 yet"},
    "daily-failed": {"failure": "no memory"},
    "daily-missing": {"missing": (date(2026, 10, 28), date(2026, 10, 29))},
    "coverage-off": {"hits": {0.8: days(hits(0.5))}},
    "volatility-jumped": {"standardised": days(noise() * np.where(LATER, 2.0, 1.0))},
    "errors-drifted": {"standardised": days(noise() + 0.9 * LATER)},
    "disk-nearly-full": {"free": 0.03},
    "registry-unreachable": {"registry": "no route"},
    "ledger-unreachable": {"ledger": "no route"},
}


def test_a_day_on_which_all_is_well_raises_nothing():
    """No rule finds a fault where there is none, though each has been asked."""
    assert alarms_of(WELL) == []
    assert examined(WELL) == set(RULES)


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_raises_its_alarm_and_no_other(name):
    """One alarm, with what was found, what to do, and the pair unless all are concerned."""
    (alarm,) = alarms_of(replace(WELL, **FAULTS[name]))
    assert alarm.name == name
    assert alarm.remedy
    assert "\n" not in alarm.found
    assert alarm.pair == (
        "" if name in {"disk-nearly-full", "registry-unreachable", "ledger-unreachable"} else "EURUSD"
    )


@pytest.mark.parametrize("name", ["registry-unreachable", "ledger-unreachable"])
def test_a_run_that_failed_of_what_is_away_is_one_alarm(name):
    """The failure has its reason there."""
    (alarm,) = alarms_of(replace(WELL, failure="no route", **FAULTS[name]))
    assert alarm.name == name


def test_every_rule_has_been_planted():
    """A new rule needs its fault here."""
    assert set(FAULTS) == {*RULES, "title-changed"}


def test_what_is_found_names_how_much_and_since_when():
    """Days, shares and sizes, so that whoever reads it need not look further."""
    said = {name: alarms_of(replace(WELL, **FAULTS[name]))[0].found for name in FAULTS}
    assert said["daily-missing"] == "no daily run on 2026-10-28, 2026-10-29"
    assert re.fullmatch(r"the 80% interval held [45].% of the last \d+ outcomes", said["coverage-off"])
    assert said["volatility-jumped"].endswith(" times as wide as forecast")
    assert "+0." in said["errors-drifted"]
    assert said["disk-nearly-full"] == "3.0% of the disk is free"


def test_of_what_is_unknown_nothing_is_said():
    """Without any fact no rule is asked."""
    bare = Facts(pair="EURUSD", day=DAY)
    assert (alarms_of(bare), examined(bare)) == ([], frozenset())
