"""The tables of the pages, in words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

from markupsafe import Markup

from podium.evaluate import baselines
from podium.evaluate.conformal import STATES
from podium.evaluate.evidence import Comparison
from podium.evaluate.interval_scores import IntervalScores
from podium.evaluate.judgement import Standing
from podium.evaluate.significance import TESTS
from podium.report.belief import SIDES
from podium.report.marks import MISSING, number, percent
from podium.report.scene import RANDOM_WALK, Scene
from podium.report.verdict import places

DASH: Final = "\u2013"
SQUARED_BASIS_POINT: Final = 1e-8
INTERVAL_TESTS: Final = {
    "kupiec_p": "Kupiec p",
    "independence_p": "Independence p",
    "christoffersen_p": "Christoffersen p",
    "dq_p": "DQ p",
}


class Tile(NamedTuple):
    """One of the few numbers on top of a page, in words."""

    name: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A line of a table.

    Attributes:
        title: its heading.
        cells: the others, left to right.
        ink: colour of the dot before the title; empty for none.
        subs: small words below the title.
    """

    title: str | Markup
    cells: Sequence[str]
    ink: str = ""
    subs: Sequence[str | Markup] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of a page; on a phone each line is a card.

    Attributes:
        caption: what it shows.
        head: headings, the first above the rows' titles.
        rows: lines.
        notes: below it, such as why a number is missing.
        sentences: headings of columns that hold words.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[SheetRow]
    notes: Sequence[str] = ()
    sentences: Sequence[str] = ()


def ranked(scene: Scene) -> list[tuple[Standing | None, str]]:
    """Contestants by RMSE with their places, and the random walk, which is None, among them where it was scored."""
    found: list[tuple[Standing | None, str]] = [*zip(scene.judgement.ranking, places(scene), strict=True)]
    walk = scene.judgement.baselines.get("random_walk", {}).get("rmse")
    if walk is not None:
        inside = scene.judgement.random_walk_in_mcs
        tied = inside and any(row.skill.in_mcs for row in scene.judgement.ranking)
        # behind a contestant with the same error, which the random walk then is
        at = sum(row.skill.rmse <= walk for row in scene.judgement.ranking)
        found.insert(at, (None, "1=" if tied else "1" if inside else DASH))
    return found


STANDINGS: Final = (
    "Contestant", "Place", "RMSE", "to random walk", "R\u00b2", "MAE", "Direction", "DM p", "CW p", "PT p",
    "Best of all?", "in 95% interval",
)  # fmt: skip


def standings(scene: Scene, about: Callable[[Standing], Sequence[str | Markup]] | None = None) -> Sheet:
    """Every contestant and the random walk, by RMSE.

    Args:
        scene: what the page shows.
        about: small words below a name; its alias, model and version if not given.
    """
    about = about or partial(_about, scene)
    walk = scene.judgement.baselines.get("random_walk", {})
    errors = number(6)(walk.get("rmse")), number(4)(1.0), percent(2)(0.0), number(6)(walk.get("mae"))
    unasked = *[DASH] * 4, _best(scene.judgement.random_walk_in_mcs), DASH
    rows = [
        SheetRow(row.family, (place, *_figures(row)), scene.inks[row.family], about(row))
        if row
        else SheetRow(RANDOM_WALK, (place, *errors, *unasked), "walk", ("forecast: no change",))
        for row, place in ranked(scene)
    ]
    needed = number(3)(scene.judgement.alpha_needed)
    caption = (
        f"By RMSE on the {scene.judgement.n_scored_days:,} scored days, which no model had seen. p-values are "
        f"one-sided, against the random walk; {needed} is needed, {scene.judgement.alpha:g} shared by "
        f"{scene.judgement.recipes_tried} recipes tried."
    )
    return Sheet(caption, STANDINGS, rows, _untested(scene))


def _about(scene: Scene, row: Standing) -> list[str]:
    alias, named = scene.alias_of(row), f"{row.model_name} v{row.model_version}"
    return [f"@{alias}", named] if alias else [named]


def _figures(row: Standing) -> tuple[str, ...]:
    skill = row.skill
    return (
        number(6)(skill.rmse),
        number(4)(skill.ratio_to_random_walk),
        percent(2, sign=True)(skill.r2_oos),
        number(6)(skill.mae),
        percent(1)(skill.directional_accuracy),
        *(number(3)(test.p_value) for test in skill.tests.values()),
        _best(skill.in_mcs),
        percent(1)(row.intervals.coverage_95 if row.intervals else None),
    )


def _best(inside: bool | None) -> str:
    return MISSING if inside is None else "may be" if inside else "no"


