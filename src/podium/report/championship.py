"""The report of one championship: a page that is complete in itself."""

from __future__ import annotations

from datetime import UTC, datetime

from podium.data.calendar import way_to_newer_rates
from podium.records import NextDay, rate_digits
from podium.report import interval_figures, money, skill, tables, verdict, weights
from podium.report.marks import number, percent
from podium.report.message import fragment, message
from podium.report.pages import environment
from podium.report.scene import RANDOM_WALK, Holder, Scene, told_day
from podium.report.tables import Tile


def championship_page(scene: Scene) -> str:
    """The page as HTML with its style and script inside; it loads nothing from anywhere.

    Args:
        scene: what it shows.
    """
    return (
        environment()
        .get_template("report.html")
        .render(
            scene=scene,
            verdict=verdict,
            tables=tables,
            skill=skill,
            weights=weights,
            intervals=interval_figures,
            money=money,
            tiles=tiles(scene),
            message=fragment(message(scene.next_day)) if scene.next_day and not scene.judgement.leaks else "",
            told_day=told_day,
            way_to_newer_rates=way_to_newer_rates,
            title_since=title_since(scene.holder),
        )
    )


def tiles(scene: Scene) -> list[Tile]:
    """The few numbers on top."""
    leader, n_days = scene.leader, f"{scene.judgement.n_scored_days:,}"
    seen, needed = percent(2, sign=True)(leader.skill.r2_oos), number(3)(scene.judgement.alpha_needed)
    error = number(4)(leader.skill.ratio_to_random_walk)
    least = percent(1)(scene.judgement.minimum_detectable_r2)
    inside = percent(1)(leader.intervals.coverage_95 if leader.intervals else None)
    return [
        Tile(f"RMSE of {leader.family} over the {RANDOM_WALK}'s", error, _ratio_note(scene)),
        Tile("Smallest true R² these days could find", least, f"at p {needed}, four times in five; seen: {seen}"),
        Tile("Days inside the 95% interval", inside, f"of {n_days} scored days; kept by construction"),
        *([next_day_tile(scene.next_day)] if scene.next_day else []),
    ]


def next_day_tile(ahead: NextDay) -> Tile:
    """The interval of the next business day."""
    write, rates = number(rate_digits(ahead.close)), ahead.rates
    rise = f", rise {percent(0)(ahead.probability_of_rise)} likely" if ahead.probability_of_rise is not None else ""
    between = f"{write(rates['lower_95'])} \u2013 {write(rates['upper_95'])}" if rates else "none"
    return Tile(f"95% interval for {told_day(ahead.target_date)}", between, f"last rate {write(ahead.close)}{rise}")


def _ratio_note(scene: Scene) -> str:
    if scene.leader.family in scene.suspects:
        return "on paper: suspected of reading the future"
    if scene.leader.skill.ratio_to_random_walk is None:
        return "the rate never moved"
    return "equal: it forecasts no change" if scene.equals_walk else "below 1 is better"


def title_since(holder: Holder | None) -> str:
    """The moment at which the title was given, with the data's day beside it; empty where that is not known."""
    taken = holder.taken if holder else None
    if taken is None:
        return ""
    since = datetime.fromisoformat(taken.at).astimezone(UTC)
    day = f", on data up to {told_day(taken.data_version.last_day)}" if taken.data_version else ""
    return f"{told_day(since.date())}, {since:%H:%M} UTC{day}"
