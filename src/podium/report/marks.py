"""What a chart is made of, and how its numbers are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypedDict

from podium.records import Floats

WALK, MAIN, QUIET, BAD = "walk", "main", "quiet", "bad"
MISSING: Final = "none"
Write = Callable[[float | None], str]


@dataclass(frozen=True, slots=True)
class Line:
    """A curve.

    Attributes:
        name: in the legend.
        values: shape (n,); NaN leaves a gap.
        ink: colour.
        dots: mark each point too.
    """

    name: str
    values: Floats
    ink: str
    dots: bool = False


@dataclass(frozen=True, slots=True)
class Band:
    """An area between two curves.

    Attributes:
        name: in the legend.
        lower: shape (n,).
        upper: shape (n,).
        ink: colour.
        strong: whether it is the darker of two.
    """

    name: str
    lower: Floats
    upper: Floats
    ink: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Dots:
    """Single points, or bars, one a place.

    Attributes:
        name: in the legend.
        values: shape (n,); NaN where there is none.
        ink: colour.
        lower: shape (n,), lower end of a whisker; None without whiskers.
        upper: shape (n,), upper end.
    """

    name: str
    values: Floats
    ink: str
    lower: Floats | None = None
    upper: Floats | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A horizontal line across the chart.

    Attributes:
        value: where.
        name: in the legend; empty for none.
        ink: colour.
    """

    value: float
    name: str = ""
    ink: str = WALK


@dataclass(frozen=True, slots=True)
class Table:
    """The numbers behind a figure.

    Attributes:
        caption: what they are.
        head: column titles, the first above the row titles.
        rows: the first cell of each is its title.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


class Look(TypedDict, total=False):
    """What every chart takes.

    Attributes:
        rules: horizontal lines; their values are in view.
        write: turns a value into text, in the legend and under the crosshair.
        axis: turns a tick into text; `write` if not given.
        unit: written above the axis.
        height: of the plot, in CSS pixels; the width is the reader's.
    """

    rules: Sequence[Rule]
    write: Write
    axis: Write
    unit: str
    height: int


def percent(digits: int = 1, sign: bool = False) -> Write:
    """Shares as percentages, with a true minus; `none` where there is no value."""
    return lambda value: MISSING if value is None else _minus(f"{100 * value:{'+' if sign else ''}.{digits}f}%", digits)


def number(digits: int, sign: bool = False) -> Write:
    """Numbers with so many decimal places, thousands parted, with a true minus; `none` where there is no value."""
    return lambda value: MISSING if value is None else _minus(f"{value:{'+' if sign else ''},.{digits}f}", digits)


def _minus(text: str, digits: int) -> str:
    nothing = f"{0:.{digits}f}"
    bare = text.lstrip("+-")
    if bare.startswith(nothing) and not bare[len(nothing) :].strip("%"):
        return bare  # rounded to nothing: no sign
    return text.replace("-", "\u2212")


PLAIN: Final = number(2)
WHOLE: Final = number(0)
TENTHS: Final = number(1)
