"""Figures of skill against the random walk: where it was gained and lost, and year by year."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from markupsafe import Markup

from podium.evaluate.fluctuation import BAND, moving_lead
from podium.records import Dates, Floats, Forecasts
from podium.report.charts import bar_chart, figure, line_chart, no_figure
from podium.report.marks import Dots, Line, Rule, Table, Write, number, percent
from podium.report.scene import RANDOM_WALK, Scene, listed, told_day
from podium.report.verdict import over_time

SKILL_TITLE: Final = "Where skill was gained and lost"
SHARE: Final = percent(2, sign=True)
RATIO: Final = number(4)
ERRORS: Final = number(2)
WINDOWS: Final = (
    "Each point is a window of three tenths of the scored days. Where nobody is better at any time, a curve leaves the "
    "band between the two rules in one case of twenty (Giacomini and Rossi 2010)."
)
POINTS: Final = 400  # of a curve: more than a screen can tell apart, and each costs bytes on every page
MIN_DAYS_A_YEAR: Final = 20  # a ratio of RMSEs over fewer days says nothing


def cumulative_skill(rows: Forecasts) -> Floats | None:
    """Squared error saved so far, as a share of the random walk's over all scored days, shape (n_scored,).

    The sum of y² - (y - f)² up to each day over the sum of y² of all days (Goyal and Welch 2008); it ends at the
    out-of-sample R². None for a series that never moves.
    """
    total = float(np.sum(rows.actual**2))
    return None if total == 0 else np.cumsum(rows.actual**2 - (rows.actual - rows.forecast) ** 2) / total


def skill_figure(scene: Scene) -> Markup:
    """Cumulative squared-error difference against the random walk, for all contestants."""
    title = SKILL_TITLE
    curves = {name: cumulative_skill(scene.forecasts[name]) for name in scene.names}
    known = {name: curve for name, curve in curves.items() if curve is not None and len(curve) > 1}
    if not known:
        return no_figure("skill", title, _why_not(scene))
    days = scene.forecasts[next(iter(known))].target_dates
    rows = thinned(len(days))
    chart = line_chart(
        days[rows],
        [Line(name, curve[rows], scene.inks[name]) for name, curve in known.items()],
        rules=[Rule(0.0, RANDOM_WALK)],
        write=SHARE,
        unit="Squared error saved since the first scored day, as a share of the random walk's",
    )
    caption = "Squared error saved up to the last day of each quarter, as a share of the random walk's"
    table = table_of(caption, days, known, quarters_of(days), SHARE)
    return figure("skill", title, _skill_message(scene, known, days), [chart], table)


def fluctuation_figure(scene: Scene) -> Markup:
    """The lead over the random walk in a window that moves through the scored days, with the band of chance."""
    leads = {name: moving_lead(rows.actual, rows.forecast) for name, rows in scene.forecasts.items()}
    known = {name: lead for name, lead in leads.items() if lead is not None}
    title = "Ahead for a time, or by chance"
    if not known:
        return no_figure("fluctuation", title, _why_not(scene) if not leads else "too few days, or no forecast moves")
    name, lead = next(iter(known.items()))
    days = scene.forecasts[name].target_dates[-len(lead) :]
    rows = thinned(len(days))
    chart = line_chart(
        days[rows],
        [Line(name, lead[rows], scene.inks[name]) for name, lead in known.items()],
        rules=[Rule(BAND, "ahead beyond chance"), Rule(-BAND, "behind beyond chance")],
        write=ERRORS,
        unit=f"Lead over the {RANDOM_WALK} in the days up to here, in standard errors",
    )
    table = table_of("Lead over the random walk, in standard errors", days, known, quarters_of(days), ERRORS)
    return figure("fluctuation", title, " ".join([WINDOWS, *over_time(scene)]), [chart], table)


def thinned(n_days: int) -> np.ndarray:
    """Rows of a curve that are drawn, first and last among them."""
    return np.unique(np.linspace(0, n_days - 1, POINTS).astype(int))


def _skill_message(scene: Scene, curves: dict[str, Floats], days: np.ndarray) -> str:
    name = scene.leader.family if scene.leader.family in curves else next(iter(curves))
    curve = curves[name]
    top, bottom = int(np.argmax(curve)), int(np.argmin(curve))
    ends = listed([f"{other} at {SHARE(float(curves[other][-1]))}" for other in curves])
    return (
        f"Rising means better than the {RANDOM_WALK}, falling means worse; the end of each curve is its out-of-sample "
        f"R²: {ends}. {name} stood highest at {SHARE(float(curve[top]))} on {told_day(days[top])} and lowest at "
        f"{SHARE(float(curve[bottom]))} on {told_day(days[bottom])}."
    )


def table_of(
    caption: str, days: Dates, curves: Mapping[str, Floats], periods: np.ndarray, write: Write, *, head: str = "Up to"
) -> Table:
    """The values of curves on the last day of each period; all of shape (n_days,)."""
    ends = np.append(np.flatnonzero(np.diff(periods)), len(days) - 1)
    rows = [[str(days[row]), *(write(float(curve[row])) for curve in curves.values())] for row in ends]
    return Table(caption, [head, *curves], rows)


def quarters_of(days: np.ndarray) -> np.ndarray:
    """Quarters since 1970 up to each day."""
    return np.asarray(days.astype("datetime64[M]").astype(int) // 3)


def years_of(days: np.ndarray) -> np.ndarray:
    """Calendar year of each day."""
    return np.asarray(days.astype("datetime64[Y]").astype(int) + 1970)


def ratio_by_year(rows: Forecasts) -> dict[int, tuple[int, float | None]]:
    """Days and RMSE over the random walk's in each calendar year of outcomes; None where that cannot be said."""
    found: dict[int, tuple[int, float | None]] = {}
    years = years_of(rows.target_dates)
    for year in np.unique(years):
        inside = years == year
        actual, error = rows.actual[inside], rows.actual[inside] - rows.forecast[inside]
        walk = float(np.sqrt(np.mean(actual**2)))
        enough = len(actual) >= MIN_DAYS_A_YEAR and walk > 0
        found[int(year)] = (len(actual), float(np.sqrt(np.mean(error**2))) / walk if enough else None)
    return found


