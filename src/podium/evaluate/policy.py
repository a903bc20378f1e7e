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

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from podium.errors import InputError, SettingError
from podium.evaluate.baselines import RANDOM_WALK
from podium.evaluate.confidence_sequence import check_probability
from podium.evaluate.evidence import Comparison, compare, since
from podium.evaluate.significance import PointScores
from podium.records import ALIASES, Forecasts

Verdict = Literal["promoted", "held", "unproven", "leak", "amber", "degraded", "proposed"]

REFUSED: Final = ("leak", "amber")
"""The words after which no alias has moved."""

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
    """Who holds the title after a championship.

    Attributes:
        verdict: one word; see `decide`.
        reason: one line for people.
        champion: who holds the title now; None only when a suspicion stopped the first championship.
        ranking: all contestants by RMSE on the scored days, the lowest first.
        comparisons: the champion before this championship against every challenger and the random walk.
        suspects: those under suspicion who stopped it, or would have if nobody had accepted them.
        proposed: who shall have the title once a person says yes; empty where nobody has to.
    """

    verdict: Verdict
    reason: str
    champion: str | None
    ranking: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    suspects: tuple[str, ...] = ()
    proposed: str = ""

    @property
    def podium(self) -> tuple[str, ...]:
        """The champion, then the others by RMSE; empty when no alias may move."""
        if self.champion is None or self.verdict in REFUSED:
            return ()
        return (self.champion, *(name for name in self.ranking if name != self.champion))

    @property
    def aliases(self) -> dict[str, str]:
        """Alias by contestant for the first three of the podium; empty when no alias may move."""
        return dict(zip(self.podium, ALIASES, strict=False))

    def proposed_beside(self, holder: str) -> Decision:
        """The same championship as a proposal: the holder keeps the title until a person gives it to who has won it."""
        return replace(
            self,
            champion=holder,
            proposed=self.champion or "",
            verdict="degraded" if self.verdict == "degraded" else "proposed",
            reason=f"{self.reason}; proposed, and {holder} keeps the title until somebody approves",
        )

    def left_with(self, holder: str, why: str) -> Decision:
        """The same championship with the title where it is; what was said of a champion that took part stays."""
        return replace(
            self,
            champion=holder,
            verdict="degraded" if self.verdict == "degraded" else "held",
            reason=f"{why}. Else: {self.verdict}, {self.reason}" if holder in self.ranking else why,
        )


def check_policy(policy: str) -> None:
    """Raise before any work is done if there is no such policy.

    Raises:
        SettingError: it names those that there are.
    """
    if policy not in POLICIES:
        raise SettingError(f"policy {policy!r}: there is no such policy; choose one of {', '.join(POLICIES)}")


def decide(
    skills: Mapping[str, PointScores],
    evidence: Mapping[str, Forecasts],
    *,
    policy: str = "rmse",
    incumbent: Incumbent | None = None,
    alpha: float = 0.05,
    proofs: Mapping[str, Comparison],
    leaks: Sequence[str] = (),
    ambers: Sequence[str] = (),
    accepted: Collection[str] = (),
) -> Decision:
    """Hold a championship.

    The verdict, the first that fits:

    - `leak`: a contestant is too good to be true, and nobody accepted it; nothing moves.
    - `amber`: who would be champion is better than what is known of daily rates, and nobody accepted it; nothing moves.
    - `degraded`: the champion until now has become worse than the random walk beyond doubt.
    - `held`: under `significant`, the champion stays.
    - `unproven`: the champion has not shown, since its recipe was first seen, that it beats the random walk.
    - `held`: the champion stays, and is proven.
    - `promoted`: the title changed.

    Under `significant` a title that moved for evidence is `promoted` even if the new champion is not proven against
    the random walk: it is better than the one before.

    Args:
        skills: what each contestant is worth on the scored days; their RMSE makes the ranking.
        evidence: forecasts by name as they were first recorded (see `evidence.accumulate`), from which the days since
            the title are taken.
        policy: `rmse` or `significant`.
        incumbent: None at the first championship.
        alpha: probability that a reign ends wrongly.
        proofs: each contestant against the random walk, see `evidence.prove`.
        leaks: contestants that are too good to be true.
        ambers: contestants that must not take the title before a person says yes.
        accepted: contestants for whom that person does.

    Raises:
        SettingError: no such policy.
        InputError: the alpha lies outside (0, 1), or there is no contestant.
    """
    check_policy(policy)
    check_probability(alpha)
    if not skills:
        raise InputError("no contestant took part; name at least one")
    holder = incumbent if incumbent and incumbent.name in skills else None
    ranking = tuple(sorted(skills, key=lambda name: (skills[name].rmse, holder is None or name != holder.name, name)))
    recent = {name: since(evidence[name], holder.since) for name in ranking} if holder else {}
    comparisons = _compare_all(holder.name, recent, alpha) if holder else ()
    if policy == "significant" and holder:
        champion, why = _by_evidence(comparisons, recent)
    else:
        vacant = "the title was vacant: " if policy == "significant" else ""
        champion, why = ranking[0], f"{vacant}{ranking[0]} has the lowest RMSE, {skills[ranking[0]].rmse:.5f}"
    unproven = _unproven(champion, proofs[champion])
    verdict, reason = _word(policy, comparisons, champion, why, unproven)
    leaking = tuple(name for name in ranking if name in leaks)
    suspects = leaking or ((champion,) if champion in ambers else ())
    if not suspects:
        return Decision(verdict, reason, champion, ranking, comparisons)
    how_good = "too good to be true" if leaking else "better than what is known of daily rates"
    if set(suspects) <= set(accepted):
        # in the reason, so that the tags of the versions, the pointer and the history of titles keep it
        reason = f"{reason}; {how_good}, and accepted: {', '.join(suspects)}"
        return Decision(verdict, reason, champion, ranking, comparisons, suspects)
    stays = f"{incumbent.name} stays champion" if incumbent else "nobody is champion"
    reason = f"{', '.join(suspects)}: {how_good}; no alias moved, {stays}"
    name = incumbent.name if incumbent else None
    return Decision("leak" if leaking else "amber", reason, name, ranking, comparisons, suspects)


