"""Figures of the ranges: the last weeks and the next day in rates, coverage, calibration of the density, PIT."""

from __future__ import annotations

from typing import Final

import numpy as np
from markupsafe import Markup

from podium.evaluate.density import coverage_by_year
from podium.records import NextDay
from podium.report.charts import (
    BAD,
    MAIN,
    WALK,
    Band,
    Dots,
    Group,
    Line,
    Rule,
    Table,
    dot_chart,
    figure,
    histogram,
    inks_of,
    line_chart,
    no_figure,
    number,
    percent,
)
from podium.report.marks import Write
from podium.report.scales import round_scale
from podium.report.scene import Scene, rate_digits, told_date
from podium.report.skill import years_of
from podium.report.trust import BARS, COVERAGES, Calibration, calibration, misses_of

FAN_DAYS: Final = 60
MIN_DAYS_A_YEAR: Final = 200
SHARE: Final = percent(1)
POINTS: Final = percent(1, sign=True)
REACH: Final = 1.96  # standard errors that hold 95 % of what chance does


def fan_figure(scene: Scene) -> Markup:
    """The last sixty ranges in rates, the path that came, and the range that is still open."""
    name, title = scene.leader.family, f"The last {FAN_DAYS} days and the next, in rates"
    reason = _why_no_bounds(scene) or ("" if scene.series is not None else scene.untold.get("series", "no rates"))
    if reason:
        return no_figure("fan", title, reason)
    rows = scene.forecasts[name]
    last = slice(max(0, len(rows) - FAN_DAYS), None)
    opens, days = scene.close_at(rows.origins[last]), rows.target_dates[last]
    realised = scene.close_at(days)
    bounds = {
        side: opens * np.exp(rows.bounds[side][last]) for side in ("lower_80", "upper_80", "lower_95", "upper_95")
    }
    point = opens * np.exp(rows.forecast[last])
    if np.isfinite(realised).sum() < 2:
        return no_figure("fan", title, "the stored rates do not hold the days that were scored")
    inside = {coverage: int((~misses_of(rows.bounds, rows.actual, coverage)[last]).sum()) for coverage in ("80", "95")}
    missed = np.where(misses_of(rows.bounds, rows.actual, "95")[last], realised, np.nan)
    ahead = scene.next_day if scene.next_day is not None and scene.next_day.origin == days[-1].item() else None
    if ahead is not None:
        days = np.append(days, np.datetime64(ahead.target_date))
        bounds = {side: np.append(column, ahead.rates.get(side, np.nan)) for side, column in bounds.items()}
        point = np.append(point, ahead.forecast_rate)
        realised, missed = np.append(realised, np.nan), np.append(missed, np.nan)
    write, ink = (
        number(rate_digits(float(np.nanmax(realised)))),
        inks_of(r.family for r in scene.judgement.ranking)[name],
    )
    chart = line_chart(
        days,
        [Line("what came", realised, MAIN, dots=True), Line(f"{name}'s forecast", point, ink)],
        bands=[
            Band("95% range", bounds["lower_95"], bounds["upper_95"], ink),
            Band("80% range", bounds["lower_80"], bounds["upper_80"], ink, strong=True),
        ],
        dots=[Dots("outside the 95% range", missed, BAD)] if np.isfinite(missed).any() else [],
        write=write,
        unit=f"{scene.judgement.pair[3:]} for 1 {scene.judgement.pair[:3]}; each made at the close of the day before",
        axis=number(round_scale([bounds["lower_95"], bounds["upper_95"]]).digits),
        height=300,
        last=False,
    )
    n_days = len(rows.target_dates[last])
    table = Table(
        "Forecast made the day before, its ranges, and the rate that came",
        ["Day", "Forecast", "80% from", "to", "95% from", "to", "What came"],
        [
            [str(day), *(_rate(value, write) for value in values)]
            for day, *values in zip(days, point, *bounds.values(), realised, strict=True)
        ],
    )
    message = (
        f"Of these {n_days} days {inside['80']} ({SHARE(inside['80'] / n_days)}) ended inside the 80% range and "
        f"{inside['95']} ({SHARE(inside['95'] / n_days)}) inside the 95% range. The forecast itself hardly leaves "
        "the last rate; what the range says is how far the next one may go."
    )
    return figure("fan", title, f"{message} {_open_range(ahead)}".strip(), [chart], table)


