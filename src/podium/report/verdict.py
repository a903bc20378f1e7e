"""The verdict in words: for whoever acts on a forecast, and for whoever checks one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from podium.evaluate.density import kupiec
from podium.evaluate.economics import trade_the_sign
from podium.evaluate.outcome import Standing
from podium.report.marks import number, percent
from podium.report.scene import RANDOM_WALK, Scene, listed, rate_digits, told_date

TESTS: Final[Mapping[str, tuple[str, str]]] = {
    "dm_p": ("Diebold-Mariano", "is its squared error smaller than the random walk's?"),
    "clark_west_p": ("Clark-West", "does its model know anything, estimation noise allowed for?"),
    "pesaran_timmermann_p": ("Pesaran-Timmermann", "does it know the direction?"),
}
P_VALUE: Final = number(3)
BELIEF: Final = 0.05  # of Kupiec's test, below which a range has not kept its promise


def headline(scene: Scene) -> str:
    """One sentence on top of the page."""
    name, verdict = scene.leader.model_type, scene.outcome.verdict
    if verdict == "leak":
        return "Refused: a contestant is too good to be true"
    if verdict == "degraded":
        return "The champion until now has become worse than no forecast at all"
    if scene.absent:
        return f"{scene.absent} keeps the title without having taken part"
    if scene.proven:
        return f"{name} beats the random walk"
    if verdict == "unproven":
        return f"{name} leads, and its lead may be luck"
    return f"{name} holds the title; that it beats the random walk is not proven"


def to_act_on(scene: Scene) -> list[str]:
    """What a treasurer may believe: direction, range, tomorrow, money, and whether the choice of model matters."""
    return [*_direction(scene), *_range(scene), *_tomorrow(scene), *_money(scene), *_choice(scene)]


def _choice(scene: Scene) -> list[str]:
    tied = [row.model_type for row in scene.outcome.ranking if row.in_mcs]
    if len(tied) < 2 or scene.outcome.verdict == "leak":
        return []
    return [f"Which of {listed(tied)} forecasts is a matter of luck or taste so far: nothing tells their errors apart."]


def _direction(scene: Scene) -> list[str]:
    row = scene.leader
    if scene.outcome.verdict == "leak":
        return ["Do not use any of these forecasts until the leak below is explained."]
    accuracy = "" if row.directional_accuracy is None else (
        f" It named the right direction on {percent(1)(row.directional_accuracy)} of the days; a coin names half."
    )  # fmt: skip
    if scene.proven:
        skill = "" if row.r2_oos is None else f", {percent(2)(row.r2_oos)} of the variance"
        return [
            f"The expected change is worth something{skill}: real, and small beside what cannot be known.{accuracy}"
        ]
    return [f"Do not act on the direction: the expected change is not proven to be better than no change.{accuracy}"]


def _range(scene: Scene) -> list[str]:
    row, forecasts = scene.leader, scene.forecasts.get(scene.leader.model_type)
    if row.coverage_95 is None or row.coverage_80 is None or forecasts is None:
        return ["How far its ranges can be believed is not known: this run recorded none."]
    days = f"{scene.outcome.scored_days:,} days"
    inner, outer = percent(1)(row.coverage_80), percent(1)(row.coverage_95)
    seen = f"{outer} of {days} ended inside the 95% range and {inner} inside the 80% range"
    if {"lower_95", "upper_95"} <= set(forecasts.bounds):
        misses = (forecasts.actual < forecasts.bounds["lower_95"]) | (forecasts.actual > forecasts.bounds["upper_95"])
        test = kupiec(misses, 0.95)
        if test.p_value is not None and test.p_value < BELIEF:
            side = "narrow" if row.coverage_95 < 0.95 else "wide"
            return [f"The range was too {side}: {seen}."]
    return [f"The range can be believed: {seen}."]


def _tomorrow(scene: Scene) -> list[str]:
    ahead = scene.tomorrow
    if ahead is None:
        return [f"There is no range for the next business day: {scene.untold.get('tomorrow', 'it was not asked for')}."]
    write = number(rate_digits(ahead.close))
    line = (
        f"For {told_date(ahead.target_date)} it runs from {write(ahead.lower_95)} to {write(ahead.upper_95)} "
        f"(19 days of 20), and from {write(ahead.lower_80)} to {write(ahead.upper_80)} (4 days of 5), "
        f"around a last rate of {write(ahead.close)}."
    )
    return [line]


def _money(scene: Scene) -> list[str]:
    forecasts = scene.forecasts.get(scene.leader.model_type)
    if forecasts is None:
        return []
    result = trade_the_sign(forecasts.actual, forecasts.forecast, scene.cost_bps)
    sharpe = result.sign.sharpe
    a_year = percent(1, sign=True)(result.sign.annual_return)
    cost = f"{scene.cost_bps:g} basis point{'' if scene.cost_bps == 1 else 's'}"
    earned = f"Trading its sign at a cost of {cost} would have returned {a_year} a year"
    if sharpe.ratio is None or sharpe.lower is None or sharpe.upper is None:
        return [f"{earned}; there is no Sharpe ratio, because {sharpe.reason}."]
    write = number(2)
    told = (
        f"Sharpe ratio {write(sharpe.ratio)}; anything from {write(sharpe.lower)} to {write(sharpe.upper)} is possible"
    )
    verdict = "cannot" if sharpe.lower <= 0 <= sharpe.upper else "can"
    return [f"{earned} ({told}): it {verdict} be told from earning nothing."]


def to_check(scene: Scene) -> list[str]:
    """Which test said what, for a data scientist."""
    row = scene.leader
    lines = [_test(scene, row, field) for field in TESTS]
    return [*lines, ties(scene), _power(scene), *_density(row), _persistence(scene)]


def _test(scene: Scene, row: Standing, field: str) -> str:
    name, question = TESTS[field]
    p_value: float | None = getattr(row, field)
    if p_value is None:
        return f"{name}, {question} Not computed: {row.untested.get(field, 'no reason was recorded')}."
    needed = scene.level_needed
    says = "yes" if p_value <= needed else "not shown"
    shared = f" ({scene.outcome.level:g} shared by {len(scene.outcome.ranking)} contestants)" if field == "dm_p" else ""
    return f"{name}, {question} {says[0].upper()}{says[1:]}: p {P_VALUE(p_value)}, {P_VALUE(needed)} needed{shared}."


def ties(scene: Scene) -> str:
    """Who may be the best of all."""
    outcome = scene.outcome
    if outcome.random_walk_in_mcs is None:
        return f"Who may be the best of all is not computed: {no_confidence_set(scene)}."
    members = [row.model_type for row in outcome.ranking if row.in_mcs]
    members += [f"the {RANDOM_WALK}"] if outcome.random_walk_in_mcs else []
    if len(members) == 1:
        return f"The 90% model confidence set holds {members[0]} alone."
    return (
        f"The 90% model confidence set holds {listed(members)}: a tie of {len(members)}, any of which may be the best."
    )


def no_confidence_set(scene: Scene) -> str:
    """Why there is none; asked again, because it ends before any bootstrap."""
    from podium.evaluate.significance import model_confidence_set

    losses = {name: (rows.actual - rows.forecast) ** 2 for name, rows in scene.forecasts.items()}
    first = next(iter(scene.forecasts.values()), None)
    if first is None:
        return "no contestant's forecasts are here"
    return model_confidence_set({RANDOM_WALK: first.actual**2, **losses}).reason or "no reason was recorded"


def _power(scene: Scene) -> str:
    outcome, r2 = scene.outcome, scene.leader.r2_oos
    if outcome.minimum_detectable_r2 is None:
        return f"{outcome.scored_days:,} days are too few to find any skill in four cases of five."
    least = percent(1)(outcome.minimum_detectable_r2)
    found = f"{outcome.scored_days:,} days find a true R² of {least} in four cases of five"
    if r2 is None or r2 >= outcome.minimum_detectable_r2:
        return f"{found}; smaller skill mostly looks like none."
    return f"{found}; the {percent(2)(r2)} seen here is less, so that not proven does not mean absent."


def _density(row: Standing) -> list[str]:
    if row.crps is None or row.crps_skill is None:
        return []
    t = "" if row.crps_skill_t is None else f", t {number(1)(row.crps_skill_t)}"
    line = (
        f"CRPS {number(6)(row.crps)}, {percent(2, sign=True)(row.crps_skill)} skill over constant volatility{t} "
        f"(volatility believed for the next day: {row.volatility_model or 'not recorded'})."
    )
    return [line]


def _persistence(scene: Scene) -> str:
    theirs, ours = scene.outcome.baselines.get("persistence", {}).get("rmse"), scene.leader.rmse
    if theirs is None:
        return "Persistence was not scored."
    beats = "beats" if ours < theirs else "does not beat"
    return (
        f"It {beats} persistence (RMSE {number(6)(theirs)}), which says little: for returns without memory "
        "persistence has √2 times the error of the random walk."
    )


def places(scene: Scene) -> list[str]:
    """The place of each contestant in rank order; those that may be the best share the first."""
    ranking = scene.outcome.ranking
    n_members = sum(bool(row.in_mcs) for row in ranking) + bool(scene.outcome.random_walk_in_mcs)
    tied = "1=" if n_members > 1 else "1"
    return [tied if row.in_mcs else str(number_) for number_, row in enumerate(ranking, start=1)]


def misses_of(bounds: Mapping[str, np.ndarray], actual: np.ndarray, level: str) -> np.ndarray:
    """Whether each outcome lay outside its range, shape (n_days,)."""
    return np.asarray((actual < bounds[f"lower_{level}"]) | (actual > bounds[f"upper_{level}"]))
