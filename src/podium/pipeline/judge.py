"""What the forecasts of a championship are worth: the tests, the sentinel and the policy on the runs' records."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from podium.errors import RegistryError
from podium.evaluate.evidence import accumulate, since
from podium.evaluate.judgement import Judgement, Standing
from podium.evaluate.policy import Decision, Incumbent, Verdict, decide
from podium.evaluate.sentinel import LeakLimits, Suspicion, find_leak
from podium.evaluate.significance import Significance, SkillReport, assess
from podium.evaluate.walkforward import ScoredRows
from podium.pipeline.recipe import TAG
from podium.pipeline.train import UNTESTED_TAG
from podium.records import FeatureTable, Forecasts, RunRecord, ScoredDays, VersionRecord
from podium.registry.history import Title
from podium.registry.log_items import forecasts_parquet, read_forecasts
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings

FORECASTS, EVIDENCE = "forecasts.parquet", "evidence.parquet"
INTERVAL_FIGURES = tuple(
    f"{name}_{coverage}"
    for name in ("width", "winkler", "kupiec_p", "independence_p", "christoffersen_p")
    for coverage in (80, 95)
)
FORMAT = 2  # of the judgement; another one is judged anew


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that a championship is decided on.

    Attributes:
        table: X and target.
        days: what is scored.
        scored_days: the scored origins.
        runs: the best of each model type, by RMSE.
        recipes_tried: different recipes scored on these days, whether or not they are the best of their type.
        baselines: metrics by baseline.
        incumbent: who holds the title now, and since when.
        accept_leak: whether somebody takes the responsibility for what the sentinel finds.
        champion: the version that holds the alias now; None where nobody does.
        kept_why: why this championship leaves the title with that version, whatever the tests say; empty where it
            decides.
    """

    table: FeatureTable
    days: ScoredRows
    scored_days: ScoredDays
    runs: Sequence[RunRecord]
    recipes_tried: int
    baselines: Mapping[str, Mapping[str, float]]
    incumbent: Incumbent | None
    accept_leak: bool
    champion: VersionRecord | None = None
    kept_why: str = ""

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
            self.recipes_tried,
            [settings.policy, settings.alpha, settings.leak_r2, settings.leak_direction, settings.seed],
            self.accept_leak,
            [self.kept.pinned_uri, self.kept_why] if self.kept else None,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Findings:
    """What the tests, the sentinel and the policy say."""

    decision: Decision
    significance: Significance
    suspicions: tuple[Suspicion, ...]


def incumbent_of(titles: Sequence[Title], champion: VersionRecord | None) -> Incumbent | None:
    """The family that holds the title, since the championship that first gave it to it.

    Args:
        titles: of the pair, oldest first.
        champion: who holds the alias now; None where nobody does.
    """
    if champion is None:
        return None
    since: np.datetime64 | None = None
    for title in reversed([title for title in titles if title.alias == "champion"]):
        if title.name != champion.name:
            break
        since = title.data_version.last_day if title.data_version else None
    return Incumbent(champion.family, since)


def judge(settings: Settings, store: MlflowStore, case: Case, previous: Mapping[str, VersionRecord]) -> Findings:
    """Test, watch for leaks, decide.

    Args:
        settings: policy, alpha and limits.
        store: where the runs' forecasts are.
        case: the championship.
        previous: the newest earlier version of each model type, whose evidence goes on growing.
    """
    forecasts = {run.family: _forecasts(store, run) for run in case.runs}
    evidence = {run.family: _evidence(store, run, forecasts[run.family], previous.get(run.family)) for run in case.runs}
    suspicions = tuple(filter(None, (_suspicion(settings, case, name, rows) for name, rows in forecasts.items())))
    decision = decide(
        forecasts,
        evidence=evidence,
        policy=settings.policy,
        incumbent=case.incumbent,
        alpha=settings.alpha,
        scored_days=case.scored_days,
        leaks=[suspicion.contestant for suspicion in suspicions],
        accept_leak=case.accept_leak,
        n_tried=case.recipes_tried,
    )
    if decision.leak_accepted:
        # into the reason, so that the tags of the versions, the pointer and the history of titles keep it
        accepted = f"too good to be true, and accepted: {', '.join(decision.leaks)}"
        decision = dataclasses.replace(decision, reason=f"{decision.reason}; {accepted}")
    if case.kept is not None and decision.verdict != "leak":
        decision = _leave(decision, case.kept, case.kept_why)
    actual = case.table.target[case.days.first_scored : case.days.n_known]
    points = {name: rows.forecast for name, rows in forecasts.items()}
    return Findings(decision, assess(actual, points, alpha=decision.alpha_needed, seed=settings.seed), suspicions)


def _leave(decision: Decision, holder: VersionRecord, why: str) -> Decision:
    """The same championship with the title where it is; what the tests say of a champion that took part stays."""
    family, verdict = holder.family, decision.verdict
    took_part = family in decision.ranking
    kept: Verdict = "degraded" if verdict == "degraded" else "held"
    return dataclasses.replace(
        decision,
        champion=family,
        verdict=kept,
        reason=f"{why}. Else: {verdict}, {decision.reason}" if took_part else why,
        podium=(family, *(name for name in decision.ranking if name != family)),
    )


def _forecasts(store: MlflowStore, run: RunRecord) -> Forecasts:
    parquet = store.read_file(run.run_id, FORECASTS)
    if parquet is None:
        raise RegistryError(f"run {run.run_id} has lost its {FORECASTS}; run `podium train`, and delete that run")
    return read_forecasts(parquet)


