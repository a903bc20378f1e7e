"""Numbers as files write them: `1.1172`, `1,1172`, `17 552.34`, by the marks that the file itself proves."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from podium.records import Floats

# A number with thousands in groups of three, and with one decimal mark at most; the groups are optional.
SPACES = "\u00a0\u2009\u202f '\u2019"
GROUPED = re.compile(rf"[+-]?\d{{1,3}}(?P<group>[,.{SPACES}])\d{{3}}(?:(?P=group)\d{{3}})*(?:(?P<mark>[.,])\d+)?")
PROVES = re.compile(r"[+-]?(?:\d+(?P<mark>[.,])(?:\d{1,2}|\d{4,})|0(?P<zero>[.,])\d+)(?:[eE][+-]?\d+)?")


def decimal_mark(cells: Iterable[str], delimiter: str) -> str:
    """The decimal mark of a file, `.` or `,`; empty where `160,490` may be either.

    A mark is decimal where it splits off anything but three digits, or stands behind a lone zero, or behind groups of
    thousands. Without such a proof a comma is decimal only between semicolons, which is why those are there.
    """
    undecided = set()
    for cell in cells:
        if found := PROVES.fullmatch(cell):
            return found["mark"] or found["zero"]
        if grouped := GROUPED.fullmatch(cell):
            if grouped["mark"] or cell.count(",") > 1:
                return grouped["mark"] or "."
            undecided.add(grouped["group"])
    if "," not in undecided:
        return "."
    return "," if delimiter == ";" and "." not in undecided else ""


def parse_numbers(cells: Iterable[str], mark: str) -> Floats:
    """Numbers, NaN where a cell is none; shape (n_cells,).

    Args:
        cells: of a column.
        mark: the decimal mark; where it is empty, no cell with a comma is read.
    """
    return np.array([_number(cell, mark) for cell in cells], dtype=np.float64)


def _number(cell: str, mark: str) -> float:
    grouped = GROUPED.fullmatch(cell)
    if grouped and mark and grouped["group"] != mark and grouped["mark"] in {None, mark}:
        cell = cell.replace(grouped["group"], "")
    elif "_" in cell or (mark == "," and "." in cell):
        return np.nan
    try:
        return float(cell.replace(",", ".") if mark == "," else cell)
    except ValueError:
        return np.nan
