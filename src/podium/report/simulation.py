"""The picture of a replay: what each policy gained on the random walk, and when the title changed."""

from __future__ import annotations

import io
from collections.abc import Sequence

from podium.evaluate.simulate import Replay

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # Okabe and Ito 2008: told apart by colour-blind eyes too


def picture(pair: str, replays: Sequence[Replay]) -> bytes:
    """A PNG: cumulative squared-error difference against the random walk, one line a policy, a mark a title change."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.5), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    axes.axhline(0, color="0.35", linewidth=1)
    for replay, colour in zip(replays, COLOURS, strict=False):
        changes = [reign.since for reign in replay.reigns[1:]]
        label = f"{replay.policy}: {replay.title_changes} title changes, {replay.regretted} regretted"
        axes.plot(replay.dates, replay.cumulative_gain * 1e4, color=colour, linewidth=1.4, label=label)
        marked = [gain * 1e4 for day, gain in zip(replay.dates, replay.cumulative_gain, strict=True) if day in changes]
        days = [day for day in replay.dates if day in changes]
        axes.plot(days, marked, "o", color=colour, markersize=3)
    axes.set_title(f"{pair}: always serving the champion, against the random walk", loc="left")
    axes.set_ylabel("squared error saved so far (1e-4); up is better")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9")
    axes.legend(frameon=False, loc="best")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