def intervals(scene: Scene) -> Sheet:
    """Both intervals of every contestant."""
    columns = ("width", "winkler", "quantile_loss")
    rows = [
        SheetRow(
            row.family,
            [
                percent(1)(getattr(row.intervals, f"coverage_{side}", None)),
                _by_volatility(row.intervals, side),
                *(percent(3)(getattr(row.intervals, f"{name}_{side}", None)) for name in columns),
                *(number(3)(getattr(row.intervals, f"{test}_{side}", None)) for test in INTERVAL_TESTS),
            ],
            scene.inks[row.family],
            [f"{side}% interval"],
        )
        for row in scene.judgement.ranking
        for side in SIDES
    ]
    names = {
        f"{test}_{side}": f"{name.removesuffix(' p')} at {side}%"
        for side in SIDES
        for test, name in INTERVAL_TESTS.items()
    }
    names["crps_skill_t"] = "t"
    notes = [
        line for row in scene.judgement.ranking if row.intervals for line in _reasons(row, names, row.intervals.notes)
    ]
    head = (
        "Contestant", "Inside", "Calm, middle, violent", "Mean width", "Winkler", "Quantile loss",
        *INTERVAL_TESTS.values(),
    )  # fmt: skip
    return Sheet("The intervals of all contestants; of two the better has the lower Winkler score.", head, rows, notes)


def densities(scene: Scene) -> Sheet:
    """The density of every contestant."""
    rows = []
    for row in scene.judgement.ranking:
        if found := row.intervals:
            skill = percent(2, sign=True)(found.crps_skill), number(1)(found.crps_skill_t)
            cells = (number(6)(found.crps), *skill, found.volatility_model)
            rows.append(SheetRow(row.family, cells, scene.inks[row.family]))
    return Sheet("The distributions behind them.", ("Contestant", "CRPS", "CRPS skill", "t", "Volatility model"), rows)


def _by_volatility(found: IntervalScores | None, side: str) -> str:
    shares = found.by_volatility if found else {}
    told_of = [percent(1)(shares[f"{state}_{side}"]) for state in STATES if f"{state}_{side}" in shares]
    return ", ".join(told_of) or MISSING


def volatility_league(scene: Scene) -> Sheet | None:
    """Every volatility model by itself around the leader's forecasts; None where none was recorded."""
    found = scene.leader.intervals
    if found is None or not found.league:
        return None
    skills = {**found.league, found.volatility_model: found.crps_skill}
    rows = [
        SheetRow(name, [percent(2, sign=True)(skill)])
        for name, skill in sorted(skills.items(), key=lambda row: -row[1])
    ]
    return Sheet(
        f"How each volatility model would have done behind {scene.leader.family}; {found.volatility_model} is the mean "
        "of the logarithms of all but the constant one.",
        ("Volatility model", "CRPS skill"),
        rows,
    )


def comparisons(scene: Scene) -> Sheet | None:
    """The champion before this championship against every rival since its title; None where nobody held it."""
    found = scene.judgement.comparisons
    if not found:
        return None
    return Sheet(
        f"{found[0].champion}, champion before this championship, against each rival over the days since its title.",
        ("Rival", "Days", "Difference", "Lower bound", "p", "Alpha", "Says"),
        [_comparison(item, scene.inks.get(item.rival, "walk")) for item in found],
        sentences=("Says",),
    )


def _comparison(item: Comparison, ink: str) -> SheetRow:
    cells = (
        f"{item.n_days:,}",
        _signed(item.mean_difference),
        _signed(item.lower),
        number(3)(item.p_value),
        f"{item.alpha:.3g}",
        item.reason or ("better beyond doubt" if item.decisive else "not proven better"),
    )
    return SheetRow(RANDOM_WALK if item.rival == baselines.RANDOM_WALK else item.rival, cells, ink)


def _signed(value: float | None) -> str:
    return MISSING if value is None else number(2, sign=True)(value / SQUARED_BASIS_POINT)


def _untested(scene: Scene) -> list[str]:
    """Why a test against the random walk is missing, a line each reason."""
    return [
        line
        for row in scene.judgement.ranking
        for line in _reasons(row, TESTS, {name: test.reason for name, test in row.skill.tests.items()})
    ]


def _reasons(row: Standing, names: Mapping[str, str], why: Mapping[str, str]) -> list[str]:
    by_reason: dict[str, list[str]] = {}
    for field, name in names.items():
        if why.get(field):
            by_reason.setdefault(why[field], []).append(name)
    return [f"{row.family}, {', '.join(tests)}: {reason}." for reason, tests in by_reason.items()]
