"""Figures of the ranges: the last weeks and the next day in rates, coverage, calibration of the density, PIT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from markupsafe import Markup

from podium.evaluate.density import MIN_DAYS_A_YEAR, coverage_by_year
from podium.records import Dates, Floats, Forecasts, NextDay, Series, rate_digits
from podium.report.belief import BARS, COVERAGES, SIDES, Calibration, calibration, misses_of
from podium.report.charts import dot_chart, figure, histogram, line_chart, no_figure
from podium.report.marks import BAD, MAIN, WALK, WHOLE, Band, Dots, Line, Rule, Table, Write, number, percent
from podium.report.scales import round_scale
from podium.report.scene import Scene, told_day
from podium.report.skill import years_of

FAN_DAYS: Final = 63  # three months
BOUNDS: Final = ("lower_80", "upper_80", "lower_95", "upper_95")
SHARE: Final = percent(1)
POINTS: Final = percent(1, sign=True)
REACH: Final = 1.96  # standard errors that hold 95 % of what chance does


@dataclass(frozen=True, slots=True)
class Fan:
    """Whose intervals a fan shows, and on what.

    Attributes:
        name: of the contestant.
        ink: its colour.
        past: its forecasts for days that have come; None where they are lost.
        series: the stored rates; None without any.
        next_day: its open forecast; None without one.
        untold: half a sentence where one of these is missing.
        today: a forecast for an earlier day is not called open.
    """

    name: str
    ink: str
    past: Forecasts | None
    series: Series | None
    next_day: NextDay | None
    untold: str
    today: date


def fan_of(scene: Scene) -> Fan:
    """Of the contestant that the page is about."""
    name = scene.leader.family
    missing = [_why_no_bounds(scene), scene.untold.get("series", ""), scene.untold.get("next_day", "")]
    return Fan(
        name=name,
        ink=scene.inks[name],
        past=scene.forecasts.get(name),
        series=scene.series,
        next_day=scene.next_day,
        untold=next((reason for reason in missing if reason), ""),
        today=scene.written_at.date(),
    )


def fan_figure(fan: Fan) -> Markup:
    """The last three months in rates, the intervals made for them the day before, and the one that is still open."""
    over = fan.next_day is not None and fan.next_day.target_date < fan.today
    title = f"The last three months{' that are stored' if over else ''}, and the next business day"
    if fan.series is None or len(fan.series) < 3 or (fan.past is None and fan.next_day is None):
        return no_figure("fan", title, fan.untold or "too few rates are stored")
    rows = slice(max(1, len(fan.series) - FAN_DAYS), None)
    days, realised = fan.series.dates[rows], fan.series.closes[rows]
    columns = _past_rates(fan.past, days, fan.series.closes[rows.start - 1 : -1])
    message = _fan_message(columns, realised)
    opened = np.full(len(days), np.nan)
    if fan.next_day is not None and fan.next_day.origin == days[-1].item():
        ahead = {**fan.next_day.rates, "forecast": fan.next_day.forecast_rate}
        days = np.append(days, np.datetime64(fan.next_day.target_date))
        columns = {name: np.append(column, ahead.get(name, np.nan)) for name, column in columns.items()}
        realised, opened = np.append(realised, np.nan), np.append(opened, ahead["forecast"])
        came = "is over, and its rate is not stored" if over else "is still open"
        told = f"The last range, for {told_day(fan.next_day.target_date)}, {came}."
        message += f" {told if fan.next_day.interval else fan.untold}"
    outside = (realised < columns["lower_95"]) | (realised > columns["upper_95"])
    bands = [
        Band(f"{side}% interval", columns[f"lower_{side}"], columns[f"upper_{side}"], fan.ink, side == "80")
        for side in ("95", "80")
        if np.isfinite(columns[f"lower_{side}"]).any()
    ]
    dots = [
        Dots("outside the 95% interval", np.where(outside, realised, np.nan), BAD),
        Dots(f"{fan.name}'s next forecast", opened, fan.ink),
    ]
    lines = [Line("what came", realised, MAIN, dots=True), Line(f"{fan.name}'s forecast", columns["forecast"], fan.ink)]
    write = number(rate_digits(float(fan.series.closes[-1])))
    chart = line_chart(
        days,
        [line for line in lines if np.isfinite(line.values).any()],
        bands=bands,
        dots=[mark for mark in dots if np.isfinite(mark.values).any()],
        write=write,
        axis=number(round_scale([realised, *(side for band in bands for side in (band.lower, band.upper))]).digits),
        unit=f"{fan.series.pair[3:]} for 1 {fan.series.pair[:3]}; each range was made at the close of the day before",
        height=300,
        last=False,
    )
    return figure("fan", title, message.strip(), [chart], _fan_table(days, columns, realised, write))


def _past_rates(past: Forecasts | None, days: Dates, before: Floats) -> dict[str, Floats]:
    """Forecast and bounds for these days in rates, by name; NaN where none was made.

    Args:
        past: the contestant's forecasts.
        days: shape (n_days,).
        before: shape (n_days,), the close before each.
    """
    found = {name: np.full(len(days), np.nan) for name in ("forecast", *BOUNDS)}
    if past is None:
        return found
    _, here, there = np.intersect1d(days, past.target_dates, return_indices=True)
    returns = {**past.bounds, "forecast": past.forecast}
    for name in found.keys() & returns.keys():
        found[name][here] = before[here] * np.exp(returns[name][there])
    return found


def _fan_message(columns: Mapping[str, Floats], realised: Floats) -> str:
    n_days = int(np.isfinite(columns["lower_95"]).sum())
    if not n_days:
        return ""
    inner, outer = (
        int(((columns[f"lower_{side}"] <= realised) & (realised <= columns[f"upper_{side}"])).sum()) for side in SIDES
    )
    return (
        f"Of these {n_days} days {inner} ({SHARE(inner / n_days)}) ended inside the 80% range and "
        f"{outer} ({SHARE(outer / n_days)}) inside the 95% range. The forecast itself hardly leaves "
        "the last rate; what the range says is how far the next one may go."
    )


def _fan_table(days: Dates, columns: Mapping[str, Floats], realised: Floats, write: Write) -> Table:
    def told(value: float, missing: str = "\u2013") -> str:
        return write(float(value)) if np.isfinite(value) else missing

    return Table(
        "Forecast made the day before, its intervals, and the rate that came",
        ["Day", "Forecast", "80% from", "to", "95% from", "to", "What came"],
        [
            [str(day), *map(told, values), told(came, "to come")]
            for day, came, *values in zip(days, realised, *columns.values(), strict=True)
        ],
    )


def coverage_figure(scene: Scene) -> Markup:
    """Nominal against empirical coverage by year, and the density's at every coverage."""
    title = "Did the ranges keep their promise?"
    reason = _why_no_bounds(scene)
    if reason:
        return no_figure("coverage", title, reason)
    name = scene.leader.family
    rows = scene.forecasts[name]
    misses = {side: misses_of(rows.bounds, rows.actual, side) for side in SIDES}
    overall = {side: 1.0 - float(missed.mean()) for side, missed in misses.items()}
    by_year = {side: coverage_by_year(rows.target_dates, missed) for side, missed in misses.items()}
    charts, said = [], _overall(scene, overall)
    if by_year["95"]:
        charts.append(_years_chart(by_year, scene.inks[name]))
        worst = [max(abs(share - int(side) / 100) for _, share in by_year[side].values()) for side in SIDES]
        said += (
            f" In the worst calendar year coverage was {100 * worst[0]:.1f} points from 80% and "
            f"{100 * worst[1]:.1f} points from 95%."
        )
    left_out = sorted(set(map(str, years_of(rows.target_dates))) - set(map(str, by_year["95"])))
    if left_out:
        said += f" Not drawn, having fewer than {MIN_DAYS_A_YEAR} scored days: {', '.join(left_out)}."
    told = [
        [str(year), str(n), SHARE(by_year["80"][year][1]), SHARE(share)] for year, (n, share) in by_year["95"].items()
    ]
    table = Table(
        f"Share of days that ended inside {name}'s ranges",
        ["Days of", "Days", "80% interval", "95% interval"],
        [*told, ["all scored days", str(len(rows)), *(SHARE(overall[side]) for side in SIDES)]],
    )
    return figure("coverage", title, said, charts, table)