def _evidence(store: MlflowStore, run: RunRecord, forecasts: Forecasts, previous: VersionRecord | None) -> Forecasts:
    """The recipe's forecasts as they were first made, championship after championship; they grow with this run's."""
    stored = store.read_file(run.run_id, EVIDENCE)
    if stored is not None:
        return read_forecasts(stored)
    record = _grown(store, run, forecasts, previous)
    store.add_file(run.run_id, EVIDENCE, forecasts_parquet(record))
    return record


def _grown(store: MlflowStore, run: RunRecord, forecasts: Forecasts, previous: VersionRecord | None) -> Forecasts:
    # A recipe that is new today may have been chosen for the days up to today: only what comes after is evidence.
    known = previous.data_version if previous and previous.tags.get(TAG) == run.tags.get(TAG, "") else None
    if previous is None or known is None:
        return since(forecasts, run.data_version.last_day)
    # It was laid down before these days came, so what it forecasts of them is evidence, whenever that is computed.
    fresh = since(forecasts, known.last_day)
    earlier = store.read_file(previous.run_id, EVIDENCE)
    return accumulate(read_forecasts(earlier), fresh) if earlier else fresh


def _suspicion(settings: Settings, case: Case, name: str, rows: Forecasts) -> Suspicion | None:
    scored = slice(case.days.first_scored, case.days.n_known)
    return find_leak(
        name,
        rows.actual,
        rows.forecast,
        names=case.table.names,
        features=case.table.values[scored],
        limits=LeakLimits(r2=settings.leak_r2, directional_accuracy=settings.leak_direction),
    )


def judgement(settings: Settings, case: Case, findings: Findings, versions: Mapping[str, VersionRecord]) -> Judgement:
    """Everything in one value.

    Args:
        settings: policy and alpha.
        case: the championship.
        findings: on it.
        versions: by model type.
    """
    decision, significance = findings.decision, findings.significance
    champion = _holder(case, decision, versions)
    stays = case.incumbent is not None and case.incumbent.name == decision.champion
    first_day = case.incumbent.since if stays and case.incumbent else case.table.data_version.last_day
    members = significance.confidence_set
    aliases = dict(decision.aliases)
    if champion is not None and versions.get(champion.family) != champion:
        aliases.pop(champion.family, None)  # the alias stays on the version that has it, not on this run's
    return Judgement(
        pair=settings.pair,
        data_version=case.table.data_version,
        scored_days=str(case.scored_days),
        n_scored_days=case.scored_days.n_days,
        policy=decision.policy,
        alpha=settings.alpha,
        verdict=decision.verdict,
        reason=decision.reason,
        champion=champion.name if champion else None,
        champion_version=champion.version if champion else None,
        title_since=str(first_day) if champion and first_day is not None else None,
        random_walk_in_mcs=None if members.reason else "random_walk" in members.members,
        recipes_tried=case.recipes_tried,
        alpha_needed=decision.alpha_needed,
        proven=_proven(decision, significance, champion, versions),
        minimum_detectable_r2=significance.minimum_detectable_r2,
        baselines=case.baselines,
        ranking=tuple(
            _standing(run, versions[run.family], significance.reports[run.family], aliases)
            for run in sorted(case.runs, key=lambda run: decision.ranking.index(run.family))
        ),
        comparisons=decision.comparisons,
        leaks=tuple(suspicion.message for suspicion in findings.suspicions),
        leak_accepted=decision.leak_accepted,
        key=case.key(settings),
    )


def _proven(
    decision: Decision,
    significance: Significance,
    champion: VersionRecord | None,
    versions: Mapping[str, VersionRecord],
) -> bool:
    """Whether the holder of the title beats the random walk; one that did not take part has shown nothing."""
    if champion is None or versions.get(champion.family) != champion:
        return False
    return significance.reports[champion.family].diebold_mariano.rejects(decision.alpha_needed)


def _holder(case: Case, decision: Decision, versions: Mapping[str, VersionRecord]) -> VersionRecord | None:
    """Who holds the title after the championship; where a leak stopped it, whoever held it before."""
    if case.kept is not None or decision.verdict == "leak":
        return case.champion
    return versions[decision.champion] if decision.champion else None


def _standing(run: RunRecord, version: VersionRecord, skill: SkillReport, aliases: Mapping[str, str]) -> Standing:
    tests = {
        "dm_p": skill.diebold_mariano,
        "clark_west_p": skill.clark_west,
        "pesaran_timmermann_p": skill.pesaran_timmermann,
    }
    return Standing(
        family=run.family,
        model_name=version.name,
        model_version=version.version,
        run_id=run.run_id,
        alias=aliases.get(run.family),
        rmse=skill.rmse,
        ratio_to_random_walk=skill.ratio_to_random_walk,
        r2_oos=skill.r2_oos,
        mae=skill.mae,
        directional_accuracy=skill.directional_accuracy,
        dm_p=tests["dm_p"].p_value,
        clark_west_p=tests["clark_west_p"].p_value,
        pesaran_timmermann_p=tests["pesaran_timmermann_p"].p_value,
        in_mcs=skill.in_mcs,
        coverage_80=run.metrics.get("coverage_80"),
        coverage_95=run.metrics.get("coverage_95"),
        crps=run.metrics.get("crps"),
        crps_skill=run.metrics.get("crps_skill"),
        crps_skill_t=run.metrics.get("crps_skill_t"),
        volatility_model=run.tags.get("volatility_model"),
        fit_seconds=run.metrics.get("fit_seconds"),
        forecast_seconds=run.metrics.get("forecast_seconds"),
        **{name: run.metrics.get(name) for name in INTERVAL_FIGURES},
        untested={
            **{name: test.reason for name, test in tests.items() if test.reason},
            **json.loads(run.tags.get(UNTESTED_TAG, "{}")),
        },
    )
