"""Who holds the title after a championship, in what word, and why. Pure: it knows no registry.

`rmse` gives the title to the lowest RMSE on the scored days, every time. `significant` moves it only when an
anytime-valid confidence sequence of the squared-error difference, over the days since the title was taken, puts a
challenger ahead of the champion, or the champion behind the random walk.

Why only the days since the title: the champion was chosen for its luck on the days before. Why a confidence sequence:
the question is asked again at every championship. Why the alpha is divided: with k challengers there are k ways to be
wrong, and the random walk is one more. The challengers share four fifths of the alpha and the random walk gets the
fifth that is left, so that a reign ends wrongly, however often it is looked at, in at most `alpha` of all worlds
(Bonferroni). The small share is the walk's because `degraded` is an alarm: it shall be raised beyond doubt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from podium.errors import InputError, SettingError
from podium.evaluate.baselines import RANDOM_WALK
from podium.evaluate.confidence_sequence import check_probability
from podium.evaluate.evidence import Comparison, compare, select, since
from podium.evaluate.metrics import rmse
from podium.evaluate.significance import TestResult, diebold_mariano
from podium.records import ALIASES, Dates, Forecasts, ScoredDays

Verdict = Literal["promoted", "held", "unproven", "leak", "degraded"]

POLICIES: Final = ("rmse", "significant")

WALK_SHARE: Final = 0.2
"""Share of the alpha that is spent on the question whether the champion is worse than the random walk."""


@dataclass(frozen=True, slots=True)
class Incumbent:
    """The champion before this championship.

    Attributes:
        name: of the contestant.
        since: last day of the data at the championship that gave it the title: forecasts made at that close or later
            are evidence, earlier ones chose it. None where it is not known; then nothing counts as evidence yet.
    """

    name: str
    since: np.datetime64 | None


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of a championship.

    Attributes:
        policy: that was applied.
        verdict: one word; see `decide`.
        reason: one line for people.
        champion: who holds the title now; None only when a leak stopped the first championship.
        previous: who held it before; None at the first championship.
        ranking: all contestants by RMSE on the scored days, the lowest first.
        podium: the champion, then the others by RMSE; empty when no alias may move.
        rmse: of each contestant on the scored days.
        n_scored: length of the scored days.
        proof: Diebold-Mariano, the champion against the random walk on the scored days.
        alpha_needed: what its p-value must not exceed: the alpha over the number of recipes tried.
        comparisons: the champion before this championship against every challenger and the random walk.
        leaks: contestants under suspicion.
        leak_accepted: whether somebody took the responsibility for them.
    """

    policy: str
    verdict: Verdict
    reason: str
    champion: str | None
    previous: str | None
    ranking: tuple[str, ...]
    podium: tuple[str, ...]
    rmse: Mapping[str, float]
    n_scored: int
    proof: TestResult
    alpha_needed: float
    comparisons: tuple[Comparison, ...] = ()
    leaks: tuple[str, ...] = ()
    leak_accepted: bool = False

    @property
    def proven(self) -> bool:
        """Whether the champion beats the random walk on the scored days."""
        return self.proof.rejects(self.alpha_needed)

    @property
    def aliases(self) -> Mapping[str, str]:
        """Alias by contestant for the first three of the podium; empty when no alias may move."""
        return dict(zip(self.podium, ALIASES, strict=False))


@dataclass(frozen=True, slots=True)
class _Title:
    """Where a policy puts the title, before the verdict is worded."""

    champion: str
    reason: str
    degraded: bool = False


@dataclass(frozen=True, slots=True)
class _Case:
    """All that a policy looks at."""

    ranking: tuple[str, ...]
    rmse: Mapping[str, float]
    incumbent: Incumbent | None
    comparisons: tuple[Comparison, ...]
    evidence: Mapping[str, Forecasts]
    walk_alpha: float

    @property
    def degraded(self) -> bool:
        """Whether the incumbent is worse than the random walk beyond doubt."""
        return any(item.rival == RANDOM_WALK and item.decisive for item in self.comparisons)


def check_policy(policy: str) -> None:
    """Raise before any work is done if there is no such policy.

    Raises:
        SettingError: it names those that there are.
    """
    if policy not in POLICIES:
        raise SettingError(f"policy {policy!r}: there is no such policy; choose one of {', '.join(POLICIES)}")


