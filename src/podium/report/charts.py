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
from typing import Any, Final, Unpack

import numpy as np
from markupsafe import Markup

from podium.errors import InputError
from podium.records import Dates, Floats
from podium.report.marks import TENTHS, Band, Dots, Line, Look, Table, Write
from podium.report.pages import fragment
from podium.report.plot import Plot, centres, hover_data, key, last_of, tick_at, x_axis

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
    labels: Sequence[str] | None = None,
    last: bool = True,
    **look: Unpack[Look],
) -> Markup:
    """Curves over days, with bands behind them and dots on top.

    Args:
        x: shape (n,), days (placed by the calendar) or numbers, increasing.
        lines: in the order of the legend; the first lies on top.
        bands: drawn first, the widest first.
        dots: drawn last.
        labels: shape (n,), of each x under the crosshair; made from x if not given.
        last: whether the legend tells each line's last value.
        **look: of the chart.

    Raises:
        InputError: there are fewer than two points, or lengths differ.
    """
    columns = [*(line.values for line in lines), *(mark.values for mark in dots)]
    columns += [side for band in bands for side in (band.lower, band.upper)]
    if len(x) < 2 or any(len(column) != len(x) for column in columns):
        raise InputError("a chart of lines needs two points at least, and as many values as points in every line")
    plot = Plot.over(columns, **look)
    at, x_ticks = x_axis(x)
    over = [_lies_over(line, lines[place + 1 :], plot.scale.high - plot.scale.low) for place, line in enumerate(lines)]
    kinds = [("line over" if dashed else "line", line) for dashed, line in zip(over, lines, strict=True)]
    pins = [plot.pins(at, line, 2.0) for line in lines if line.dots] + [plot.pins(at, mark, 4.5) for mark in dots]
    legend = [key(kind, line, plot.write(last_of(line.values)) if last else "") for kind, line in kinds]
    rows = [plot.row(line) for line in lines] + [plot.span(band) for band in reversed(bands)]
    return plot.draw(
        shapes=[plot.area(at, band) for band in bands] + [plot.curve(at, *kind) for kind in reversed(kinds)],
        pins=[pin for mark in pins for pin in mark],
        x_ticks=x_ticks,
        legend=[*legend, *(key("band", band) for band in bands), *(key("dot", mark) for mark in dots)],
        hover=hover_data(at, labels if labels is not None else [str(value) for value in x], rows),
    )


def _lies_over(line: Line, below: Sequence[Line], span: float) -> bool:
    """Whether a line would hide one below it, which then shows through its gaps."""
    for other in below:
        apart = np.abs(line.values - other.values)[np.isfinite(line.values) & np.isfinite(other.values)]
        if len(apart) and float(np.median(apart)) < SAME * span:
            return True
    return False


def bar_chart(groups: Sequence[str], bars: Sequence[Dots], *, base: float = 0.0, **look: Unpack[Look]) -> Markup:
    """Bars side by side in each group, rising and falling from `base`.

    Args:
        groups: their labels, left to right.
        bars: one value a group each.
        base: where bars begin.
        **look: of the chart.
    """
    plot = Plot.over([np.array([base]), *(bar.values for bar in bars)], **look)
    width, boxes = 0.72 / max(len(groups) * len(bars), 1), []
    for place, bar in enumerate(bars):
        left = centres(groups) + (place + 0.06 - len(bars) / 2) * width
        boxes += plot.boxes(left, np.full(len(groups), 0.88 * width), bar, base)
    return _grouped(plot, groups, "box", bars, boxes=boxes)


def dot_chart(groups: Sequence[str], dots: Sequence[Dots], **look: Unpack[Look]) -> Markup:
    """Points with whiskers, side by side in each group; the axis need not hold zero.

    Args:
        groups: their labels, left to right.
        dots: one value a group each.
        **look: of the chart.
    """
    plot = Plot.over([side for dot in dots for side in (dot.values, dot.lower, dot.upper) if side is not None], **look)
    pins, whiskers = [], []
    for place, dot in enumerate(dots):
        at = centres(groups) + ((place + 0.5) / len(dots) - 0.5) * 0.6 / max(len(groups), 1)
        pins += plot.pins(at, dot, 4.5)
        whiskers += plot.whiskers(at, dot)
    return _grouped(plot, groups, "dot", dots, pins=pins, whiskers=whiskers)


def _grouped(plot: Plot, groups: Sequence[str], shape: str, marks: Sequence[Dots], **parts: Any) -> Markup:
    """Groups and what stands in them, every other label minor where there are many."""
    at, crowded = centres(groups), len(groups) > 8
    return plot.draw(
        x_ticks=[tick_at(float(at[place]), label, crowded and place % 2) for place, label in enumerate(groups)],
        legend=[key(shape, mark) for mark in marks],
        hover=hover_data(at, groups, [plot.row(mark) for mark in marks]),
        grouped=True,
        **parts,
    )


def histogram(
    edges: Floats, bars: Dots, *, bands: Sequence[Band] = (), write_x: Write = TENTHS, **look: Unpack[Look]
) -> Markup:
    """Bars without gaps from edge to edge.

    Args:
        edges: shape (n_bins + 1,), increasing.
        bars: a height a bin.
        bands: behind the bars, such as what chance does; two values each, at the left and the right end.
        write_x: turns an edge into text.
        **look: of the chart.
    """
    plot = Plot.over([bars.values, np.zeros(1), *(side for band in bands for side in (band.lower, band.upper))], **look)
    at, ends = (edges - edges[0]) / (edges[-1] - edges[0]), np.array([0.0, 1.0])
    shares = np.linspace(0.0, 1.0, 6)
    labels = [f"{write_x(float(a))} to {write_x(float(b))}" for a, b in pairwise(edges)]
    ticks = [write_x(float(edges[0] + share * (edges[-1] - edges[0]))) for share in shares]
    return plot.draw(
        shapes=[plot.area(ends, band) for band in bands],
        boxes=plot.boxes(at[:-1], np.diff(at) * 0.96, bars, 0.0),
        x_ticks=[tick_at(float(shares[place]), label, place % 2) for place, label in enumerate(ticks)],
        legend=[key("box", bars), *(key("band", band) for band in bands)],
        hover=hover_data(at[:-1] + np.diff(at) / 2, labels, [plot.row(bars)]),
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