def _overall(scene: Scene, overall: dict[str, float]) -> str:
    return (
        f"Over all {scene.judgement.n_scored_days:,} scored days {SHARE(overall['80'])} ended inside the 80% range and "
        f"{SHARE(overall['95'])} inside the 95% range. A range that misses widens the next one, so that these "
        "shares are kept by construction and are no proof of the volatility model."
    )


def _years_chart(by_year: dict[str, dict[int, tuple[int, float]]], ink: str) -> Markup:
    groups = []
    for coverage, colour in (("95", ink), ("80", MAIN)):
        n_days, share = np.array([*by_year[coverage].values()]).T
        reach = REACH * np.sqrt(int(coverage) / 100 * (1 - int(coverage) / 100) / n_days)
        groups.append(
            Dots(f"inside the {coverage}% interval", share, colour, share - reach, np.minimum(share + reach, 1.0))
        )
    return dot_chart(
        [str(year) for year in by_year["95"]],
        groups,
        rules=[Rule(0.95, "promised"), Rule(0.80)],
        write=SHARE,
        axis=percent(0),
        unit="Share of days inside; whiskers: what chance alone does in so many days (95%)",
    )


def density_figure(scene: Scene) -> Markup:
    """Central ranges of the density at every coverage, and where in it the outcomes fell."""
    title = "Is the whole distribution right?"
    found, reason = calibration(scene)
    if found is None:
        return no_figure("density", title, reason)
    ink = scene.inks[scene.leader.family]
    worst = int(np.argmax(np.abs(found.gap)))
    largest = f"{number(1, sign=True)(100 * float(found.gap[worst]))} points, at {percent(0)(float(COVERAGES[worst]))}"
    outside = int((np.abs(found.counts - found.expected) > found.bar_reach).sum())
    message = (
        f"{found.answer.sentence} Upper chart: how much more or less than promised each central range of the density "
        f"held; above the band it was too wide, below it too narrow. The largest gap is {largest}. Lower chart: "
        "where in its forecast distribution each outcome fell (PIT); bars are equal when the distribution is right. "
        f"{outside} of {BARS} lie outside the band. Each band holds all of its points in 39 of 40 right "
        "distributions. This is the density as its volatility model gave it, before the ranges adapt to their misses."
    )
    rows = [
        [percent(0)(float(coverage)), SHARE(float(share)), POINTS(float(share - coverage))]
        for coverage, share in zip(COVERAGES, found.seen, strict=True)
    ]
    table = Table(
        "Share of outcomes inside each central range of the density", ["Promised", "Held", "Difference"], rows
    )
    return figure("density", title, message, [_coverages_chart(found, ink), _pit_chart(found, ink)], table)


