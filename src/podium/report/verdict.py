"""The verdict in words: for whoever acts on a forecast, and for whoever checks one. Pure."""

from __future__ import annotations

from typing import Final

from podium.evaluate.economics import trade_the_sign
from podium.evaluate.evidence import patience
from podium.evaluate.judgement import Standing
from podium.evaluate.significance import TESTS, who_may_be_best
from podium.records import ModelName, NextDay, rate_digits
from podium.report.belief import interval_evidence, told_interval
from podium.report.marks import number, percent
from podium.report.scene import RANDOM_WALK, Scene, listed, told_day

QUESTIONS: Final = {
    "diebold_mariano": "is its squared error smaller than the random walk's?",
    "clark_west": "does its model know anything, estimation noise allowed for?",
    "pesaran_timmermann": "does it know the direction?",
}
BY_HAND: Final = " because it was put there by hand"
P_VALUE: Final = number(3)
LARGE_R2: Final = 0.05  # no honest forecast of a floating currency's next day is known to reach it


def headline(scene: Scene) -> str:
    """One sentence on top of the page."""
    verdict = scene.judgement.verdict
    if scene.judgement.refused:
        how_good = "too good to be true" if verdict == "leak" else "better than what is known of daily rates"
        return f"Refused: a contestant is {how_good}"
    if scene.judgement.leaks:
        return f"{suspicion(scene)}, and was accepted by hand"
    if scene.moved:
        ways = {"rolled back": " since a rollback", "by hand": BY_HAND, "found": BY_HAND, "": BY_HAND}
        ways["approved"] = " since somebody approved what a championship had proposed"
        return f"{ModelName.parse(scene.moved.model_name).family} holds the title{ways.get(scene.moved.verdict, '')}"
    if verdict == "degraded":
        return "The champion until now has become worse than no forecast at all"
    return f"{scene.absent} keeps the title without having taken part" if scene.absent else _worth_of(scene)


def reason(scene: Scene) -> str:
    """The sentence beside the badge."""
    judgement = scene.judgement
    if not scene.moved:
        return sentence(judgement.reason)
    named = f"{judgement.champion} (v{judgement.champion_version})" if judgement.champion else "nobody"
    title = scene.moved.title
    why = sentence((title and title.why) or "The alias @champion was moved in the registry")
    return f"{why} The last championship had given the title to {named}: {judgement.verdict}."


def sentence(text: str) -> str:
    """With its full stop."""
    text = text.strip()
    return text if not text or text[-1] in ".!?" else f"{text}."


def _worth_of(scene: Scene) -> str:
    name = scene.leader.family
    if scene.proven:
        return f"{name} beats the random walk"
    if scene.equals_walk:
        return f"{name} equals the random walk: it forecasts no change, every day"
    if scene.judgement.verdict == "unproven":
        return f"{name} leads, and its lead may be luck"
    return f"{name} holds the title; that it beats the random walk is not proven"


def to_act_on(scene: Scene) -> list[str]:
    """What a treasurer may believe: direction, range, next day, money, and whether the choice of model matters."""
    return [*_direction(scene), *told_interval(scene), *_next_day(scene), *_money(scene), *_choice(scene)]


def suspicion(scene: Scene) -> str:
    """Who is suspected of what, as the beginning of a sentence."""
    verb = "are" if len(scene.suspects) > 1 else "is"
    return f"{listed(scene.suspects) or 'A contestant'} {verb} suspected of reading the future"


def _choice(scene: Scene) -> list[str]:
    tied = [row.family for row in scene.judgement.ranking if row.skill.in_mcs]
    if len(tied) < 2:
        return []
    return [f"Which of {listed(tied)} forecasts is a matter of luck or taste so far: nothing tells their errors apart."]