def _rate(value: float, write: Write) -> str:
    return write(float(value)) if np.isfinite(value) else "to come"


def _open_range(ahead: NextDay | None) -> str:
    return "" if ahead is None else f"The last range, for {told_date(ahead.target_date)}, is still open."


def coverage_figure(scene: Scene) -> Markup:
    """Nominal against empirical coverage by year, and the density's at every coverage."""
    title = "Did the ranges keep their promise?"
    reason = _why_no_bounds(scene)
    if reason:
        return no_figure("coverage", title, reason)
    name = scene.leader.family
    rows = scene.forecasts[name]
    misses = {coverage: misses_of(rows.bounds, rows.actual, coverage) for coverage in ("80", "95")}
    overall = {coverage: 1.0 - float(missed.mean()) for coverage, missed in misses.items()}
    by_year = {
        coverage: coverage_by_year(rows.target_dates, missed, int(coverage) / 100, MIN_DAYS_A_YEAR)
        for coverage, missed in misses.items()
    }
    ink = inks_of(row.family for row in scene.judgement.ranking)[name]
    charts, said = [], _overall(scene, overall)
    if by_year["95"]:
        charts.append(_years_chart(by_year, ink))
        worst = {
            coverage: max(abs(share - int(coverage) / 100) for _, share in years.values())
            for coverage, years in by_year.items()
        }
        said += (
            f" In the worst calendar year coverage was {100 * worst['80']:.1f} points from 80% and "
            f"{100 * worst['95']:.1f} points from 95%."
        )
    left_out = sorted(set(map(str, years_of(rows.target_dates))) - set(map(str, by_year["95"])))
    if left_out:
        said += f" Not drawn, having fewer than {MIN_DAYS_A_YEAR} scored days: {', '.join(left_out)}."
    table = Table(
        f"Share of days that ended inside {name}'s ranges",
        ["Days of", "Days", "80% range", "95% range"],
        [
            *(
                [str(year), str(n), SHARE(by_year["80"][year][1]), SHARE(share)]
                for year, (n, share) in by_year["95"].items()
            ),
            ["all scored days", str(len(rows)), SHARE(overall["80"]), SHARE(overall["95"])],
        ],
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
        n_days = np.array([n for n, _ in by_year[coverage].values()], dtype=np.float64)
        share = np.array([covered for _, covered in by_year[coverage].values()])
        reach = REACH * np.sqrt(int(coverage) / 100 * (1 - int(coverage) / 100) / n_days)
        groups.append(
            Group(f"inside the {coverage}% range", share, colour, share - reach, np.minimum(share + reach, 1.0))
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
    ink = inks_of(row.family for row in scene.judgement.ranking)[scene.leader.family]
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
    return figure("density", title, message, [_levels_chart(found, ink), _pit_chart(found, ink)], table)


def _levels_chart(found: Calibration, ink: str) -> Markup:
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
    return histogram(
        found.edges,
        found.counts,
        name="days",
        ink=ink,
        expected=Rule(found.expected, "equal"),
        between=(found.expected - found.bar_reach, found.expected + found.bar_reach),
        between_name="chance",
        unit="Days, by the forecast probability of a return no higher than the one that came (PIT)",
        write_x=number(2),
        height=180,
    )


def _why_no_bounds(scene: Scene) -> str:
    name = scene.leader.family
    rows = scene.forecasts.get(name)
    if rows is None:
        return scene.untold.get(name, f"the forecasts of {name} are not here")
    needed = {f"{side}_{coverage}" for side in ("lower", "upper") for coverage in ("80", "95")}
    return "" if needed <= set(rows.bounds) else f"the run of {name} recorded no ranges"
