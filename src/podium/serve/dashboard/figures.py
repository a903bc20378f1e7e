"""The charts of the page, drawn with the report's kit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from markupsafe import Markup

from podium.evaluate.live import Report
from podium.records import Floats, Forecasts, ModelName, NextDay
from podium.report.charts import (
    MAIN,
    Band,
    Dots,
    Line,
    Rule,
    Table,
    figure,
    inks_of,
    line_chart,
    no_figure,
    number,
    percent,
)
from podium.report.scales import round_scale
from podium.report.scene import RANDOM_WALK, listed, rate_digits
from podium.report.skill import cumulative_skill
from podium.serve.dashboard.state import PairState
from podium.serve.dashboard.words import is_over, sequence_line, told_day
from podium.serve.hotswap.lineup import Lineup

MONTHS_SHOWN: Final = 66  # trading days, three months
POINTS: Final = 300  # of a curve: more than a screen can tell apart, and each costs bytes on every page
SIDES: Final = ("lower_95", "lower_80", "upper_80", "upper_95")
SHARE: Final = percent(2, sign=True)
ROOM: Final = 6.0  # the live chart reaches so many times the last interval's half width; the first ones are wider still


def inks(state: PairState) -> dict[str, str]:
    """A colour by family, the same on every page."""
    return family_inks(state.lineup, [row.family for row in state.judgement.ranking] if state.judgement else [])


def family_inks(lineup: Lineup, more: list[str]) -> dict[str, str]:
    """A colour by family, for those on the podium and more."""
    return inks_of([*more, *(model.card.family for model in lineup.arms.values())])


def next_day_figure(state: PairState) -> Markup:
    """The rates of the last months, the ranges that were made for them, and the day to come."""
    title = "The last three months and the next business day"
    if is_over(state):
        title = "The last three months that are stored, and the day after"
    if state.close is None or state.next_day is None or len(state.close.series) < 3:
        return no_figure("next-day", title, state.untold.rstrip(".") or "too few rates are stored")
    series, ahead = state.close.series, state.next_day
    name = state.lineup.champion.card.family
    ink = inks(state)[name]
    rows = slice(max(1, len(series) - MONTHS_SHOWN), None)
    before, days, rates = series.closes[rows.start - 1 : -1], series.dates[rows], series.closes[rows]
    sides = _past_sides(state.past, days, before)
    days = np.append(days, np.datetime64(state.close.target_date, "D"))
    sides = {side: np.append(column, ahead.rates.get(side, np.nan)) for side, column in sides.items()}
    nothing = np.full(len(rates), np.nan)
    bands = [
        Band("95% range", sides["lower_95"], sides["upper_95"], ink),
        Band("80% range", sides["lower_80"], sides["upper_80"], ink, strong=True),
    ]
    bands = [band for band in bands if np.isfinite(band.lower).any()]
    write = number(rate_digits(float(rates[-1])))
    chart = line_chart(
        days,
        [Line("rate", np.append(rates, np.nan), MAIN)],
        bands=bands,
        dots=[Dots(f"{name}'s forecast", np.append(nothing, ahead.forecast_rate), ink)],
        write=write,
        axis=number(round_scale([rates, *(column for column in sides.values() if np.isfinite(column).any())]).digits),
        unit=f"{series.pair[3:]} for 1 {series.pair[:3]}; each range was made at the close of the day before",
        height=280,
        last=False,
    )
    return figure(
        "next-day", title, _next_day_message(state, sides, rates), [chart], _next_day_table(days, rates, sides, ahead)
    )


def _past_sides(past: Forecasts | None, days: np.ndarray, before: Floats) -> dict[str, Floats]:
    """The champion's ranges for these days in rates; NaN where it made none."""
    found = {side: np.full(len(days), np.nan) for side in SIDES}
    if past is None or not set(SIDES) <= set(past.bounds):
        return found
    _, here, there = np.intersect1d(days, past.target_dates, return_indices=True)
    for side, column in found.items():
        column[here] = before[here] * np.exp(past.bounds[side][there])
    return found


def _next_day_message(state: PairState, sides: dict[str, Floats], rates: Floats) -> str:
    lower, upper = sides["lower_95"][:-1], sides["upper_95"][:-1]
    known = np.isfinite(lower)
    said = ""
    if known.any():
        inside = int(((lower <= rates) & (rates <= upper))[known].sum())
        said = f"Of these {int(known.sum())} days {inside} ended inside the 95% range made the day before. "
    if state.next_day is None or state.next_day.interval is None:
        return said + state.untold
    day = state.next_day.target_date
    came = "is over, and its rate is not stored" if is_over(state) else "is still open"
    return f"{said}The last range, for {told_day(day)}, {came}."


