"""What a day's routine did, as people read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from podium.cli.console import table
from podium.cli.lines.cells import picked

if TYPE_CHECKING:
    from podium.ledger.day_log import LoggedDay
    from podium.pipeline.day import Day, Step


def step_line(day: Day, step: Step) -> str:
    """`EURUSD 2026-10-20 settle: 1 new, 0 revised (0.1 s)`."""
    when = f" {day.day}" if day.day else ""
    done = "; nothing to do" if step.skipped else f" ({step.seconds:.1f} s)"
    return f"{day.pair}{when} {step.step}: {step.result}{done}"


def day_line(day: Day) -> str:
    """How the day ended."""
    when = f" {day.day}" if day.day else ""
    title = f"; the title goes from {day.title[0]} to {day.title[1]}" if day.title else ""
    return f"{day.pair}{when}: {day.result}{title}"


def day_json(day: Day) -> dict[str, Any]:
    """The same for programs, with every step."""
    verdict = ("verdict", "champion", "champion_version")
    return {
        **picked(day, "pair", "day", "result", "exit_code", "steps"),
        **(picked(day.judgement, *verdict) if day.judgement else dict.fromkeys(verdict)),
        "title": day.title,
        "next_day": day.next_day and day.next_day.as_dict(),
        **picked(day, "alarms", "notes"),
    }


def logged_lines(days: Sequence[LoggedDay]) -> Iterator[str]:
    """A row a day, the newest first."""
    if not days:
        yield "no day has been done yet; `podium daily` does one"
        return
    rows = [("pair", "day", "result", "begun, UTC", "looks", "s", "trained", "verdict")]
    for day in days:
        steps = {step["step"]: step for step in day.steps}
        seconds = sum(step["seconds"] for step in day.steps)
        trained = "yes" if "train" in steps and not steps["train"]["skipped"] else "-"
        verdict = steps.get("judge", {}).get("verdict", "-")
        begun = f"{day.begun_at:%Y-%m-%d %H:%M}"
        rows.append((day.pair, str(day.day), day.result, begun, str(day.looks), f"{seconds:.1f}", trained, verdict))
    yield from table(rows)
