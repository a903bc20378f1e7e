"""The charts of the page, drawn with the report's kit."""

from __future__ import annotations

from typing import Final

import numpy as np
from markupsafe import Markup

from podium.evaluate.live import Report
from podium.records import Floats, ModelName, NextDay, rate_digits
from podium.report.charts import figure, inks_of, line_chart, no_figure
from podium.report.interval_figures import Fan
from podium.report.marks import MAIN, Band, Line, Rule, Table, number, percent
from podium.report.skill import thinned
from podium.serve.dashboard.state import PairState
from podium.serve.dashboard.words import sequence_line

SHARE: Final = percent(2, sign=True)
ROOM: Final = 6.0  # the live chart reaches so many times the last interval's half width; the first ones are wider still


def inks(state: PairState) -> dict[str, str]:
    """A colour by family, the same on every page."""
    ranked = [row.family for row in state.judgement.ranking] if state.judgement else []
    return inks_of([*ranked, *(model.card.family for model in state.lineup.arms.values())])


def fan_of(state: PairState) -> Fan:
    """The champion's intervals on the newest stored rates."""
    family = state.lineup.champion.card.family
    series = state.close.series if state.close else None
    return Fan(family, inks(state)[family], state.past, series, state.next_day, state.untold, state.now.date())


def shares(found: Report) -> tuple[Floats, Floats, Floats]:
    """Mean, lower and upper limit of the live difference up to each day, as shares of the walk's squared error."""
    walk = found.random_walk_rmse**2 or 1.0
    mean, lower, upper = found.differences / walk, found.lowers / walk, found.uppers / walk
    known = np.isfinite(lower)
    reach = ROOM * float(upper[-1] - lower[-1]) / 2 if known[-1] else np.inf
    lower, upper = (np.where(known, side, np.nan) for side in (lower, upper))
    # What lies far outside the last interval would press it flat; the hover and the table tell the same limits.
    mean, lower, upper = (np.clip(side, -reach, reach) for side in (mean, lower, upper))
    return mean, lower, upper


def live_figure(state: PairState) -> Markup:
    """The confidence sequence of the live test over time."""
    title = "The difference between champion and challenger, day by day"
    found = state.live.report
    if found is None:
        return no_figure("live", title, state.live.reason.rstrip("."))
    if found.n_days < 2:
        return no_figure("live", title, "one settled day so far; a chart needs two")
    ink = inks(state).get(ModelName.parse(found.challenger.model_name).family, MAIN)
    mean, lower, upper = shares(found)
    rows = thinned(found.n_days)
    lines = [Line("mean difference", mean[rows], ink)]
    bands = []
    if np.isfinite(lower).any():
        bands = [Band(f"{1 - found.alpha:.0%} confidence sequence", lower[rows], upper[rows], ink)]
    chart = line_chart(
        found.origins[rows],
        lines,
        bands=bands,
        rules=[Rule(0.0, "no difference")],
        write=SHARE,
        axis=percent(1, sign=True),
        unit="Squared error that the challenger saves, as a share of the random walk's; above zero it is better",
    )
    picked = np.unique(np.linspace(0, found.n_days - 1, 13).astype(int))[1:]
    table = Table(
        "Mean difference and its interval up to a day",
        ["Up to", "Mean", "From", "To"],
        [[str(found.origins[row]), *(_shown(side[row]) for side in (mean, lower, upper))] for row in picked],
    )
    return figure("live", title, sequence_line(found), [chart], table)


def _shown(value: float) -> str:
    return SHARE(float(value)) if np.isfinite(value) else "not yet"


def range_bar(ahead: NextDay) -> dict[str, object] | None:
    """Geometry of the bar that shows the next day's range: places in percent of its width, and words."""
    rates = ahead.rates
    if not rates:
        return None
    lowest, highest = rates["lower_95"], rates["upper_95"]
    pad = 0.12 * (highest - lowest)
    write = number(rate_digits(ahead.close))

    def place(rate: float) -> float:
        return round(100 * (rate - lowest + pad) / (highest - lowest + 2 * pad), 2)

    return {
        "ends": {side: {"x": place(rate), "label": write(rate)} for side, rate in rates.items()},
        "close": {"x": place(ahead.close), "label": write(ahead.close)},
        "forecast": {"x": place(ahead.forecast_rate), "label": write(ahead.forecast_rate)},
    }
