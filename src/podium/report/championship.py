"""The report of one championship: a page that is complete in itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from podium.evaluate.judgement import Standing
from podium.records import rate_digits
from podium.report.charts import number, percent
from podium.report.money import money
from podium.report.pages import content_policy, environment, script, style
from podium.report.ranges import coverage_figure, density_figure, fan_figure, fan_of
from podium.report.scene import RANDOM_WALK, Scene, told_day
from podium.report.skill import skill_figure, years_figure
from podium.report.tables import (
    MISSING,
    RANGE_TESTS,
    before,
    comparison_rows,
    density_rows,
    range_rows,
    share,
    told,
    untested,
    untested_ranges,
)
from podium.report.verdict import TESTS, badge, headline, places, ties, to_act_on, to_check, way_to_newer_rates


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the ranking, in words.

    Attributes:
        place: `1=` where it is shared.
        name: of the contestant.
        parts: of the name, between which a narrow screen may break it.
        ink: colour.
        alias: title that it holds; empty for none.
        model: registered model and version.
        rmse: of the log return.
        ratio: to the random walk's RMSE.
        r2: out of sample.
        mae: of the log return.
        direction: share of days.
        p_values: of the three tests, in order.
        best: whether it may be the best of all.
        top: the same, for the drawing.
    """

    place: str
    name: str
    parts: tuple[str, ...]
    ink: str
    alias: str
    model: str
    rmse: str
    ratio: str
    r2: str
    mae: str
    direction: str
    p_values: tuple[str, ...]
    best: str
    top: bool


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
        rows=ranking(scene),
        tests=[name for name, _ in TESTS.values()],
        initials=["".join(word[0] for word in name.split("-")) for name, _ in TESTS.values()],
        ties=ties(scene),
        untested=untested(scene),
        figures={
            "skill": skill_figure(scene),
            "years": years_figure(scene),
            "fan": fan_figure(fan_of(scene)),
            "coverage": coverage_figure(scene),
            "density": density_figure(scene),
        },
        ranges=range_rows(scene),
        range_tests=list(RANGE_TESTS.values()),
        untested_ranges=untested_ranges(scene),
        densities=density_rows(scene),
        comparisons=comparison_rows(scene),
        incumbent=before(scene.judgement.comparisons),
        money=money(scene),
        about=about(scene),
        age=age_days(scene),
        way_to_newer=way_to_newer_rates(scene.series),
    )


def ranking(scene: Scene) -> list[Row]:
    """Every contestant and the random walk, by RMSE."""
    inks = scene.inks
    rows = [
        (standing.skill.rmse, _row(standing, place, inks[standing.family]))
        for standing, place in zip(scene.judgement.ranking, places(scene), strict=True)
    ]
    walk = scene.judgement.baselines.get("random_walk", {})
    if "rmse" in walk:
        # behind a contestant with the same error, which the random walk then is
        at = sum(rmse <= walk["rmse"] for rmse, _ in rows)
        rows.insert(at, (walk["rmse"], _walk_row(scene, at, walk["rmse"], walk.get("mae"))))
    return [row for _, row in rows]


def _row(standing: Standing, place: str, ink: str) -> Row:
    return Row(
        place=place,
        name=standing.family,
        parts=tuple(re.findall(r"[A-Z]*[^A-Z]+|[A-Z]+", standing.family)),
        ink=ink,
        alias=standing.alias or "",
        model=f"{standing.model_name} v{standing.model_version}",
        rmse=number(6)(standing.skill.rmse),
        ratio=told(standing.skill.ratio_to_random_walk, 4),
        r2=share(standing.skill.r2_oos, 2, sign=True),
        mae=number(6)(standing.skill.mae),
        direction=share(standing.skill.directional_accuracy),
        p_values=tuple(told(test.p_value, 3) for test in standing.skill.tests.values()),
        best=_best(standing.skill.in_mcs),
        top=standing.skill.in_mcs is not False,
    )


def _walk_row(scene: Scene, at: int, rmse: float, mae: float | None) -> Row:
    inside = scene.judgement.random_walk_in_mcs
    tied = inside and any(row.skill.in_mcs for row in scene.judgement.ranking)
    return Row(
        place="1=" if tied else "1" if inside else "\u2013",
        name=RANDOM_WALK,
        parts=(RANDOM_WALK,),
        ink="walk",
        alias="",
        model="forecast: no change",
        rmse=number(6)(rmse),
        ratio=number(4)(1.0),
        r2=percent(2)(0.0),
        mae=told(mae, 6),
        direction="\u2013",
        p_values=("\u2013",) * len(TESTS),
        best=_best(inside),
        top=inside is not False,
    )


def _best(inside: bool | None) -> str:
    return MISSING if inside is None else "may be" if inside else "no"


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
            "name": "Days inside the 95% range",
            "value": share(leader.intervals.coverage_95 if leader.intervals else None),
            "note": f"of {scene.judgement.n_scored_days:,} scored days; kept by construction",
        },
    ]
    if ahead is not None and ahead.interval is not None:
        write, rates = number(rate_digits(ahead.close)), ahead.rates
        found.append(
            {
                "name": f"95% range for {told_day(ahead.target_date)}",
                "value": f"{write(rates['lower_95'])} \u2013 {write(rates['upper_95'])}",
                "note": f"last rate {write(ahead.close)}, rise {share(ahead.probability_of_rise, 0)} likely",
            }
        )
    return found


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
        ("Champion", f"{judgement.champion} v{judgement.champion_version}" if judgement.champion else "nobody"),
        ("Title since", judgement.title_since or "not known"),
        ("Policy", f"{judgement.policy}, alpha {judgement.alpha:g}"),
        ("Championship", judgement.key or "no key"),
        ("Page written", scene.written_at.strftime("%Y-%m-%d %H:%M UTC")),
        ("With", ", ".join(f"{name} {version}" for name, version in scene.versions.items())),
    ]
    return [(name, str(value)) for name, value in found]
