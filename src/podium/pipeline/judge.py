"""What the forecasts of a championship are worth: the tests, the sentinel and the policy on the runs' records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from podium.data.continuity import price_level
from podium.evaluate.baselines import RANDOM_WALK, baseline_scores
from podium.evaluate.evidence import Comparison, prove
from podium.evaluate.interval_scores import IntervalScores
from podium.evaluate.judgement import Judgement, Standing
from podium.evaluate.policy import REFUSED, Decision, Incumbent, decide
from podium.evaluate.sentinel import Suspicion, find_leak, series_break
from podium.evaluate.significance import PointScores, minimum_detectable_r2, point_scores, who_may_be_best
from podium.evaluate.walkforward import ScoredRows
from podium.models.combiner import WEIGHT
from podium.pipeline.recipe import ANEW, TAG
from podium.pipeline.record import Record
from podium.pipeline.train import UNTESTED_TAG
from podium.records import FeatureTable, Floats, RunRecord, Series, VersionRecord
from podium.registry.attempts import Attempt
from podium.registry.history import Title, next_time, taken
from podium.settings import Settings

FORMAT = 6  # of the judgement; another one is judged anew


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that a championship is decided on.

    Attributes:
        series: that it is about.
        table: X and target of it.
        days: what is scored.
        runs: the best of each family, by RMSE.
        tries: which recipe each run tried, by its id.
        attempts: every recipe that was ever tried for the pair, those of this championship among them.
        previous: the version whose record a run goes on with that was never judged, by family.
        titles: the history, oldest first.
        accepted: families for whom somebody takes the responsibility, whatever the sentinel finds.
        champion: the version that holds the alias now; None where nobody does.
        kept_why: why this championship leaves the title with that version, whatever the tests say; empty where it
            decides.
        approval_from: family from which the title goes to another only when a person says yes; empty where nobody must.
        rejected: addresses of the versions that a person said no to.
        departure: what the series is other than that of the decision before, where that is meant; else empty.
    """

    series: Series
    table: FeatureTable
    days: ScoredRows
    runs: Sequence[RunRecord]
    tries: Mapping[str, str]
    attempts: Sequence[Attempt]
    previous: Mapping[str, VersionRecord]
    titles: Sequence[Title]
    accepted: frozenset[str]
    champion: VersionRecord | None = None
    kept_why: str = ""
    approval_from: str = ""
    rejected: frozenset[str] = frozenset()
    departure: str = ""

    @property
    def title(self) -> Title | None:
        """The entry by which the champion's model took the title; None where there is none."""
        return taken(self.titles, self.champion.pinned_uri) if self.champion else None

    @property
    def incumbent(self) -> Incumbent | None:
        """The family that holds the title, since the data's day on which it took it."""
        day = self.title.data_version.last_day if self.title and self.title.data_version else None
        return Incumbent(self.champion.family, day) if self.champion else None

    @property
    def kept(self) -> VersionRecord | None:
        """The version that the title is left with; None where the championship decides."""
        return self.champion if self.kept_why else None

    def key(self, settings: Settings) -> str:
        """Names the championship by its runs, policy and limits.

        Who held the title before is no part of it: asking again after the title has moved finds the same one.
        """
        parts = [
            FORMAT,
            [run.run_id for run in self.runs],
            str(self.table.data_version),
            len(self.attempts),
            [settings.policy, settings.alpha, settings.leak_r2, settings.leak_direction, settings.seed],
            sorted(self.accepted),
            [self.kept.pinned_uri, self.kept_why] if self.kept else None,
            " ".join([self.approval_from, *sorted(self.rejected)]),
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class _Tested:
    """What the forecasts are worth, by family: computed once, for the policy and for the judgement."""

    skills: Mapping[str, PointScores]
    proofs: Mapping[str, Comparison]
    suspicions: Sequence[Suspicion]
    walk_in_mcs: bool | None


def judge(
    settings: Settings, case: Case, records: Mapping[str, Record], versions: Mapping[str, VersionRecord]
) -> Judgement:
    """Test, watch for leaks, decide.

    Args:
        settings: policy, alpha, limits and seed.
        case: the championship.
        records: of the contestants, by family.
        versions: of this championship, by family.
    """
    tested, runs = _test(settings, case, records), {run.family: run for run in case.runs}
    made = _decide(settings, case, records, tested)
    decision = _left_to_people(case, made, versions)
    champion = _holder(case, decision, versions)
    # One that is kept, or was there before a leak, and did not take part has shown nothing here.
    took_part = champion is not None and versions.get(champion.family) == champion
    proof = tested.proofs[champion.family] if champion is not None and took_part else None
    aliases = decision.aliases
    if champion is not None and not took_part:
        aliases.pop(champion.family, None)  # the alias stays on the version that has it, not on this run's
    leaks = tuple(found for found in tested.suspicions if found.contestant in made.suspects)
    moment, data_day = _since(case, champion)
    table, scored, alpha_needed = case.table, case.days.rows, settings.alpha / len(case.attempts)
    scored_days = case.days.scored_days(table)
    return Judgement(
        pair=settings.pair,
        data_version=table.data_version,
        scored_days=scored_days,
        policy=settings.policy,
        alpha=settings.alpha,
        verdict=decision.verdict,
        reason=f"{decision.reason}; the source was changed: {case.departure}" if case.departure else decision.reason,
        champion=champion.name if champion else None,
        champion_version=champion.version if champion else None,
        title_since=moment,
        title_data_day=data_day,
        random_walk_in_mcs=tested.walk_in_mcs,
        recipes_tried=len(case.attempts),
        alpha_needed=alpha_needed,
        proof=proof,
        proven=proof is not None and proof.decisive,
        minimum_detectable_r2=minimum_detectable_r2(scored_days.n_days, alpha=alpha_needed),
        baselines=baseline_scores(table, scored),
        ranking=tuple(
            _standing(runs[name], versions[name], tested.skills[name], aliases.get(name)) for name in decision.ranking
        ),
        comparisons=decision.comparisons,
        leaks=leaks,
        ambers=tuple(found for found in tested.suspicions if found not in leaks),
        leak_accepted=bool(leaks) and {found.contestant for found in leaks} <= case.accepted,
        price_level=price_level(case.series, table.data_version.last_day),
        series_break=series_break(table.target[: case.days.first_scored], table.target[scored]),
        proposal=versions[decision.proposed].pinned_uri if decision.proposed else "",
        key=case.key(settings),
    )


def _test(settings: Settings, case: Case, records: Mapping[str, Record]) -> _Tested:
    actual = case.table.target[case.days.rows]
    points = {run.family: records[run.family].forecasts.forecast for run in case.runs}
    best = who_may_be_best(actual, points, settings.seed)
    alphas = {attempt.recipe: settings.alpha * attempt.share for attempt in case.attempts}
    return _Tested(
        skills={name: point_scores(actual, row, best.contains(name)) for name, row in points.items()},
        proofs={
            run.family: prove(run.family, records[run.family].evidence, alphas[case.tries[run.run_id]])
            for run in case.runs
        },
        suspicions=[found for name, row in points.items() if (found := _suspicion(settings, case, name, row))],
        walk_in_mcs=best.contains(RANDOM_WALK),
    )


def _decide(settings: Settings, case: Case, records: Mapping[str, Record], tested: _Tested) -> Decision:
    runs = {run.family: run for run in case.runs}
    return decide(
        tested.skills,
        {name: records[name].evidence for name in tested.skills},
        policy=settings.policy,
        incumbent=case.incumbent,
        alpha=settings.alpha,
        proofs=tested.proofs,
        leaks=[found.contestant for found in tested.suspicions if not found.amber],
        ambers=[found.contestant for found in tested.suspicions if found.amber and not _is_champion(case, runs, found)],
        accepted=case.accepted,
    )


def _suspicion(settings: Settings, case: Case, name: str, forecast: Floats) -> Suspicion | None:
    return find_leak(
        name,
        case.table.target[case.days.rows],
        forecast,
        names=case.table.names,
        features=case.table.values[case.days.rows],
        limit_r2=settings.leak_r2,
        limit_direction=settings.leak_direction,
    )


def _left_to_people(case: Case, decision: Decision, versions: Mapping[str, VersionRecord]) -> Decision:
    """The decision, unless somebody's pin holds the title, or another family needs somebody's yes."""
    if case.kept is not None and decision.verdict != "leak":
        return decision.left_with(case.kept.family, case.kept_why)
    if not case.approval_from or decision.verdict in REFUSED or decision.champion == case.approval_from:
        return decision
    winner = versions[decision.champion].pinned_uri if decision.champion else ""
    if winner in case.rejected:
        return decision.left_with(case.approval_from, f"{winner} was proposed and rejected")
    return decision.proposed_beside(case.approval_from)


def _is_champion(case: Case, runs: Mapping[str, RunRecord], found: Suspicion) -> bool:
    """Whether the suspect's recipe holds the title already: somebody said yes, or it was not suspected then."""
    champion, run = case.champion, runs[found.contestant]
    held = champion.tags.get(TAG) if champion is not None and champion.family == run.family else None
    return held == case.tries[run.run_id].partition(ANEW)[0]


def _holder(case: Case, decision: Decision, versions: Mapping[str, VersionRecord]) -> VersionRecord | None:
    """Who holds the title after the championship; where a suspicion stopped it, whoever held it before."""
    if case.kept is not None or decision.verdict in REFUSED:
        return case.champion
    return versions.get(decision.champion, case.champion) if decision.champion else None


def _since(case: Case, champion: VersionRecord | None) -> tuple[str | None, str | None]:
    """The moment at which the champion's model took the title, and the data's day; now, where it takes it now."""
    if champion is None:
        return None, None
    if case.champion is None or case.champion.family != champion.family:
        return next_time(case.titles, datetime.now(UTC)), str(case.table.data_version.last_day)
    day = case.incumbent.since if case.incumbent else None
    return case.title.at if case.title else None, None if day is None else str(day)


def _standing(run: RunRecord, version: VersionRecord, skill: PointScores, alias: str | None) -> Standing:
    return Standing(
        family=run.family,
        model_name=version.name,
        model_version=version.version,
        run_id=run.run_id,
        alias=alias,
        skill=skill,
        intervals=IntervalScores.recorded(
            run.metrics, run.tags.get("volatility_model", ""), json.loads(run.tags.get(UNTESTED_TAG, "{}"))
        ),
        fit_seconds=run.metrics.get("fit_seconds"),
        forecast_seconds=run.metrics.get("forecast_seconds"),
        weights={name.removeprefix(WEIGHT): w for name, w in run.metrics.items() if name.startswith(WEIGHT)},
    )