def _direction(scene: Scene) -> list[str]:
    row = scene.leader
    if scene.equals_walk:
        return ["There is no direction to act on: the forecast is no change, every day."]
    accuracy = "" if row.skill.directional_accuracy is None else (
        f" It named the right direction on {percent(1)(row.skill.directional_accuracy)} of the days; a coin names half."
    )  # fmt: skip
    if scene.proven:
        return [f"The expected change is worth something{_size(row.skill.r2_oos)}.{accuracy}"]
    return [f"Do not act on the direction: the expected change is not proven to be better than no change.{accuracy}"]


def _size(r2: float | None) -> str:
    if r2 is None:
        return ""
    told = f": it explains {percent(2)(r2)} of the rate's moves"
    if r2 < LARGE_R2:
        return f"{told}, real, and small beside what cannot be known"
    return f"{told}, more than is known of any floating currency, so look for the reason before you act on it"


def _next_day(scene: Scene) -> list[str]:
    ahead = scene.next_day
    if ahead is None or ahead.interval is None:
        return [f"There is no range for the next business day: {scene.untold.get('next_day', 'it was not asked for')}."]
    return [_range(ahead), *map(further, scene.further)]


def further(told: NextDay) -> str:
    """The range of a day after the next one, and what is known of it."""
    return f"{_range(told)} That is {told.horizon} business days ahead: {told.reason}."


def _range(ahead: NextDay) -> str:
    write, rates = number(rate_digits(ahead.close)), ahead.rates
    return (
        f"For {told_day(ahead.target_date)} it runs from {write(rates['lower_95'])} to {write(rates['upper_95'])} "
        f"(19 days of 20), and from {write(rates['lower_80'])} to {write(rates['upper_80'])} (4 days of 5), "
        f"around a last rate of {write(ahead.close)}."
    )


def _money(scene: Scene) -> list[str]:
    forecasts = scene.forecasts.get(scene.leader.family)
    if forecasts is None:
        return []
    result = trade_the_sign(forecasts.actual, forecasts.forecast, scene.cost_bps)
    if result.break_even_bps is None:
        return ["Trading its sign earns nothing: it names no direction, so nothing is ever traded."]
    sharpe = result.sign.sharpe
    a_year = percent(1, sign=True)(result.sign.annual_return)
    earned = f"Trading its sign at a cost of {scene.told_cost} would have returned {a_year} a year"
    if sharpe.ratio is None or sharpe.lower is None or sharpe.upper is None:
        return [f"{earned}; whether that is chance cannot be said, because {sharpe.reason}."]
    return [f"{earned}: {_worth(sharpe.lower, sharpe.upper)}."]


def _worth(lower: float, upper: float) -> str:
    if lower > 0:
        return "looked at alone, and interest left out, it earned more than chance explains"
    if upper < 0:
        return "it lost more than chance explains"
    return "it cannot be told from earning nothing"


def to_check(scene: Scene) -> list[str]:
    """Which test said what, for a data scientist."""
    doubt = ["Every test takes forecasts at their word: one that reads the future passes them all."]
    return [
        *(doubt if scene.judgement.leaks else []),
        *_tests(scene),
        *over_time(scene),
        *interval_evidence(scene),
        ties(scene),
        _power(scene),
        *([patience(scene.judgement.proof)] if scene.judgement.proof else []),
        _persistence(scene),
    ]


def _tests(scene: Scene) -> list[str]:
    if scene.equals_walk:
        names = listed([*TESTS.values()])
        return [f"{names} have nothing to test: its forecasts are the random walk's."]
    return [_test(scene, scene.leader, field) for field in TESTS]


def over_time(scene: Scene) -> list[str]:
    """Whether the leader was ahead for a time."""
    found = scene.leader.skill.fluctuation
    return [f"{scene.leader.family} against the random walk, {found.told}."] if found else []


