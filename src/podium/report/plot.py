"""Geometry of a chart: from values to the coordinates, paths and words that `chart.html` writes down."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from markupsafe import Markup

from podium.records import Dates, Floats
from podium.report.marks import PLAIN, Band, Dots, Line, Rule, Write, number
from podium.report.pages import fragment
from podium.report.scales import Scale, date_ticks, round_scale

HEIGHT: Final = 240  # of the plot in CSS pixels
STRETCH: Final = 1000.0  # width of the inner drawing in its own units
NOTHING: Final[Mapping[str, Any]] = {"shapes": (), "boxes": (), "pins": (), "whiskers": (), "grouped": False}
Part = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plot:
    """Geometry of one chart, and what is written around it."""

    scale: Scale
    rules: Sequence[Rule]
    write: Write
    axis: Write
    unit: str
    height: int

    @classmethod
    def over(
        cls,
        columns: Sequence[Floats],
        *,
        rules: Sequence[Rule] = (),
        write: Write = PLAIN,
        axis: Write | None = None,
        unit: str = "",
        height: int = HEIGHT,
    ) -> Self:
        """A plot in which all values are in view; the others are those of `Look`."""
        scale = round_scale([*columns, np.array([rule.value for rule in rules], dtype=np.float64)])
        return cls(scale, rules, write, axis or write, unit, height)

    def y(self, value: float) -> float:
        """Pixels below the top."""
        return round(self.height * (1.0 - float(self.scale.share(value))), 1)

    def curve(self, at: Floats, kind: str, line: Line) -> Part:
        """A line; a new piece after each gap."""
        return {"kind": kind, "ink": line.ink, "path": self._path(at, line.values)}

    def area(self, at: Floats, band: Band) -> Part:
        """A band; a new piece after each gap, a stroke where a piece is one point."""
        known = np.isfinite(band.lower) & np.isfinite(band.upper)
        ends = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(int)))
        pieces = []
        for first, end in ends.reshape(-1, 2):
            piece = slice(first, end)
            there = self._path(at[piece], band.upper[piece])
            back = self._path(at[piece][::-1], band.lower[piece][::-1])
            pieces.append(f"{there}L{back[1:]}Z")
        return {"kind": "band strong" if band.strong else "band", "ink": band.ink, "path": "".join(pieces)}

    def _path(self, at: Floats, values: Floats) -> str:
        steps, pen = [], "M"
        for x, y in zip(at * STRETCH, self.height * (1.0 - self.scale.share(values)), strict=True):
            if np.isfinite(y):
                steps.append(f"{pen}{x:.1f},{y:.1f}")
                pen = "L"
            else:
                pen = "M"
        return "".join(steps)

    def pins(self, at: Floats, mark: Line | Dots, radius: float) -> list[Part]:
        """Points, where there are values."""
        return [
            {"ink": mark.ink, "x": f"{100 * x:.2f}%", "y": self.y(float(value)), "r": radius}
            for x, value in zip(at, mark.values, strict=True)
            if np.isfinite(value)
        ]

    def whiskers(self, at: Floats, mark: Dots) -> list[Part]:
        """Upright lines, where both ends are known."""
        if mark.lower is None or mark.upper is None:
            return []
        return [
            {"ink": mark.ink, "x": f"{100 * x:.2f}%", "top": self.y(float(high)), "bottom": self.y(float(low))}
            for x, low, high in zip(at, mark.lower, mark.upper, strict=True)
            if np.isfinite(low) and np.isfinite(high)
        ]

    def boxes(self, left: Floats, width: Floats, mark: Dots, base: float) -> list[Part]:
        """Bars from the base, where there are values; left and width are shares of the plot, shape (n,)."""
        found = []
        for x, wide, value in zip(left, width, mark.values, strict=True):
            if np.isfinite(value):
                top, bottom = sorted((self.y(float(value)), self.y(base)))
                place = {"x": f"{100 * x:.2f}%", "width": f"{100 * wide:.2f}%"}
                found.append({"ink": mark.ink, **place, "y": top, "height": max(round(bottom - top, 1), 0.5)})
        return found

    def row(self, mark: Line | Dots) -> Part:
        """What the crosshair shows of one line."""
        known = [float(value) if np.isfinite(value) else None for value in mark.values]
        heights = [None if value is None else self.y(value) for value in known]
        words = ["" if value is None else self.write(value) for value in known]
        return {"name": mark.name, "ink": mark.ink, "y": heights, "text": words}

    def span(self, band: Band) -> Part:
        """What the crosshair shows of one band."""
        words = [
            f"{self.write(float(low))} to {self.write(float(high))}" if np.isfinite(low) and np.isfinite(high) else ""
            for low, high in zip(band.lower, band.upper, strict=True)
        ]
        return {"name": band.name, "ink": band.ink, "y": [None] * len(words), "text": words}

    def draw(self, *, x_ticks: Sequence[Part], legend: Sequence[Part], hover: str, **parts: Any) -> Markup:
        """The chart as HTML; `parts` are those of `chart.html`."""
        labels = [self.axis(tick) for tick in self.scale.ticks]
        return fragment(
            "chart.html",
            height=self.height,
            stretch=int(STRETCH),
            unit=self.unit,
            gutter=12 + 7 * max(map(len, labels)),
            y_ticks=[{"y": self.y(at), "label": label} for at, label in zip(self.scale.ticks, labels, strict=True)],
            x_ticks=x_ticks,
            rules=[{"y": self.y(rule.value), "ink": rule.ink} for rule in self.rules],
            legend=[*legend, *(key("rule", rule) for rule in self.rules if rule.name)],
            hover=hover,
            **{**NOTHING, **parts},
        )


def tick_at(share: float, label: str, minor: int = 0) -> Part:
    """A label below the plot; minor ones make room on a phone."""
    anchor = "start" if share < 0.02 else "end" if share > 0.98 else "middle"
    return {"x": f"{100 * share:.2f}%", "label": label, "minor": bool(minor), "anchor": anchor}


def x_axis(x: Dates | Floats) -> tuple[Floats, list[Part]]:
    """Where the points lie, as shares of the width, and the labels below."""
    if np.issubdtype(x.dtype, np.datetime64):
        days = np.asarray(x, dtype="datetime64[D]")
        ticks = [(float(day.astype("datetime64[D]").astype(np.float64)), label) for day, label in date_ticks(days)]
        values = days.astype(np.float64)
    else:
        values = np.asarray(x, dtype=np.float64)
        scale = round_scale([values], tight=True)
        ticks = [(t, number(scale.digits)(t)) for t in scale.ticks if values[0] <= t <= values[-1]]
    first, span = float(values[0]), float(values[-1] - values[0])
    labels = [tick_at((at - first) / span, label, place % 2) for place, (at, label) in enumerate(ticks)]
    return (values - first) / span, labels


def centres(groups: Sequence[str]) -> Floats:
    """Middle of each group, as a share of the width."""
    return np.asarray((np.arange(len(groups)) + 0.5) / max(len(groups), 1), dtype=np.float64)


def last_of(values: Floats) -> float:
    """The last value that there is; NaN where there is none."""
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else float("nan")


def hover_data(at: Floats, labels: Sequence[str], rows: list[Part]) -> str:
    """What the crosshair needs, as JSON that can stand inside a script element."""
    data = {"at": [round(float(share), 5) for share in at], "labels": list(labels), "rows": rows}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def key(shape: str, mark: Line | Band | Dots | Rule, value: str = "") -> Part:
    """An entry of the legend."""
    strong = isinstance(mark, Band) and mark.strong
    return {"shape": shape, "ink": mark.ink, "name": mark.name, "value": value, "strong": strong}