def decide(
    contestants: Mapping[str, Forecasts],
    *,
    evidence: Mapping[str, Forecasts] | None = None,
    policy: str = "rmse",
    incumbent: Incumbent | None = None,
    alpha: float = 0.05,
    scored_days: ScoredDays | None = None,
    leaks: Sequence[str] = (),
    accept_leak: bool = False,
    n_tried: int = 1,
) -> Decision:
    """Hold a championship.

    The verdict, the first that fits:

    - `leak`: a contestant is too good to be true, and nobody accepted it; nothing moves.
    - `degraded`: the champion until now has become worse than the random walk beyond doubt.
    - `held`: under `significant`, the champion stays.
    - `unproven`: the champion does not beat the random walk on the scored days (one-sided Diebold-Mariano at
      alpha / number of recipes tried, since the best of several is lucky too).
    - `held`: the champion stays, and is proven.
    - `promoted`: the title changed.

    Under `significant` a title that moved for evidence is `promoted` even if the new champion is not proven against
    the random walk: it is better than the one before. `Decision.proven` says the rest.

    Args:
        contestants: out-of-sample forecasts of this championship by name; on the scored days they make the ranking.
        evidence: forecasts by name as they were first recorded (see `evidence.accumulate`), from which the days since
            the title are taken. The contestants' own where one is not given: they may reach back beyond them.
        policy: `rmse` or `significant`.
        incumbent: None at the first championship.
        alpha: probability that a reign ends wrongly, and alpha of the test against the random walk.
        scored_days: the days on which all are ranked; the origins that all of them share if not given.
        leaks: contestants that the sentinel suspects.
        accept_leak: go on in spite of them.
        n_tried: recipes that were scored on these days, also those that did not come to take part; never fewer than
            the contestants.

    Raises:
        SettingError: no such policy.
        InputError: the alpha lies outside (0, 1), there is no contestant, or one lacks a scored day.
    """
    check_policy(policy)
    check_probability(alpha)
    scored = _common_days(contestants, scored_days)
    errors = {name: rmse(rows.actual, rows.forecast) for name, rows in scored.items()}
    holder = incumbent if incumbent and incumbent.name in contestants else None
    ranking = tuple(sorted(errors, key=lambda name: (errors[name], holder is None or name != holder.name, name)))
    case = _case({**contestants, **(evidence or {})}, ranking, errors, holder, alpha)
    title = _rmse_title(case) if policy == "rmse" else _significant_title(case)
    suspects = tuple(name for name in ranking if name in leaks)
    stopped = bool(suspects) and not accept_leak
    judged = scored[title.champion]
    proof = diebold_mariano(judged.actual, judged.forecast, np.zeros_like(judged.actual))
    needed = alpha / max(n_tried, len(contestants))
    proven = proof.rejects(needed)
    verdict, reason = _word(policy, case, title, proven=proven)
    if not proven and not stopped and verdict != "degraded":
        reason = f"{reason}; {_unproven(title.champion, proof, needed)}"
    return Decision(
        policy=policy,
        verdict="leak" if stopped else verdict,
        reason=_leak_reason(suspects, incumbent) if stopped else reason,
        champion=(incumbent.name if incumbent else None) if stopped else title.champion,
        previous=incumbent.name if incumbent else None,
        ranking=ranking,
        podium=() if stopped else (title.champion, *(name for name in ranking if name != title.champion)),
        rmse=errors,
        n_scored=len(judged),
        proof=proof,
        alpha_needed=needed,
        comparisons=case.comparisons,
        leaks=suspects,
        leak_accepted=bool(suspects) and accept_leak,
    )


def _rmse_title(case: _Case) -> _Title:
    first = case.ranking[0]
    return _Title(first, f"{first} has the lowest RMSE, {case.rmse[first]:.5f}", degraded=case.degraded)


def _significant_title(case: _Case) -> _Title:
    if case.incumbent is None:
        first = case.ranking[0]
        return _Title(first, f"the title was vacant: {first} has the lowest RMSE, {case.rmse[first]:.5f}")
    by_rival = {item.rival: item for item in case.comparisons}
    challengers = [name for name in case.ranking if name != case.incumbent.name]
    for name in challengers:
        if by_rival[name].decisive:
            return _Title(name, _beyond_doubt(by_rival[name]), degraded=case.degraded)
    if case.degraded:
        return _successor(case, [by_rival[name] for name in challengers])
    return _Title(case.incumbent.name, _nobody(case))


