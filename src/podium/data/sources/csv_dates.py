"""Dates as files write them: one form a column, and an order of day and month that the column itself proves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from podium.records import Dates

CLOCK = (
    r"(?:(?:T|;|,? )(?P<hour>\d{1,2}):?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,]\d+)?)? ?(?P<half>[AaPp][Mm])?"
    r" ?(?:[A-Z]{1,4})?(?:[+-]\d\d(?::?\d\d)?)?)?"
)
FORMS = {
    "YYYY{}MM{}DD": r"(?P<year>\d{4})(?P<mark>[-.]?)(?P<month>\d\d)(?P=mark)(?P<day>\d\d)",
    "YYYY/M/D": r"(?P<year>\d{4})/(?P<month>\d{1,2})/(?P<day>\d{1,2})",
    "#{}#{}YYYY": r"(?P<first>\d{1,2})(?P<mark>[-/.])(?P<second_number>\d{1,2})(?P=mark)(?P<year>\d{4})",
    "D Mon YYYY": r"(?:[A-Za-z]{3,9},? )?(?P<day>\d{1,2})[- ](?P<name>[A-Za-z]{3,9})\.?[- ](?P<year>\d{4})",
    "Mon D, YYYY": r"(?:[A-Za-z]{3,9}, )?(?P<name>[A-Za-z]{3,9})\.? (?P<day>\d{1,2}),? (?P<year>\d{4})",
    "seconds since 1970": r"(?P<epoch>\d{9,10})(?:\d{3}){0,3}",
}
PATTERNS = {form: re.compile(pattern + (CLOCK if "epoch" not in pattern else "")) for form, pattern in FORMS.items()}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
NAMES = frozenset(
    ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
     "december", "sept", *MONTHS)
)  # fmt: skip
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - clock readings as written, without a zone

Match = re.Match[str]


@dataclass(frozen=True, slots=True)
class Found:
    """What a column of dates holds.

    Attributes:
        moments: shape (n_cells,), `datetime64[s]`: the clock as it is written, whatever its zone (the epoch's is UTC);
            NaT where a cell is no date.
        fault: why the column as a whole cannot be read, `mixed_dates` or `bad_dates`; empty where it can.
        remedy: what to do about it.
        shown: positions of cells that show it.
    """

    moments: Dates
    fault: str = ""
    remedy: str = ""
    shown: tuple[int, ...] = ()


def parse_dates(cells: Sequence[str]) -> Found:
    """The dates of a column.

    `03/04/2026` is read by the order that another cell of the column proves (`13/04/2026`). Without a proof, with
    proofs of both orders, or with two forms in one column (as a spreadsheet leaves them), nothing is read.
    """
    matched = [_match(cell) for cell in cells]
    forms = [form for form, _ in matched]
    kinds = Counter(form for form in forms if form)
    none = np.full(len(cells), np.datetime64("NaT"), "datetime64[s]")
    if len(kinds) > 1:
        told = " and ".join(f"{count} as {form}" for form, count in kinds.most_common(3))
        remedy = f"two forms of date in one column ({told}); write all dates as 2026-10-30"
        return Found(none, "mixed_dates", remedy, tuple(forms.index(form) for form in kinds))
    day_first = False
    numbers = [(int(m["first"]), int(m["second_number"])) for _, m in matched if m and "first" in m.groupdict()]
    if numbers:
        day_first = any(first > 12 for first, _ in numbers)
        if day_first == any(second > 12 for _, second in numbers):
            shown = tuple(at for at, form in enumerate(forms) if form)
            remedy = "day and month cannot be told apart; write dates as 2026-10-30"
            return Found(none, "bad_dates", remedy, shown)
    return Found(np.array([_moment(match, day_first) for _, match in matched], "datetime64[s]"))


def is_clock(cells: Sequence[str]) -> bool:
    """Whether a column holds times of day only, `00:00` beside the date."""
    return all(re.fullmatch(r"\d{1,2}:?\d\d(:?\d\d)?( ?[AaPp][Mm])?", cell) for cell in cells)


def _match(cell: str) -> tuple[str, Match | None]:
    for form, pattern in PATTERNS.items():
        if match := pattern.fullmatch(cell):
            return form.format(*[match.groupdict().get("mark")] * 2), match
    return "", None


def _moment(match: Match | None, day_first: bool) -> datetime | None:
    if match is None:
        return None
    part = match.groupdict()
    try:
        if "epoch" in part:
            return EPOCH + timedelta(seconds=int(part["epoch"]))
        month, day = part.get("month"), part.get("day")
        if "first" in part:
            day, month = (part["first"], part["second_number"])[:: 1 if day_first else -1]
        if name := part.get("name", "").lower():
            month = str(MONTHS.index(name[:3]) + 1) if name in NAMES else None
        hour = int(part["hour"] or 0)
        if half := part["half"]:
            hour = hour % 12 + 12 * (half.lower() == "pm")
        clock = hour, int(part["minute"] or 0), int(part["second"] or 0)
        return datetime(int(part["year"]), int(month or 0), int(day or 0), *clock)  # noqa: DTZ001
    except (ValueError, OverflowError):
        return None
