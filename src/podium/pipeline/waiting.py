"""The days of a pair as somebody asks for them: where its rates are late, again until a deadline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from podium.errors import SourceError
from podium.pipeline.daily import EXIT_LATE, Chore, Day, OnStep, daily
from podium.report.amount import Amount
from podium.settings import Settings


def _silent(day: Day, step: Any) -> None:
    """Tell nobody: a step travels to other processes, where nobody listens."""


@dataclass(frozen=True, slots=True)
class DaysAsked:
    """What is asked of a pair's days.

    Attributes:
        since: see `podium.pipeline.daily.daily`.
        until: see there.
        change_source: see there.
        chore: see there.
        on_step: see there.
        deadline: until when late rates are waited for; not at all if None.
        amount: of money that the message is about.
    """

    since: date | None = None
    until: date | None = None
    change_source: bool = False
    chore: Chore | None = None
    on_step: OnStep = _silent
    deadline: datetime | None = None
    amount: Amount | None = None


def days_of(settings: Settings, asked: DaysAsked) -> list[Day]:
    """The days of a pair; where its rates are late or the source fails, again with longer pauses until the deadline."""
    from tenacity import Retrying, retry_if_result, stop_before_delay, wait_exponential

    left = (asked.deadline - datetime.now().astimezone()).total_seconds() if asked.deadline else 0.0
    retrying: Any = Retrying(
        retry=retry_if_result(lambda found: found[-1].exit_code in {SourceError.exit_code, EXIT_LATE}),
        wait=wait_exponential(multiplier=30, max=900),
        stop=stop_before_delay(max(0.0, left)),
        retry_error_callback=lambda state: state.outcome and state.outcome.result(),
    )
    found: list[Day] = retrying(
        daily,
        settings,
        asked.until,
        since=asked.since,
        chore=asked.chore,
        on_step=asked.on_step,
        change_source=asked.change_source,
    )
    return found