def _successor(case: _Case, challengers: Sequence[Comparison]) -> _Title:
    # A degraded champion gives way to the best ranked that was better since the title and is not degraded itself.
    worse = f"{challengers[0].champion if challengers else case.ranking[0]} is worse than the random walk beyond doubt"
    for item in challengers:
        against_walk = compare(item.rival, RANDOM_WALK, case.evidence[item.rival], None, case.walk_alpha)
        if (item.mean_difference or 0.0) > 0 and not against_walk.decisive:
            return _Title(item.rival, f"{worse}; {item.rival} is the best of the others", degraded=True)
    holder = case.incumbent.name if case.incumbent else case.ranking[0]
    return _Title(holder, f"{worse}, and no other contestant is better; forecast no change", degraded=True)


def _word(policy: str, case: _Case, title: _Title, *, proven: bool) -> tuple[Verdict, str]:
    holder = case.incumbent.name if case.incumbent else None
    moved = title.champion != holder
    arrow = f"title {holder} -> {title.champion}: " if moved and holder else ""
    if title.degraded:
        lead = "" if policy == "significant" else f"{holder} has become worse than the random walk beyond doubt; "
        return "degraded", f"{lead}{arrow}{title.reason}"
    reasoned = policy == "significant" and holder is not None
    if not moved and (reasoned or proven):
        return "held", f"{title.champion} stays champion: {title.reason}"
    if not proven and not reasoned:
        return "unproven", f"{arrow}{title.reason}"
    return "promoted", f"{arrow}{title.reason}"


def _beyond_doubt(item: Comparison) -> str:
    return (
        f"{item.rival} is better than {item.champion} over the {item.n_days} days of evidence since the title "
        f"(anytime-valid p {item.p_value:.2g}, needed {item.alpha:.2g})"
    )


def _nobody(case: _Case) -> str:
    tested = [item for item in case.comparisons if item.p_value is not None and item.rival != RANDOM_WALK]
    if not tested:
        return case.comparisons[0].reason if case.comparisons else "nobody else took part"
    closest = min(tested, key=lambda item: (item.p_value, item.rival))
    return (
        f"no challenger is better beyond doubt over the {closest.n_days} days of evidence since the title "
        f"(closest {closest.rival}, anytime-valid p {closest.p_value:.2g}, needed {closest.alpha:.2g})"
    )


def _unproven(champion: str, proof: TestResult, alpha: float) -> str:
    if proof.p_value is None:
        return f"whether {champion} beats the random walk cannot be tested: {proof.reason}"
    return f"{champion} does not beat the random walk (Diebold-Mariano p {proof.p_value:.2g}, needed {alpha:.2g})"


def _leak_reason(suspects: Sequence[str], incumbent: Incumbent | None) -> str:
    stays = f"{incumbent.name} stays champion" if incumbent else "nobody is champion"
    return f"{', '.join(suspects)}: too good to be true; no alias moved, {stays}"


def _case(
    records: Mapping[str, Forecasts],
    ranking: tuple[str, ...],
    errors: Mapping[str, float],
    incumbent: Incumbent | None,
    alpha: float,
) -> _Case:
    if incumbent is None:
        return _Case(ranking, errors, None, (), {}, WALK_SHARE * alpha)
    evidence = {name: since(rows, incumbent.since) for name, rows in records.items()}
    held = evidence[incumbent.name]
    rivals = [name for name in ranking if name != incumbent.name]
    each, walk_alpha = (1 - WALK_SHARE) * alpha / max(len(rivals), 1), WALK_SHARE * alpha
    comparisons = [compare(incumbent.name, name, held, evidence[name], each) for name in rivals]
    comparisons.append(compare(incumbent.name, RANDOM_WALK, held, None, walk_alpha))
    return _Case(ranking, errors, incumbent, tuple(comparisons), evidence, walk_alpha)


def _common_days(contestants: Mapping[str, Forecasts], scored_days: ScoredDays | None) -> dict[str, Forecasts]:
    if not contestants:
        raise InputError("no contestant took part; name at least one")
    days = _shared_origins(contestants)
    if scored_days is not None:
        days = days[(days >= scored_days.first_origin) & (days <= scored_days.last_origin)]
    if not len(days) or (scored_days is not None and len(days) != scored_days.n_days):
        expected = f"the {scored_days.n_days} days of {scored_days}" if scored_days else "any day"
        raise InputError(f"the contestants do not share {expected}; score all of them on the same days")
    return {name: select(rows, np.isin(rows.origins, days)) for name, rows in contestants.items()}


def _shared_origins(contestants: Mapping[str, Forecasts]) -> Dates:
    first, *others = (rows.origins for rows in contestants.values())
    for origins in others:
        if not np.array_equal(first, origins):
            first = np.intersect1d(first, origins, assume_unique=True)
    return first