def _test(scene: Scene, row: Standing, field: str) -> str:
    name, question = TESTS[field], QUESTIONS[field]
    test = row.skill.tests[field]
    if test.p_value is None:
        return f"{name}, {question} Not computed: {test.reason or 'no reason was recorded'}."
    needed = scene.judgement.alpha_needed
    says = "Yes" if test.rejects(needed) else "Not established"
    shared = scene.judgement.shared if field == "diebold_mariano" else ""
    return f"{name}, {question} {says}: p {P_VALUE(test.p_value)}, {P_VALUE(needed)} needed{shared}."


def ties(scene: Scene) -> str:
    """Who may be the best of all."""
    judgement = scene.judgement
    if judgement.random_walk_in_mcs is None:
        return f"Who may be the best of all is not computed: {no_confidence_set(scene)}."
    members = [row.family for row in judgement.ranking if row.skill.in_mcs]
    members += [f"the {RANDOM_WALK}"] if judgement.random_walk_in_mcs else []
    if len(members) == 1:
        return f"The 90% model confidence set holds {members[0]} alone."
    return (
        f"The 90% model confidence set holds {listed(members)}: a tie of {len(members)}, any of which may be the best."
    )


def no_confidence_set(scene: Scene) -> str:
    """Why there is none; asked again, because it ends before any bootstrap."""
    first = next(iter(scene.forecasts.values()), None)
    if first is None:
        return "no contestant's forecasts are here"
    forecasts = {name: rows.forecast for name, rows in scene.forecasts.items()}
    return who_may_be_best(first.actual, forecasts, seed=0).reason or "no reason was recorded"


def _power(scene: Scene) -> str:
    judgement, r2 = scene.judgement, scene.leader.skill.r2_oos
    days, needed = f"{judgement.n_scored_days:,} days", f"p {P_VALUE(judgement.alpha_needed)}{judgement.shared}"
    if judgement.minimum_detectable_r2 is None:
        return f"{days} are too few to find any skill at {needed} in four cases of five."
    least = percent(1)(judgement.minimum_detectable_r2)
    return f"{days} find a true R² of {least} at {needed} in four cases of five; {_against_power(scene, r2)}."


def _against_power(scene: Scene, r2: float | None) -> str:
    least = scene.judgement.minimum_detectable_r2 or 0.0
    if scene.judgement.leaks or r2 is None or r2 <= 0 or (r2 >= least and not scene.proven):
        return "smaller skill mostly looks like none"
    seen = f"the {percent(2)(r2)} seen here is"
    if scene.proven:
        return f"{seen} {'more' if r2 >= least else 'less, and was proven all the same, as such skill seldom is'}"
    return f"{seen} less, so that not proven does not mean absent"


def _persistence(scene: Scene) -> str:
    theirs, ours = scene.judgement.baselines.get("persistence", {}).get("rmse"), scene.leader.skill.rmse
    if theirs is None:
        return "Persistence was not scored."
    beats = "beats" if ours < theirs else "does not beat"
    return (
        f"It {beats} persistence (RMSE {number(6)(theirs)}), which says little: for returns without memory "
        "persistence has √2 times the error of the random walk."
    )


def places(scene: Scene) -> list[str]:
    """The place of each contestant in rank order; those that may be the best share the first."""
    ranking = scene.judgement.ranking
    n_members = sum(bool(row.skill.in_mcs) for row in ranking) + bool(scene.judgement.random_walk_in_mcs)
    tied = "1=" if n_members > 1 else "1"
    return [tied if row.skill.in_mcs else str(number_) for number_, row in enumerate(ranking, start=1)]


def badge(scene: Scene) -> tuple[str, str]:
    """The verdict's word, and how it looks: `good` only for what is proven."""
    judgement = scene.judgement
    if judgement.leaks:
        return (judgement.verdict if judgement.refused else f"{judgement.verdict}, leak accepted"), "bad"
    if scene.moved:
        word = scene.moved.verdict or "moved"
        return word, word.replace(" ", "-")
    return judgement.verdict, "bad" if judgement.verdict == "degraded" else "good" if scene.proven else "warn"