def _coverages_chart(found: Calibration, ink: str) -> Markup:
    return line_chart(
        COVERAGES * 100,
        [Line("held less promised", found.gap, ink, dots=True)],
        bands=[Band("chance", -found.gap_reach, found.gap_reach, WALK)],
        rules=[Rule(0.0)],
        write=POINTS,
        unit="Share held less share promised, by the central range's coverage in %",
        labels=[f"{percent(0)(float(coverage))} range" for coverage in COVERAGES],
        height=180,
        last=False,
    )


def _pit_chart(found: Calibration, ink: str) -> Markup:
    reach = np.full(2, found.bar_reach)
    return histogram(
        found.edges,
        Dots("days", found.counts, ink),
        bands=[Band("chance", found.expected - reach, found.expected + reach, WALK)],
        rules=[Rule(found.expected, "equal")],
        write=WHOLE,
        unit="Days, by the forecast probability of a return no higher than the one that came (PIT)",
        write_x=number(2),
        height=180,
    )


def _why_no_bounds(scene: Scene) -> str:
    name = scene.leader.family
    rows = scene.forecasts.get(name)
    if rows is None:
        return scene.untold.get(name, f"the forecasts of {name} are not here")
    return "" if set(BOUNDS) <= set(rows.bounds) else f"the run of {name} recorded no ranges"