def years_figure(scene: Scene) -> Markup:
    """RMSE by year as a ratio to the random walk's."""
    title = "Error by year, beside the random walk's"
    if not scene.names:
        return no_figure("years", title, _why_not(scene))
    found = {name: ratio_by_year(scene.forecasts[name]) for name in scene.names}
    years = next(iter(found.values()))
    groups = [
        Dots(name, np.array([np.nan if ratio is None else ratio for _, ratio in by_year.values()]), scene.inks[name])
        for name, by_year in found.items()
    ]
    if not any(np.isfinite(group.values).any() for group in groups):
        return no_figure("years", title, f"no calendar year has {MIN_DAYS_A_YEAR} scored days in which the rate moved")
    chart = bar_chart(
        [str(year) for year in years],
        groups,
        base=1.0,
        rules=[Rule(1.0, RANDOM_WALK)],
        write=RATIO,
        unit="RMSE over the random walk's; below 1 is better",
    )
    table = Table(
        "RMSE over the random walk's, by calendar year of the day that was forecast",
        ["Year", "Days", *found],
        [
            [str(year), str(n_days), *(_ratio(by_year[year][1]) for by_year in found.values())]
            for year, (n_days, _) in years.items()
        ],
    )
    return figure("years", title, _years_message(found), [chart], table)


def _ratio(value: float | None) -> str:
    return f"fewer than {MIN_DAYS_A_YEAR} days, or no move" if value is None else RATIO(value)


def _years_message(found: dict[str, dict[int, tuple[int, float | None]]]) -> str:
    said = []
    for name, by_year in found.items():
        ratios = [ratio for _, ratio in by_year.values() if ratio is not None]
        said.append(f"{name} in {sum(ratio < 1 for ratio in ratios)} of {len(ratios)}")
    low = min(ratio for years in found.values() for _, ratio in years.values() if ratio is not None)
    high = max(ratio for years in found.values() for _, ratio in years.values() if ratio is not None)
    return (
        f"Years with a smaller error than the {RANDOM_WALK}: {listed(said)}. The ratios lie between {RATIO(low)} and "
        f"{RATIO(high)}. This describes the years and tests nothing: a single year is too short for that."
    )


def _why_not(scene: Scene) -> str:
    reasons = [f"{name}: {reason}" for name, reason in scene.untold.items() if name not in {"series", "next_day"}]
    return "; ".join(reasons) or "the rate never moved on the scored days"
