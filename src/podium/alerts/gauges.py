"""What a daily run was, for Prometheus: a file for node_exporter's textfile collector, and a push where one is set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING

from podium.alerts.owed import Standing
from podium.alerts.rules import CHANNEL_DOWN, RULES, Facts
from podium.settings import AlertSettings

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

LAST_DAYS = 250
"""Days over which the share of outcomes within an interval is told."""

PUSH_TIMEOUT_S = 10
SUCCESS = "podium_daily_last_success_timestamp_seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How a daily run of a pair went.

    Attributes:
        result: in the words of `podium daily`, such as `done` or `failed`.
        succeeded: whether the day is done.
        seconds: of each step.
        newest: day of the newest rate; None where there is none.
    """

    result: str
    succeeded: bool
    seconds: Mapping[str, float] = field(default_factory=dict)
    newest: date | None = None


def publish(settings: AlertSettings, facts: Facts, run: Run, alarms: Sequence[Standing], now: datetime) -> list[str]:
    """Write and push the figures of one run, where the settings say where.

    Args:
        settings: folder and address.
        facts: what the day has shown.
        run: how it went.
        alarms: those that are not over, of the pair or of all.
        now: when it ended.

    Returns:
        Why a place did not take them, a line each: a day does not fail of it.
    """
    failures: list[str] = []
    if settings.metrics_dir:
        file = settings.metrics_dir / f"podium_daily_{facts.pair}.prom"
        try:
            _write(file, figures(facts, run, alarms, now if run.succeeded else _last_success(file), now))
        except OSError as error:
            failures.append(f"{file} cannot be written ({error.strerror or type(error).__name__})")
    if settings.pushgateway:
        from prometheus_client import pushadd_to_gateway

        found = figures(facts, run, alarms, now if run.succeeded else None, now)
        try:  # what is not pushed anew, such as the last success of a run that failed, stays there as it was
            pushadd_to_gateway(
                settings.pushgateway, "podium_daily", found, {"pair": facts.pair}, timeout=PUSH_TIMEOUT_S
            )
        except (OSError, ValueError) as error:
            failures.append(f"the Pushgateway did not take the figures ({type(error).__name__})")
    return failures


def figures(
    facts: Facts, run: Run, alarms: Sequence[Standing], succeeded_at: datetime | None, now: datetime
) -> CollectorRegistry:
    """The figures of one run; each has its pair as a label.

    Args:
        facts: what the day has shown.
        run: how it went.
        alarms: those that are not over.
        succeeded_at: when a run last succeeded; None where that is not known.
        now: when this one ended.
    """
    from prometheus_client import CollectorRegistry, Gauge

    registry = CollectorRegistry()

    def show(name: str, text: str, *rows: tuple[Mapping[str, str], float]) -> None:
        labels = list(rows[0][0]) if rows else []
        gauge = Gauge(name, text, ["pair", *labels], registry=registry)
        for by, value in rows:
            gauge.labels(pair=facts.pair, **by).set(value)

    show("podium_daily_last_run_timestamp_seconds", "When the daily run last ended.", ({}, now.timestamp()))
    if succeeded_at:
        show(SUCCESS, "When the daily run last succeeded.", ({}, succeeded_at.timestamp()))
    show("podium_daily_result", "1 for the result of the last daily run.", ({"result": run.result}, 1))
    steps = [({"step": step}, seconds) for step, seconds in run.seconds.items()]
    show("podium_daily_step_seconds", "Time that each step took.", *steps)
    if run.newest:
        moment = datetime.combine(run.newest, time(), UTC).timestamp()
        show("podium_daily_rates_timestamp_seconds", "Day of the newest rate.", ({}, moment))
    if facts.verdict:
        show("podium_daily_verdict", "1 for the verdict in force.", ({"verdict": facts.verdict}, 1))
    covered = [({"coverage": f"{coverage:g}"}, _share(hits)) for coverage, hits in (facts.hits or {}).items() if hits]
    show("podium_daily_coverage", f"Share of the last {LAST_DAYS} outcomes within the interval.", *covered)
    there = {one.alarm.name for one in alarms}
    severities = {name: rule.severity for name, rule in RULES.items()} | {CHANNEL_DOWN: "warning"}
    every = [({"name": name, "severity": severity}, float(name in there)) for name, severity in severities.items()]
    show("podium_alarm", "1 while the alarm is not over.", *every)
    return registry


def _share(hits: Mapping[date, bool]) -> float:
    last = [hits[day] for day in sorted(hits)][-LAST_DAYS:]
    return sum(last) / len(last)


def _write(file: Path, registry: CollectorRegistry) -> None:
    from prometheus_client import write_to_textfile

    file.parent.mkdir(parents=True, exist_ok=True)
    write_to_textfile(str(file), registry)


def _last_success(file: Path) -> datetime | None:
    """What the file of the run before says."""
    from prometheus_client.parser import text_string_to_metric_families

    with suppress(OSError, ValueError):
        for family in text_string_to_metric_families(file.read_text(encoding="utf-8")):
            for sample in family.samples if family.name == SUCCESS else ():
                return datetime.fromtimestamp(sample.value, UTC)
    return None