def _compare_all(holder: str, recent: Mapping[str, Forecasts], alpha: float) -> tuple[Comparison, ...]:
    rivals = [name for name in recent if name != holder]
    each = (1 - WALK_SHARE) * alpha / max(len(rivals), 1)
    found = [compare(holder, name, recent[holder], recent[name], each) for name in rivals]
    return (*found, compare(holder, RANDOM_WALK, recent[holder], None, WALK_SHARE * alpha))


def _by_evidence(comparisons: Sequence[Comparison], recent: Mapping[str, Forecasts]) -> tuple[str, str]:
    *challengers, walk = comparisons  # in the order of the ranking, the random walk last
    for item in challengers:
        if item.decisive:
            return item.rival, _beyond_doubt(item)
    if not walk.decisive:
        return walk.champion, _nobody(challengers)
    # A degraded champion gives way to the best ranked that was better since the title and is not degraded itself.
    worse = f"{walk.champion} is worse than the random walk beyond doubt"
    for item in challengers:
        against_walk = compare(item.rival, RANDOM_WALK, recent[item.rival], None, walk.alpha)
        if (item.mean_difference or 0.0) > 0 and not against_walk.decisive:
            return item.rival, f"{worse}; {item.rival} is the best of the others"
    return walk.champion, f"{worse}, and no other contestant is better; forecast no change"


def _word(
    policy: str, comparisons: Sequence[Comparison], champion: str, why: str, unproven: str
) -> tuple[Verdict, str]:
    holder = comparisons[-1].champion if comparisons else None
    told = f"title {holder} -> {champion}: {why}" if holder not in {None, champion} else why
    if comparisons and comparisons[-1].decisive:
        worse = f"{holder} has become worse than the random walk beyond doubt; "
        return "degraded", told if policy == "significant" else f"{worse}{told}"
    reason = f"{told}; {unproven}" if unproven else told
    reasoned = policy == "significant" and holder is not None
    if champion == holder and (reasoned or not unproven):
        return "held", f"{champion} stays champion: {reason}"
    return "unproven" if unproven and not reasoned else "promoted", reason


def _unproven(champion: str, proof: Comparison) -> str:
    """Why the champion is not proven to beat the random walk; empty where it is."""
    if proof.decisive:
        return ""
    if proof.p_value is None:
        return f"that {champion} beats the random walk is not proven: {proof.reason}"
    return (
        f"that {champion} beats the random walk is not proven over the {proof.n_days} days of evidence since its "
        f"recipe was first seen (anytime-valid p {proof.p_value:.2g}, needed {proof.alpha:.2g})"
    )


def _beyond_doubt(item: Comparison) -> str:
    return (
        f"{item.rival} is better than {item.champion} over the {item.n_days} days of evidence since the title "
        f"(anytime-valid p {item.p_value:.2g}, needed {item.alpha:.2g})"
    )


def _nobody(challengers: Sequence[Comparison]) -> str:
    tested = [(item.p_value, item.rival, item) for item in challengers if item.p_value is not None]
    if not tested:
        return challengers[0].reason if challengers else "nobody else took part"
    closest = min(tested)[-1]
    return (
        f"no challenger is better beyond doubt over the {closest.n_days} days of evidence since the title "
        f"(closest {closest.rival}, anytime-valid p {closest.p_value:.2g}, needed {closest.alpha:.2g})"
    )
