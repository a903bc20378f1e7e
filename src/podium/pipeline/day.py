"""A pair's day: what can be asked of it, its steps, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

from podium.evaluate.judgement import Judgement
from podium.records import NextDay
from podium.report.amount import Amount
from podium.settings import Settings

DONE, NOTHING, BUSY = "done", "nothing to do", "busy"
LATE, PERSON, FAILED = "late", "needs a person", "failed"
EXIT_LATE = 8
EXIT_CODES = {PERSON: 3, LATE: EXIT_LATE}
"""Of a day that did not fail; what failed has the code of its error."""


@dataclass(frozen=True, slots=True)
class Step:
    """A part of a day.

    Attributes:
        step: `rates`, `settle`, `forecast`, `train`, `judge`, `ahead` or `prune`.
        result: a few words.
        seconds: that it took.
        skipped: whether its work had been done before, or is not due.
    """

    step: str
    result: str
    seconds: float
    skipped: bool = False


@dataclass(slots=True)
class Day:
    """What was done for a pair on a day.

    Attributes:
        pair: six capital letters.
        day: last day of the rates; None where there are none.
        result: one of the words above.
        steps: in their order.
        exit_code: of a process that did only this.
        trained: how many contestants were trained.
        judgement: of the championship as it stands now.
        next_day: the champion's forecast.
        before: what the same champion forecast the day before; None where that is not known.
        title: address of the champion before and after, where it is another.
        alarms: a sentence each: what was raised, what is over.
        notes: a sentence each.
    """

    pair: str
    day: date | None = None
    result: str = NOTHING
    steps: list[Step] = field(default_factory=list)
    exit_code: int = 0
    trained: int = 0
    judgement: Judgement | None = None
    next_day: NextDay | None = None
    before: NextDay | None = None
    title: tuple[str, str] | None = None
    alarms: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


Chore = Callable[[Settings], tuple[str, bool]]


def _silent(day: Day, step: Step) -> None:
    """Tell nobody: a step travels to other processes, where nobody listens."""


@dataclass(frozen=True, slots=True)
class DaysAsked:
    """What is asked of a pair's days.

    Attributes:
        since: the first day that may be done; nothing is done where days before it are missing.
        until: the last day to do; the newest of the source if not given. Later rates are not looked at.
        change_source: let the title move to another series on purpose.
        chore: what else is done with every day, such as letting go of what is old; it says what it did, and whether
            that was anything.
        on_step: called with each step when it is over.
        deadline: until when late rates are waited for; not at all if None.
        amount: of money that the message is about.
    """

    since: date | None = None
    until: date | None = None
    change_source: bool = False
    chore: Chore | None = None
    on_step: Callable[[Day, Step], None] = _silent
    deadline: datetime | None = None
    amount: Amount | None = None
