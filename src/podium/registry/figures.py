"""The plots of a run, drawn with matplotlib's objects: no global state, no display.

Colours are Okabe and Ito's, which readers with any colour vision can tell apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from podium.records import Floats, Forecasts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, GREY, INK = "#0072B2", "#D55E00", "#009E73", "#9AA0A6", "#202124"
DAYS_SHOWN = 120


def forecast(forecasts: Forecasts, pair: str, model_type: str) -> Figure:
    """Forecast and realised log return of the last scored days, in percent; with the widest bounds if there are any."""
    shown = slice(-DAYS_SHOWN, None)
    days, actual = forecasts.target_dates[shown], 100 * forecasts.actual[shown]
    figure, axes = _canvas(f"{_slashed(pair)} next-day return: {model_type} and what came", "log return (%)")
    axes.vlines(days.astype(object), 0, actual, color=GREY, linewidth=1.2, label="actual")
    axes.plot(days.astype(object), actual, "o", color=GREY, markersize=2.2)
    for level, lower, upper in _bounds(forecasts):
        edges = (100 * lower[shown], 100 * upper[shown])
        axes.fill_between(days.astype(object), *edges, color=BLUE, alpha=0.12, lw=0, label=f"{level} %")
    axes.plot(days.astype(object), 100 * forecasts.forecast[shown], color=BLUE, linewidth=1.6, label="forecast")
    axes.axhline(0, color=INK, linewidth=0.6)
    _legend(axes)
    return figure


def cumulative_skill(forecasts: Forecasts, pair: str, model_type: str) -> Figure:
    """Cumulative squared-error difference against the random walk (Goyal and Welch 2008), in squared percent.

    Rising: the model forecasts better than the random walk in that stretch; below zero: worse up to then.
    """
    lead = 1e4 * np.cumsum(forecasts.actual**2 - (forecasts.actual - forecasts.forecast) ** 2)
    days = forecasts.target_dates.astype(object)
    figure, axes = _canvas(f"{_slashed(pair)}: lead of {model_type} over the random walk", "cumulative lead (%²)")
    axes.fill_between(days, 0, lead, where=lead >= 0, color=BLUE, alpha=0.15, lw=0, interpolate=True)
    axes.fill_between(days, 0, lead, where=lead < 0, color=ORANGE, alpha=0.15, lw=0, interpolate=True)
    axes.plot(days, lead, color=INK, linewidth=1.2)
    axes.axhline(0, color=INK, linewidth=0.6)
    for height, word, colour in ((0.95, "model ahead", BLUE), (0.05, "random walk ahead", ORANGE)):
        axes.text(0.01, height, word, transform=axes.transAxes, color=colour, va="center", fontsize=9)
    return figure


def learning_curve(curve: Mapping[str, Floats], pair: str, model_type: str) -> Figure:
    """Loss by epoch, one line a name."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = _canvas(f"{_slashed(pair)}: learning curve of {model_type}", "loss")
    for (name, losses), colour in zip(curve.items(), (BLUE, ORANGE, GREEN, GREY), strict=False):
        axes.plot(np.arange(1, len(losses) + 1), losses, color=colour, linewidth=1.6, label=name.replace("_", " "))
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(axes)
    return figure


def _canvas(title: str, unit: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.6), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.set_ylabel(unit)
    axes.grid(axis="y", color="#E8EAED", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.01)
    return figure, axes


def _legend(axes: Axes) -> None:
    axes.legend(loc="upper left", ncols=4, frameon=False, fontsize=9)


def _bounds(forecasts: Forecasts) -> list[tuple[str, Floats, Floats]]:
    """Level, lower and upper bound, widest first; from columns such as `lower_80` and `upper_80`."""
    lowers = (name for name in forecasts.bounds if name.startswith("lower_"))
    levels = sorted((name.removeprefix("lower_") for name in lowers), reverse=True)
    columns = ((level, forecasts.bounds[f"lower_{level}"], forecasts.bounds.get(f"upper_{level}")) for level in levels)
    return [(level, lower, upper) for level, lower, upper in columns if upper is not None]


def _slashed(pair: str) -> str:
    return f"{pair[:3]}/{pair[3:]}"
