"""What is worth a word to somebody: one rule an alarm, on plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from podium.evaluate.drift import Drift, biased, miscovered, widened
from podium.evaluate.policy import REFUSED
from podium.registry.history import Title

Severity = Literal["critical", "warning", "info"]

CHANNEL_DOWN = "channel-down"
"""The one alarm that no rule raises: who tells finds it."""

MESSAGE = "message-of-the-day"
"""No alarm, and told as one: to every channel, once a pair and day, and later where one is down."""

LEAST_FREE = 0.05
"""Share of the disk below which it is nearly full."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """What somebody is told once, and once more when it is over.

    Attributes:
        name: of its rule, such as `rates-late`.
        pair: six capital letters; empty where all pairs are concerned.
        severity: critical wants somebody now, warning today, info is to be known.
        found: what is so, in one line.
        remedy: what to do about it, in one line.
        key: tells one event, or one channel, from another of the same name.
        event: it happened, so that it is never over.
    """

    name: str
    pair: str
    severity: Severity
    found: str
    remedy: str
    key: str = ""
    event: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a day has shown of a pair; None where it is not known, and then nothing is raised or over.

    Attributes:
        pair: six capital letters.
        day: the day.
        late: which rate is late; empty where none is.
        verdict: the one word of the championship in force.
        reason: of the verdict.
        titles: the changes of the title since the last run.
        failure: why the daily run failed; empty where it went through.
        missing: business days without a daily run, which this one has made up for.
        standardised: (outcome - forecast) / sigma by day, of the champion's out-of-sample record and of the days since.
        hits: by coverage, whether each day's outcome lay inside the interval.
        free: share of the disk that is free, the fullest of those in use.
        registry: why tracking server or registry cannot be reached; empty where they answer.
        ledger: why the ledger cannot be reached; empty where it answers.
        message: of the day, where channels shall have it.
    """

    pair: str
    day: date
    late: str | None = None
    verdict: str | None = None
    reason: str = ""
    titles: tuple[Title, ...] = ()
    failure: str | None = None
    missing: tuple[date, ...] | None = None
    standardised: Mapping[date, float] | None = None
    hits: Mapping[float, Mapping[date, bool]] | None = None
    free: float | None = None
    registry: str | None = None
    ledger: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One alarm.

    Attributes:
        severity: see `Alarm`.
        needs: the fact without which nothing can be said.
        found: what is wrong, in a line; empty where nothing is.
        remedy: what to do.
        everywhere: it concerns all pairs.
    """

    severity: Severity
    needs: str
    found: Callable[[Facts], str]
    remedy: str
    everywhere: bool = False


def alarms_of(facts: Facts) -> list[Alarm]:
    """What is so now, by the rules."""
    events = [
        Alarm(
            "title-changed",
            facts.pair,
            "info",
            f"{title.pinned_uri} is champion, after {title.previous or 'nobody'}: {title.why}",
            "`podium status` shows the evidence; `podium rollback` gives the title back",
            title.at,
            event=True,
        )
        for title in facts.titles
    ]
    if facts.message:
        events.append(Alarm(MESSAGE, facts.pair, "info", facts.message, "", str(facts.day), event=True))
    found = [(name, rule, rule.found(facts)) for name, rule in RULES.items() if name in examined(facts)]
    return events + [
        Alarm(name, "" if rule.everywhere else facts.pair, rule.severity, line, rule.remedy)
        for name, rule, line in found
        if line
    ]


def examined(facts: Facts) -> frozenset[str]:
    """The names of the rules that the facts suffice for: what they do not raise is over."""
    return frozenset(name for name, rule in RULES.items() if getattr(facts, rule.needs) is not None)


def _verdict(*words: str) -> Callable[[Facts], str]:
    return lambda facts: f"verdict {facts.verdict}: {facts.reason}" if facts.verdict in words else ""


def _failed(facts: Facts) -> str:
    """Unless another alarm says why."""
    return f"the daily run failed: {facts.failure}" if facts.failure and not (facts.registry or facts.ledger) else ""


def _missing(facts: Facts) -> str:
    days = sorted(facts.missing or ())
    shown = ", ".join(map(str, days[:5])) + (f" and {len(days) - 5} more" if len(days) > 5 else "")
    return f"no daily run on {shown}" if days else ""


def _coverage(facts: Facts) -> str:
    """The first coverage that is off, with the share since the change."""
    for coverage, by_day in sorted((facts.hits or {}).items()):
        hits = [by_day[day] for day in sorted(by_day)]
        drift = miscovered(hits, coverage)
        if drift.alarm:
            share = sum(hits[-drift.since :]) / drift.since
            return f"the {coverage:.0%} interval held {share:.0%} of the last {drift.since} outcomes"
    return ""


def _drifted(test: Callable[[list[float]], Drift], line: str) -> Callable[[Facts], str]:
    def found(facts: Facts) -> str:
        values = [value for _, value in sorted((facts.standardised or {}).items())]
        drift = test(values)
        if not drift.alarm:
            return ""
        recent = values[-drift.since :]
        spread = (sum(value * value for value in recent) / len(recent)) ** 0.5
        return line.format(days=drift.since, spread=spread, mean=sum(recent) / len(recent))

    return found


def _disk(facts: Facts) -> str:
    free = facts.free or 0.0
    return f"{free:.1%} of the disk is free" if free < LEAST_FREE else ""


RULES: Mapping[str, Rule] = {
    "verdict-degraded": Rule(
        "critical", "verdict", _verdict("degraded"), "`podium report` shows since when; retrain, or take the title away"
    ),
    "verdict-leak": Rule(
        "critical",
        "verdict",
        _verdict(*REFUSED),
        "docs/verdict.md says how to look for what it saw; --accept-leak if it is meant",
    ),
    "title-proposed": Rule(
        "warning", "verdict", _verdict("proposed"), "`podium titles` lists it; somebody else approves or rejects it"
    ),
    "rates-late": Rule(
        "warning", "late", lambda facts: facts.late or "", "see whether the source has it; `podium daily` again then"
    ),
    "daily-failed": Rule(
        "critical",
        "failure",
        _failed,
        "`podium daily` again goes on from where it stopped; `podium days` shows what happened",
    ),
    "daily-missing": Rule(
        "warning", "missing", _missing, "see the scheduler that calls `podium daily`; the days have been made up for"
    ),
    "coverage-off": Rule(
        "warning", "hits", _coverage, "`podium train` fits the volatility models anew; until then trust it less"
    ),
    "volatility-jumped": Rule(
        "warning",
        "standardised",
        _drifted(widened, "outcomes of the last {days} days are {spread:.1f} times as wide as forecast"),
        "`podium train` fits the volatility models anew; until then intervals are too narrow",
    ),
    "errors-drifted": Rule(
        "warning",
        "standardised",
        _drifted(biased, "forecasts of the last {days} days are off by {mean:+.2f} deviations on average"),
        "`podium train` fits the models anew; look at what changed in the rates on that day",
    ),
    "disk-nearly-full": Rule(
        "critical", "free", _disk, "`podium prune --keep DAYS` frees some; else a larger disk", everywhere=True
    ),
    "registry-unreachable": Rule(
        "critical",
        "registry",
        lambda facts: facts.registry or "",
        "see that the tracking server runs; what is served goes on",
        everywhere=True,
    ),
    "ledger-unreachable": Rule(
        "critical",
        "ledger",
        lambda facts: facts.ledger or "",
        "see that the ledger's database runs; serving with ledger=required answers nothing",
        everywhere=True,
    ),
}
