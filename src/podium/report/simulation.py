"""The picture of a replay: what each policy gained on the random walk, and when the title changed."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from podium.evaluate.replay import Replay

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # Okabe and Ito 2008: told apart by colour-blind eyes too


def picture(pair: str, replays: Sequence[Replay]) -> bytes:
    """A PNG: cumulative squared-error difference against the random walk, one line a policy, a mark a title change."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.5), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    axes.axhline(0, color="0.35", linewidth=1)
    for replay, colour in zip(replays, COLOURS, strict=False):
        # of all the squared error of the random walk, so that the line ends at the table's figure with its sign turned
        walk = replay.rmse**2 * replay.served_days + replay.cumulative_gain[-1]
        saved = 100 * replay.cumulative_gain / walk if walk else replay.cumulative_gain
        changed = np.isin(replay.dates, [reign.since for reign in replay.reigns[1:]])
        label = f"{replay.policy}: {replay.title_changes} title changes, {replay.regretted} regretted"
        axes.plot(replay.dates, saved, color=colour, linewidth=1.4, label=label)
        axes.plot(replay.dates[changed], saved[changed], "o", color=colour, markersize=3.5)
    axes.set_title(f"{pair}: always serving the champion, against forecasting no change", loc="left")
    axes.set_ylabel("squared error saved so far, % of the random walk's")
    axes.text(1, -0.09, "dots: the title changed; up is better", transform=axes.transAxes, ha="right", va="top")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9")
    axes.legend(frameon=False, loc="best")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
