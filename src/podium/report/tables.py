"""Rows of the page's tables on ranges and on the days since the title, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from podium.evaluate import baselines
from podium.evaluate.evidence import Comparison
from podium.evaluate.judgement import Standing
from podium.report.marks import number, percent
from podium.report.scene import RANDOM_WALK, Scene
from podium.report.trust import SIDES
from podium.report.verdict import TESTS

MISSING: Final = "none"
SQUARED_BASIS_POINT: Final = 1e-8
RANGE_TESTS: Final = {
    "kupiec_p": "Kupiec",
    "independence_p": "independence",
    "christoffersen_p": "Christoffersen",
}


@dataclass(frozen=True, slots=True)
class RangeRow:
    """One range of a contestant.

    Attributes:
        name: of the contestant.
        ink: colour.
        coverage: `80% range`.
        inside: share of the scored days.
        width: mean width, in log returns as a percentage.
        winkler: mean interval score, in the same unit.
        p_values: of Kupiec, independence, Christoffersen.
    """

    name: str
    ink: str
    coverage: str
    inside: str
    width: str
    winkler: str
    p_values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DensityRow:
    """The density of a contestant.

    Attributes:
        name: of the contestant.
        ink: colour.
        crps: in log returns.
        skill: over constant volatility.
        t: of that skill.
        volatility_model: behind the next day's range.
    """

    name: str
    ink: str
    crps: str
    skill: str
    t: str
    volatility_model: str


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """The champion against one rival since its title.

    Attributes:
        rival: its name.
        ink: colour.
        n_days: on which both made a forecast.
        difference: mean of the champion's squared error less the rival's, in squared basis points.
        lower: its lower bound.
        p_value: anytime-valid.
        alpha: that it must not exceed.
        says: the answer, or why there is none.
    """

    rival: str
    ink: str
    n_days: str
    difference: str
    lower: str
    p_value: str
    alpha: str
    says: str


def told(value: float | None, digits: int) -> str:
    """A number, or `none`."""
    return MISSING if value is None else number(digits)(value)


def share(value: float | None, digits: int = 1, sign: bool = False) -> str:
    """A share, or `none`."""
    return MISSING if value is None else percent(digits, sign)(value)


def range_rows(scene: Scene) -> list[RangeRow]:
    """Both ranges of every contestant."""
    inks = scene.inks
    return [
        RangeRow(
            name=row.family,
            ink=inks[row.family],
            coverage=f"{coverage}% range",
            inside=share(getattr(row.intervals, f"coverage_{coverage}", None)),
            width=share(getattr(row.intervals, f"width_{coverage}", None), 3),
            winkler=share(getattr(row.intervals, f"winkler_{coverage}", None), 3),
            p_values=tuple(told(getattr(row.intervals, f"{test}_{coverage}", None), 3) for test in RANGE_TESTS),
        )
        for row in scene.judgement.ranking
        for coverage in SIDES
    ]


def density_rows(scene: Scene) -> list[DensityRow]:
    """The density of every contestant."""
    inks = scene.inks
    return [
        DensityRow(
            name=row.family,
            ink=inks[row.family],
            crps=told(row.intervals.crps, 6),
            skill=share(row.intervals.crps_skill, 2, sign=True),
            t=told(row.intervals.crps_skill_t, 1),
            volatility_model=row.intervals.volatility_model,
        )
        for row in scene.judgement.ranking
        if row.intervals
    ]


def untested(scene: Scene) -> list[str]:
    """Why a test against the random walk is missing, a line each reason."""
    names = {name: told for name, (told, _) in TESTS.items()}
    return [
        line
        for row in scene.judgement.ranking
        for line in _reasons(row, names, {name: test.reason for name, test in row.skill.tests.items()})
    ]


def untested_ranges(scene: Scene) -> list[str]:
    """Why a test of the ranges is missing, a line each reason."""
    names = {f"{test}_{coverage}": f"{name} at {coverage}%" for coverage in SIDES for test, name in RANGE_TESTS.items()}
    names["crps_skill_t"] = "t"
    return [
        line for row in scene.judgement.ranking if row.intervals for line in _reasons(row, names, row.intervals.notes)
    ]


def _reasons(row: Standing, names: Mapping[str, str], why: Mapping[str, str]) -> list[str]:
    by_reason: dict[str, list[str]] = {}
    for field, name in names.items():
        if why.get(field):
            by_reason.setdefault(why[field], []).append(name)
    return [f"{row.family}, {', '.join(tests)}: {reason}" for reason, tests in by_reason.items()]


def comparison_rows(scene: Scene) -> list[ComparisonRow]:
    """The champion before this championship against every rival, the random walk last as it was compared."""
    inks = scene.inks
    return [_comparison(item, inks.get(item.rival, "walk")) for item in scene.judgement.comparisons]


def _comparison(item: Comparison, ink: str) -> ComparisonRow:
    scale = SQUARED_BASIS_POINT
    return ComparisonRow(
        rival=RANDOM_WALK if item.rival == baselines.RANDOM_WALK else item.rival,
        ink=ink,
        n_days=f"{item.n_days:,}",
        difference=_signed(item.mean_difference, scale),
        lower=_signed(item.lower, scale),
        p_value=told(item.p_value, 3),
        alpha=f"{item.alpha:.3g}",
        says=item.reason or ("better beyond doubt" if item.decisive else "not proven better"),
    )


def _signed(value: float | None, scale: float) -> str:
    return MISSING if value is None else number(2, sign=True)(value / scale)


def before(comparisons: Sequence[Comparison]) -> str:
    """Who held the title before this championship; empty without a comparison."""
    return comparisons[0].champion if comparisons else ""
