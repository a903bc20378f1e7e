"""Geometry of a chart: from values to the coordinates, paths and words that `chart.html` writes down."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from markupsafe import Markup

from podium.records import Dates, Floats
from podium.report.marks import Band, Dots, Group, Line, Rule, Write, number
from podium.report.pages import fragment
from podium.report.scales import Scale, date_ticks, round_scale

NOTHING: Final[Mapping[str, Any]] = {
    "shapes": (),
    "boxes": (),
    "pins": (),
    "whiskers": (),
    "unit": "",
    "grouped": False,
}
STRETCH: Final = 1000.0  # width of the inner drawing in its own units


@dataclass(frozen=True, slots=True)
class Plot:
    """Geometry of one chart."""

    scale: Scale
    height: int
    write: Write
    axis: Write

    def y(self, value: float) -> float:
        """Pixels below the top."""
        return round(self.height * (1.0 - float(self.scale.share(value))), 1)

    def path(self, at: Floats, values: Floats) -> str:
        """An SVG path; a new piece after each gap."""
        steps, pen = [], "M"
        for x, y in zip(at * STRETCH, self.height * (1.0 - self.scale.share(values)), strict=True):
            if np.isfinite(y):
                steps.append(f"{pen}{x:.1f},{y:.1f}")
                pen = "L"
            else:
                pen = "M"
        return "".join(steps)

    def area(self, at: Floats, lower: Floats, upper: Floats) -> str:
        """An SVG path around a band; a new piece after each gap, a stroke where a piece is one point."""
        known = np.isfinite(lower) & np.isfinite(upper)
        ends = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(int)))
        pieces = []
        for first, end in ends.reshape(-1, 2):
            piece = slice(first, end)
            there, back = self.path(at[piece], upper[piece]), self.path(at[piece][::-1], lower[piece][::-1])
            pieces.append(f"{there}L{back[1:]}Z")
        return "".join(pieces)

    def pins(self, at: Floats, ink: str, values: Floats, radius: float) -> list[dict[str, Any]]:
        """Points, where there are values."""
        return [
            {"ink": ink, "x": f"{100 * x:.2f}%", "y": self.y(float(value)), "r": radius}
            for x, value in zip(at, values, strict=True)
            if np.isfinite(value)
        ]

    def whiskers(self, at: Floats, ink: str, lower: Floats, upper: Floats) -> list[dict[str, Any]]:
        """Upright lines, where both ends are known."""
        return [
            {"ink": ink, "x": f"{100 * x:.2f}%", "top": self.y(float(high)), "bottom": self.y(float(low))}
            for x, low, high in zip(at, lower, upper, strict=True)
            if np.isfinite(low) and np.isfinite(high)
        ]

    def row(self, name: str, ink: str, values: Floats) -> dict[str, Any]:
        """What the crosshair shows of one line."""
        finite = np.isfinite(values)
        return {
            "name": name,
            "ink": ink,
            "y": [self.y(float(v)) if ok else None for v, ok in zip(values, finite, strict=True)],
            "text": [self.write(float(v)) if ok else "" for v, ok in zip(values, finite, strict=True)],
        }

    def span(self, name: str, ink: str, lower: Floats, upper: Floats) -> dict[str, Any]:
        """What the crosshair shows of one band."""
        known = np.isfinite(lower) & np.isfinite(upper)
        words = [
            f"{self.write(float(low))} to {self.write(float(high))}" if ok else ""
            for low, high, ok in zip(lower, upper, known, strict=True)
        ]
        return {"name": name, "ink": ink, "y": [None] * len(words), "text": words}

    def draw(self, *, x_ticks: Sequence[Mapping[str, Any]], rules: Sequence[Rule], hover: str, **parts: Any) -> Markup:
        """The chart as HTML; `parts` are those of `chart.html`."""
        labels = [self.axis(tick) for tick in self.scale.ticks]
        return fragment(
            "chart.html",
            height=self.height,
            stretch=int(STRETCH),
            gutter=12 + 7 * max(map(len, labels)),
            y_ticks=[{"y": self.y(at), "label": label} for at, label in zip(self.scale.ticks, labels, strict=True)],
            x_ticks=x_ticks,
            rules=[{"y": self.y(rule.value), "ink": rule.ink} for rule in rules],
            hover=hover,
            **{
                **NOTHING,
                **parts,
                "legend": [*parts.get("legend", ()), *(named(rule) for rule in rules if rule.label)],
            },
        )


def box(ink: str, left: float, width: float, top: float, bottom: float) -> dict[str, Any]:
    """A bar; left and width as shares of the plot, top and bottom in pixels."""
    return {
        "ink": ink,
        "x": f"{100 * left:.2f}%",
        "width": f"{100 * width:.2f}%",
        "y": top,
        "height": max(round(bottom - top, 1), 0.5),
    }


def tick_at(share: float, label: str, minor: int = 0) -> dict[str, Any]:
    """A label below the plot; minor ones make room on a phone."""
    anchor = "start" if share < 0.02 else "end" if share > 0.98 else "middle"
    return {"x": f"{100 * share:.2f}%", "label": label, "minor": bool(minor), "anchor": anchor}


def x_axis(x: Dates | Floats) -> tuple[Floats, list[dict[str, Any]]]:
    """Where the points lie, as shares of the width, and the labels below."""
    if np.issubdtype(x.dtype, np.datetime64):
        return _days_axis(np.asarray(x, dtype="datetime64[D]"))
    return _numbers_axis(np.asarray(x, dtype=np.float64))


def _days_axis(x: Dates) -> tuple[Floats, list[dict[str, Any]]]:
    days = x.astype("datetime64[D]").astype(np.float64)
    first, span = days[0], days[-1] - days[0]
    ticks = date_ticks(x)
    shares = [(day.astype("datetime64[D]").astype(np.float64) - first) / span for day, _ in ticks]
    return (days - first) / span, [
        tick_at(float(share), label, place % 2)
        for place, (share, (_, label)) in enumerate(zip(shares, ticks, strict=True))
    ]


def _numbers_axis(x: Floats) -> tuple[Floats, list[dict[str, Any]]]:
    scale, span = round_scale([x], tight=True), float(x[-1] - x[0])
    inside = [tick for tick in scale.ticks if x[0] <= tick <= x[-1]]
    write = number(scale.digits)
    return (x - x[0]) / span, [tick_at(float((t - x[0]) / span), write(t), at % 2) for at, t in enumerate(inside)]


def centres(groups: Sequence[str]) -> Floats:
    """Middle of each group, as a share of the width."""
    return np.asarray((np.arange(len(groups)) + 0.5) / max(len(groups), 1), dtype=np.float64)


def group_ticks(groups: Sequence[str]) -> list[dict[str, Any]]:
    """The groups' labels, every other one minor where there are many."""
    crowded = len(groups) > 8
    return [
        {"x": f"{100 * at:.2f}%", "label": label, "minor": crowded and bool(place % 2), "anchor": "middle"}
        for place, (at, label) in enumerate(zip(centres(groups), groups, strict=True))
    ]


def last_of(values: Floats) -> float:
    """The last value that there is; NaN where there is none."""
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else float("nan")


def hover_data(at: Floats, labels: Sequence[str], rows: list[dict[str, Any]]) -> str:
    """What the crosshair needs, as JSON that can stand inside a script element."""
    data = {"at": [round(float(share), 5) for share in at], "labels": list(labels), "rows": rows}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def key(shape: str, mark: Line | Band | Dots | Group, value: str = "") -> dict[str, Any]:
    """An entry of the legend."""
    return {
        "shape": shape,
        "ink": mark.ink,
        "name": mark.name,
        "value": value,
        "strong": getattr(mark, "strong", False),
    }


def named(rule: Rule) -> dict[str, Any]:
    """A rule's entry in the legend, where it hides no data."""
    return {"shape": "rule", "ink": rule.ink, "name": rule.label, "value": "", "strong": False}
