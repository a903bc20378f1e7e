"""The plots of a run, drawn with matplotlib's objects: no global state, no display.

Colours are Okabe and Ito's, which readers with any colour vision can tell apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from podium.records import Floats, Forecasts, slashed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, GREY, INK, LINES = "#0072B2", "#D55E00", "#009E73", "#9AA0A6", "#202124", "#E8EAED"
DAYS_SHOWN = 120


def forecast(forecasts: Forecasts, pair: str, family: str) -> Figure:
    """The last scored days: realised log return and forecast on one scale, and the forecast alone on its own.

    On one scale a daily forecast of a currency is nearly a straight line; the lower panel shows what it does.
    """
    shown = slice(-DAYS_SHOWN, None)
    days = forecasts.target_dates[shown].astype(object)
    title = f"{slashed(pair)} next-day log return: {family} and what came, last {len(days)} scored days"
    figure, (above, below) = _canvas(title, n_panels=2, height_ratios=(3, 1.3))
    actual = 100 * forecasts.actual[shown]
    above.vlines(days, 0, actual, color=GREY, linewidth=1.2, label="actual")
    above.plot(days, actual, "o", color=GREY, markersize=2.2)
    for lower, upper, coverage in (("lower_95", "upper_95", "95"), ("lower_80", "upper_80", "80")):
        if {lower, upper} <= forecasts.bounds.keys():
            low, high = (100 * forecasts.bounds[side][shown] for side in (lower, upper))
            above.fill_between(days, low, high, color=BLUE, alpha=0.12, lw=0, label=f"{coverage} % interval")
    above.plot(days, 100 * forecasts.forecast[shown], color=BLUE, linewidth=1.6, label="forecast")
    above.set_ylabel("return (%)")
    below.plot(days, 1e4 * forecasts.forecast[shown], color=BLUE, linewidth=1.4)
    below.set_ylabel("forecast (bp)")
    for axes in (above, below):
        axes.axhline(0, color=INK, linewidth=0.6)
    figure.legend(loc="lower left", ncols=4, frameon=False, fontsize=9)
    return figure


def cumulative_skill(forecasts: Forecasts, pair: str, family: str) -> Figure:
    """Cumulative squared-error difference against the random walk (Goyal and Welch 2008), in squared percent.

    Rising: the model forecasts better than the random walk in that stretch; below zero: worse up to then.
    """
    lead = 1e4 * np.cumsum(forecasts.actual**2 - (forecasts.actual - forecasts.forecast) ** 2)
    days = forecasts.target_dates.astype(object)
    figure, (axes,) = _canvas(f"{slashed(pair)}: lead of {family} over the random walk, all scored days")
    axes.fill_between(days, 0, lead, where=lead >= 0, color=BLUE, alpha=0.15, lw=0, interpolate=True)
    axes.fill_between(days, 0, lead, where=lead < 0, color=ORANGE, alpha=0.15, lw=0, interpolate=True)
    axes.plot(days, lead, color=INK, linewidth=1.2)
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.set_ylabel("squared error saved, cumulative (%²)")
    for height, word, colour in ((0.95, "model ahead", BLUE), (0.05, "random walk ahead", ORANGE)):
        axes.text(0.01, height, word, transform=axes.transAxes, color=colour, va="center", fontsize=9)
    return figure


def learning_curve(curve: Mapping[str, Floats], pair: str, family: str) -> Figure:
    """Loss by epoch, a panel a name: their coverages differ more than their slopes."""
    from matplotlib.ticker import MaxNLocator

    title = f"{slashed(pair)}: learning curve of {family}, the dot marks the lowest"
    figure, panels = _canvas(title, n_panels=len(curve))
    for axes, (name, losses), colour in zip(panels, curve.items(), (BLUE, ORANGE, GREEN) * len(curve), strict=False):
        epochs, lowest = np.arange(1, len(losses) + 1), int(np.argmin(losses))
        axes.plot(epochs, losses, color=colour, linewidth=1.6)
        axes.plot(epochs[lowest], losses[lowest], "o", color=colour, markersize=5)
        axes.set_ylabel(f"{name.replace('_', ' ')} loss")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[-1].set_xlabel("epoch")
    return figure


def _canvas(title: str, n_panels: int = 1, **layout: Any) -> tuple[Figure, tuple[Axes, ...]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.6 if n_panels == 1 else 4.4), dpi=100)
    # Fixed margins: a layout engine draws everything twice, and drawing is most of what logging a run costs.
    margins = {"left": 0.1, "right": 0.985, "top": 0.92, "bottom": 0.14, "hspace": 0.12}
    panels = tuple(figure.subplots(n_panels, 1, squeeze=False, gridspec_kw=margins | layout, sharex=True)[:, 0])
    panels[0].set_title(title, loc="left", fontsize=11, color=INK)
    for axes in panels:
        axes.grid(axis="y", color=LINES, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.01)
    return figure, panels
