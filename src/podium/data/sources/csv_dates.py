"""Dates as files write them; an order of day and month is taken from the file itself or not at all."""

from __future__ import annotations

import re
from datetime import date, datetime

ISO = re.compile(r"(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})(?:$|[T ])")
NUMERIC = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(?:$|[T ])")
NAMED = ("%d %b %Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y", "%d-%b-%Y")


def parse_dates(cells: list[str]) -> tuple[list[date | None], str]:
    """Dates of a column, None where a cell is none, and a remedy when the whole column cannot be decided.

    ISO dates, with or without a time, and dates with the month's name are read as they are. `03/04/2026` is
    read by the order that some other cell of the column proves (`13/04/2026`); without a proof, or with
    proofs of both orders, no cell of that form is read.
    """
    numeric = [(int(m[1]), int(m[2])) for cell in cells if (m := NUMERIC.match(cell))]
    day_first = any(first > 12 for first, _ in numeric)
    month_first = any(second > 12 for _, second in numeric)
    undecided = bool(numeric) and day_first == month_first
    remedy = "day and month cannot be told apart; write dates as 2026-10-30" if undecided else ""
    return [None if undecided and NUMERIC.match(cell) else _one(cell, day_first) for cell in cells], remedy


def _one(cell: str, day_first: bool) -> date | None:
    try:
        if found := ISO.match(cell):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := NUMERIC.match(cell):
            first, second = int(found[1]), int(found[2])
            return date(int(found[3]), second, first) if day_first else date(int(found[3]), first, second)
    except ValueError:
        return None
    for form in NAMED:
        try:
            return datetime.strptime(cell, form).date()  # noqa: DTZ007 - a day, not an instant
        except ValueError:
            continue
    return None
