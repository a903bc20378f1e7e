"""The chart kit: lines with bands, grouped bars, dots with whiskers, a histogram, each as one piece of HTML.

A chart is drawn here, on the server, as SVG that fills whatever width it is given: lines and bands lie in an inner
drawing that is stretched with its strokes left alone, everything else is placed by percentages, so text keeps its size
on a phone. It is complete without a script; `assets/charts.js` adds a crosshair that mouse, finger and arrow keys move.
Colours, widths and fonts are classes of `assets/page.css`, and there is no style attribute, so a strict content policy
holds.

    chart = line_chart(days, [Line("LSTM", values, "1")], write=percent(2))
    figure("skill", "Skill over time", "The LSTM gained until 2023 and lost since.", [chart], table)

`ink` names a colour: `"1"` to `"9"` for contestants (see `inks_of`), `walk` for the random walk, `main` for what was
realised, `quiet` for context, `bad` for a miss.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from markupsafe import Markup

from podium.errors import InputError
from podium.records import Dates, Floats
from podium.report.marks import (
    BAD,
    MAIN,
    PLAIN,
    QUIET,
    TENTHS,
    WALK,
    WHOLE,
    Band,
    Dots,
    Group,
    Line,
    Rule,
    Table,
    Write,
    number,
    percent,
)
from podium.report.pages import fragment
from podium.report.plot import (
    Plot,
    box,
    centres,
    group_ticks,
    hover_data,
    key,
    last_of,
    tick_at,
    x_axis,
)
from podium.report.scales import round_scale

__all__ = [
    "BAD",
    "MAIN",
    "QUIET",
    "WALK",
    "Band",
    "Dots",
    "Group",
    "Line",
    "Rule",
    "Table",
    "bar_chart",
    "dot_chart",
    "figure",
    "histogram",
    "inks_of",
    "line_chart",
    "no_figure",
    "number",
    "percent",
]

HEIGHT: Final = 240  # of the plot in CSS pixels; the width is the reader's
N_INKS: Final = 9
SAME: Final = 0.005  # of the scale; two lines closer than this are one to the eye


def inks_of(names: Iterable[str]) -> dict[str, str]:
    """A colour for each contestant, by the order of their names: the same on every page, whoever leads."""
    return {name: str(place % N_INKS + 1) for place, name in enumerate(sorted(set(names)))}


def line_chart(
    x: Dates | Floats,
    lines: Sequence[Line],
    *,
    bands: Sequence[Band] = (),
    dots: Sequence[Dots] = (),
    rules: Sequence[Rule] = (),
    write: Write = PLAIN,
    axis: Write | None = None,
    unit: str = "",
    labels: Sequence[str] | None = None,
    height: int = HEIGHT,
    last: bool = True,
) -> Markup:
    """Curves over days, with bands behind them and dots on top.

    Args:
        x: shape (n,), days (placed by the calendar) or numbers, increasing.
        lines: in the order of the legend; the first lies on top.
        bands: drawn first, the widest first.
        dots: drawn last.
        rules: horizontal lines; their values are in view.
        write: turns a value into text, in the legend and under the crosshair.
        axis: turns a tick into text; `write` if not given.
        unit: written above the axis.
        labels: shape (n,), of each x under the crosshair; made from x if not given.
        height: of the plot, in CSS pixels.
        last: whether the legend tells each line's last value.

    Raises:
        InputError: there are fewer than two points, or lengths differ.
    """
    columns = [*(line.values for line in lines), *(mark.values for mark in dots)]
    columns += [side for band in bands for side in (band.lower, band.upper)]
    if len(x) < 2 or any(len(column) != len(x) for column in columns):
        raise InputError("a chart of lines needs two points at least, and as many values as points in every line")
    scale = round_scale([*columns, np.array([rule.value for rule in rules], dtype=np.float64)])
    at, x_ticks = x_axis(x)
    plot = Plot(scale, height, write, axis or write)
    shapes = [
        {"kind": "band", "ink": band.ink, "strong": band.strong, "path": plot.area(at, band.lower, band.upper)}
        for band in bands
    ]
    over = [_lies_over(line, lines[place + 1 :], scale.high - scale.low) for place, line in enumerate(lines)]
    kinds = ["line over" if dashed else "line" for dashed in over]
    shapes += [
        {"kind": kind, "ink": line.ink, "strong": False, "path": plot.path(at, line.values)}
        for kind, line in reversed(list(zip(kinds, lines, strict=True)))
    ]
    marks = [(line.ink, line.values, 2.0) for line in lines if line.dots] + [(d.ink, d.values, 4.5) for d in dots]
    legend = [
        key(kind, line, value=write(last_of(line.values)) if last else "")
        for kind, line in zip(kinds, lines, strict=True)
    ]
    legend += [key("band", band) for band in bands]
    legend += [key("dot", mark) for mark in dots]
    rows = [plot.row(line.name, line.ink, line.values) for line in lines]
    rows += [plot.span(band.name, band.ink, band.lower, band.upper) for band in reversed(bands)]
    return plot.draw(
        shapes=shapes,
        pins=[pin for mark in marks for pin in plot.pins(at, *mark)],
        x_ticks=x_ticks,
        rules=rules,
        legend=legend,
        unit=unit,
        hover=hover_data(at, labels if labels is not None else [str(value) for value in x], rows),
    )


def _lies_over(line: Line, below: Sequence[Line], span: float) -> bool:
    """Whether a line would hide one below it, which then shows through its gaps."""
    for other in below:
        apart = np.abs(line.values - other.values)[np.isfinite(line.values) & np.isfinite(other.values)]
        if len(apart) and float(np.median(apart)) < SAME * span:
            return True
    return False


def bar_chart(
    groups: Sequence[str],
    bars: Sequence[Group],
    *,
    base: float = 0.0,
    rules: Sequence[Rule] = (),
    write: Write = PLAIN,
    axis: Write | None = None,
    unit: str = "",
    height: int = HEIGHT,
) -> Markup:
    """Bars side by side in each group, rising and falling from `base`.

    Args:
        groups: their labels, left to right.
        bars: one value a group each.
        base: where bars begin.
        rules: horizontal lines; their values are in view.
        write: turns a value into text.
        axis: turns a tick into text; `write` if not given.
        unit: written above the axis.
        height: of the plot, in CSS pixels.
    """
    values = [bar.values for bar in bars]
    scale = round_scale([*values, np.array([base, *(rule.value for rule in rules)])])
    plot = Plot(scale, height, write, axis or write)
    slot, zero = 1.0 / max(len(groups), 1), plot.y(base)
    inner, width = 0.72 * slot, 0.72 * slot / max(len(bars), 1)
    boxes = []
    for place, bar in enumerate(bars):
        for group, value in enumerate(bar.values):
            if np.isfinite(value):
                left = group * slot + (slot - inner) / 2 + (place + 0.06) * width
                top, bottom = sorted((plot.y(value), zero))
                boxes.append(box(bar.ink, left, 0.88 * width, top, bottom))
    legend = [key("box", bar) for bar in bars]
    return plot.draw(
        boxes=boxes,
        x_ticks=group_ticks(groups),
        rules=rules,
        legend=legend,
        unit=unit,
        hover=hover_data(centres(groups), groups, [plot.row(bar.name, bar.ink, bar.values) for bar in bars]),
        grouped=True,
    )


def dot_chart(
    groups: Sequence[str],
    dots: Sequence[Group],
    *,
    rules: Sequence[Rule] = (),
    write: Write = PLAIN,
    axis: Write | None = None,
    unit: str = "",
    height: int = HEIGHT,
) -> Markup:
    """Points with whiskers, side by side in each group; the axis need not hold zero.

    Args:
        groups: their labels, left to right.
        dots: one value a group each.
        rules: horizontal lines; their values are in view.
        write: turns a value into text.
        axis: turns a tick into text; `write` if not given.
        unit: written above the axis.
        height: of the plot, in CSS pixels.
    """
    columns = [side for dot in dots for side in (dot.values, dot.lower, dot.upper) if side is not None]
    scale = round_scale([*columns, np.array([rule.value for rule in rules], dtype=np.float64)])
    plot = Plot(scale, height, write, axis or write)
    slot = 1.0 / max(len(groups), 1)
    pins, whiskers = [], []
    for place, dot in enumerate(dots):
        at = centres(groups) + ((place + 0.5) / len(dots) - 0.5) * 0.6 * slot
        pins += plot.pins(at, dot.ink, dot.values, 4.5)
        if dot.lower is not None and dot.upper is not None:
            whiskers += plot.whiskers(at, dot.ink, dot.lower, dot.upper)
    legend = [key("dot", dot) for dot in dots]
    return plot.draw(
        pins=pins,
        whiskers=whiskers,
        x_ticks=group_ticks(groups),
        rules=rules,
        legend=legend,
        unit=unit,
        hover=hover_data(centres(groups), groups, [plot.row(dot.name, dot.ink, dot.values) for dot in dots]),
        grouped=True,
    )


def histogram(
    edges: Floats,
    heights: Floats,
    *,
    name: str,
    ink: str,
    expected: Rule | None = None,
    between: tuple[float, float] | None = None,
    between_name: str = "",
    write: Write = WHOLE,
    write_x: Write = TENTHS,
    unit: str = "",
    height: int = HEIGHT,
) -> Markup:
    """Bars without gaps from edge to edge.

    Args:
        edges: shape (n_bins + 1,), increasing.
        heights: shape (n_bins,).
        name: of the bars in the legend.
        ink: their colour.
        expected: a line where the bars should end.
        between: a band in which they may end by chance.
        between_name: of the band in the legend.
        write: turns a height into text.
        write_x: turns an edge into text.
        unit: written above the axis.
        height: of the plot, in CSS pixels.
    """
    scale = round_scale([heights, np.zeros(1), np.array(between or ()), np.array([expected.value] if expected else ())])
    plot = Plot(scale, height, write, write)
    span = float(edges[-1] - edges[0])
    left, width = (edges[:-1] - edges[0]) / span, np.diff(edges) / span
    boxes = [
        box(ink, float(a), float(w) * 0.96, plot.y(float(h)), plot.y(0.0))
        for a, w, h in zip(left, width, heights, strict=True)
    ]
    ends = np.array([0.0, 1.0])
    shapes = []
    legend = [key("box", Dots(name, heights, ink))]
    if between is not None:
        low, high = (np.full(2, side) for side in between)
        shapes.append({"kind": "band", "ink": WALK, "strong": False, "path": plot.area(ends, low, high)})
        legend.append(key("band", Band(between_name, low, high, WALK)))
    ticks = np.linspace(edges[0], edges[-1], 6)
    labels = [f"{write_x(float(a))} to {write_x(float(b))}" for a, b in pairwise(edges)]
    return plot.draw(
        shapes=shapes,
        boxes=boxes,
        x_ticks=[tick_at(float((t - edges[0]) / span), write_x(float(t)), at % 2) for at, t in enumerate(ticks)],
        rules=[expected] if expected else [],
        legend=legend,
        unit=unit,
        hover=hover_data(left + width / 2, labels, [plot.row(name, ink, heights)]),
    )


def figure(name: str, title: str, message: str, charts: Sequence[Markup], table: Table | None = None) -> Markup:
    """Charts with a title, the message in words, and the table behind them.

    Args:
        name: the element's id, unique on the page.
        title: a heading of the third rank.
        message: what the charts show, in a sentence or two.
        charts: one or several.
        table: folded away below.
    """
    return fragment("figure.html", name=name, title=title, message=message, charts=charts, table=table)


def no_figure(name: str, title: str, reason: str) -> Markup:
    """A figure that cannot be drawn says so, with its reason."""
    return fragment("figure.html", name=name, title=title, message="", reason=reason, charts=[], table=None)