def _next_day_table(days: np.ndarray, rates: Floats, sides: dict[str, Floats], ahead: NextDay) -> Table:
    write = number(rate_digits(float(rates[-1])))
    shown = [*rates, None]
    rows = [
        [str(day), "to come" if rate is None else write(float(rate))]
        + [write(float(sides[side][row])) if np.isfinite(sides[side][row]) else "\u2013" for side in SIDES]
        for row, (day, rate) in enumerate(zip(days, shown, strict=True))
    ]
    return Table(
        f"Rates, and the ranges made the day before; the forecast for the last day is {write(ahead.forecast_rate)}",
        ["Day", "Rate", "95% from", "80% from", "80% to", "95% to"],
        rows[-23:],
    )


def skill_figure(state: PairState) -> Markup:
    """Squared error saved against the random walk so far, of every rank that took part in the last championship."""
    title = "Error against the random walk, added up"
    scene = state.scene
    if scene is None:
        return no_figure("skill", title, "no championship is recorded with the models in service")
    curves = {name: cumulative_skill(scene.forecasts[name]) for name in scene.names}
    known = {name: curve for name, curve in curves.items() if curve is not None and len(curve) > 1}
    if not known:
        return no_figure("skill", title, "the forecasts of the last championship are not here")
    days = scene.forecasts[next(iter(known))].target_dates
    rows = np.unique(np.linspace(0, len(days) - 1, POINTS).astype(int))
    colours = inks(state)
    chart = line_chart(
        days[rows],
        [Line(name, curve[rows], colours[name]) for name, curve in known.items()],
        rules=[Rule(0.0, RANDOM_WALK)],
        write=SHARE,
        unit="Squared error saved since the first scored day, as a share of the random walk's",
    )
    ends = listed([f"{name} at {SHARE(float(curve[-1]))}" for name, curve in known.items()])
    message = (
        f"Rising is better than the {RANDOM_WALK}, which forecasts no change; falling is worse. After {len(days):,} "
        f"days that no model had seen: {ends}."
    )
    picked = np.unique(np.linspace(0, len(days) - 1, 13).astype(int))[1:]
    table = Table(
        "Squared error saved up to a day, as a share of the random walk's",
        ["Up to", *known],
        [[str(days[row]), *(SHARE(float(curve[row])) for curve in known.values())] for row in picked],
    )
    return figure("skill", title, message, [chart], table)


@dataclass(frozen=True, slots=True)
class _Sequence:
    """The live difference day by day, as shares of the random walk's squared error."""

    mean: Floats
    lower: Floats
    upper: Floats

    @classmethod
    def of(cls, found: Report) -> _Sequence:
        walk = found.random_walk_rmse**2 or 1.0
        lower, upper, mean = found.lowers / walk, found.uppers / walk, found.differences / walk
        known = np.isfinite(lower)
        reach = ROOM * float(upper[-1] - lower[-1]) / 2 if known[-1] else np.inf
        lower, upper = (np.where(known, side, np.nan) for side in (lower, upper))
        # What lies far outside the last interval would press it flat; the hover and the table tell the same limits.
        return cls(*(np.clip(side, -reach, reach) for side in (mean, lower, upper)))


def live_figure(state: PairState) -> Markup:
    """The confidence sequence of the live test over time."""
    title = "The difference between champion and challenger, day by day"
    found = state.live.report
    if found is None:
        return no_figure("live", title, state.live.reason.rstrip("."))
    if found.n_days < 2:
        return no_figure("live", title, "one settled day so far; a chart needs two")
    sequence, ink = _Sequence.of(found), inks(state).get(ModelName.parse(found.challenger.model_name).family, MAIN)
    rows = np.unique(np.linspace(0, found.n_days - 1, POINTS).astype(int))
    lines = [Line("mean difference", sequence.mean[rows], ink)]
    bands = []
    if np.isfinite(sequence.lower).any():
        bands = [Band(f"{1 - found.alpha:.0%} confidence sequence", sequence.lower[rows], sequence.upper[rows], ink)]
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
        [
            [str(found.origins[row]), *(_shown(side[row]) for side in (sequence.mean, sequence.lower, sequence.upper))]
            for row in picked
        ],
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
