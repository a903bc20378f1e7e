"""The report of one championship: a page that is complete in itself."""

from __future__ import annotations

from typing import Any

from podium.records import NextDay, rate_digits
from podium.report.interval_figures import coverage_figure, density_figure, fan_figure, fan_of
from podium.report.marks import number
from podium.report.money import money
from podium.report.pages import content_policy, environment, script, style
from podium.report.scene import RANDOM_WALK, Holder, Scene, told_day
from podium.report.skill import skill_figure, years_figure
from podium.report.tables import comparisons, densities, intervals, share, standings, steps, told
from podium.report.verdict import badge, headline, reason, ties, to_act_on, to_check, way_to_newer_rates


def championship_page(scene: Scene) -> str:
    """The page as HTML with its style and script inside; it loads nothing from anywhere.

    Args:
        scene: what it shows.
    """
    template = environment().get_template("report.html")
    return template.render(
        scene=scene,
        judgement=scene.judgement,
        policy=content_policy(),
        style=style(),
        script=script(),
        headline=headline(scene),
        badge=badge(scene),
        tiles=tiles(scene),
        act=to_act_on(scene),
        check=to_check(scene),
        reason=reason(scene),
        steps=steps(scene),
        sheets={
            "standings": standings(scene),
            "comparisons": comparisons(scene),
            "intervals": intervals(scene),
            "densities": densities(scene),
        },
        ties=ties(scene),
        figures={
            "skill": skill_figure(scene),
            "years": years_figure(scene),
            "fan": fan_figure(fan_of(scene)),
            "coverage": coverage_figure(scene),
            "density": density_figure(scene),
        },
        money=money(scene),
        about=about(scene),
        age=age_days(scene),
        way_to_newer=way_to_newer_rates(scene.series),
    )


def tiles(scene: Scene) -> list[dict[str, str]]:
    """The few numbers on top."""
    leader, ahead = scene.leader, scene.next_day
    seen, needed = share(leader.skill.r2_oos, 2, sign=True), number(3)(scene.alpha_needed)
    found = [
        {
            "name": f"RMSE of {leader.family} over the {RANDOM_WALK}'s",
            "value": told(leader.skill.ratio_to_random_walk, 4),
            "note": _ratio_note(scene),
        },
        {
            "name": "Smallest true R² these days could find",
            "value": share(scene.judgement.minimum_detectable_r2),
            "note": f"at p {needed}, four times in five; seen: {seen}",
        },
        {
            "name": "Days inside the 95% interval",
            "value": share(leader.intervals.coverage_95 if leader.intervals else None),
            "note": f"of {scene.judgement.n_scored_days:,} scored days; kept by construction",
        },
    ]
    return found if ahead is None else [*found, next_day_tile(ahead)]


def next_day_tile(ahead: NextDay) -> dict[str, str]:
    """The interval of the next business day."""
    write, rates = number(rate_digits(ahead.close)), ahead.rates
    rise = f", rise {share(ahead.probability_of_rise, 0)} likely" if ahead.probability_of_rise is not None else ""
    return {
        "name": f"95% interval for {told_day(ahead.target_date)}",
        "value": f"{write(rates['lower_95'])} \u2013 {write(rates['upper_95'])}" if rates else "none",
        "note": f"last rate {write(ahead.close)}{rise}",
    }


def _ratio_note(scene: Scene) -> str:
    if scene.leader.family in scene.suspects:
        return "on paper: suspected of reading the future"
    if scene.leader.skill.ratio_to_random_walk is None:
        return "the rate never moved"
    return "equal: it forecasts no change" if scene.equals_walk else "below 1 is better"


def age_days(scene: Scene) -> int | None:
    """Calendar days from the last day of the data to the day the page is written."""
    return None if scene.next_day is None else scene.next_day.age_days(scene.written_at.date())


def about(scene: Scene) -> list[tuple[str, str]]:
    """Where the page comes from."""
    judgement = scene.judgement
    first, _, rest = judgement.scored_days.partition("..")
    found: list[tuple[str, Any]] = [
        ("Data version", str(judgement.data_version)),
        ("Scored days", f"{judgement.n_scored_days:,}, forecasts made from {first} to {rest.partition(':')[0]}"),
        ("Champion", f"{scene.champion[0]} v{scene.champion[1]}" if scene.champion[0] else "nobody"),
        ("Title since", title_since(scene.holder) or judgement.title_since or "not known"),
        ("Policy", f"{judgement.policy}, alpha {judgement.alpha:g}"),
        ("Championship", judgement.key or "no key"),
        ("Page written", scene.written_at.strftime("%Y-%m-%d %H:%M UTC")),
        ("With", ", ".join(f"{name} {version}" for name, version in scene.versions.items())),
    ]
    return [(name, str(value)) for name, value in found]


def title_since(holder: Holder | None) -> str:
    """The moment at which the title was given, with the data's day beside it; empty where that is not known."""
    if holder is None or holder.since is None:
        return ""
    day = f", on data up to {told_day(holder.data_day)}" if holder.data_day else ""
    return f"{told_day(holder.since.date())}, {holder.since:%H:%M} UTC{day}"
