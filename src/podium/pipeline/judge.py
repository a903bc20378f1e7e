"""What the forecasts of a championship are worth: the tests, the sentinel and the policy on the runs' records."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from podium.data.store import last_day_of
from podium.errors import RegistryError
from podium.evaluate.evidence import accumulate
from podium.evaluate.outcome import Outcome, Standing
from podium.evaluate.policy import Decision, Incumbent, Verdict, decide
from podium.evaluate.sentinel import LeakLimits, Suspicion, find_leak
from podium.evaluate.significance import Significance, SkillReport, assess
from podium.evaluate.walkforward import Split
from podium.records import CommonWindow, FeatureTable, Forecasts, RunRecord, VersionRecord
from podium.registry.log_items import forecasts_parquet, read_forecasts
from podium.registry.mlflow_store import MlflowStore
from podium.registry.titles import Title
from podium.settings import Settings

FORECASTS, EVIDENCE = "forecasts.parquet", "evidence.parquet"
FORMAT = 1  # of the outcome; another one is judged anew


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that a championship is decided on.

    Attributes:
        table: X and target.
        days: what is scored.
        window: the scored origins.
        runs: the best of each model type, by RMSE.
        baselines: metrics by baseline.
        incumbent: who holds the title now, and since when.
        accept_leak: whether somebody takes the responsibility for what the sentinel finds.
        pinned: the version that somebody put in the title by hand; championships leave it there.
        pinned_why: the reason that was given.
    """

    table: FeatureTable
    days: Split
    window: CommonWindow
    runs: Sequence[RunRecord]
    baselines: Mapping[str, Mapping[str, float]]
    incumbent: Incumbent | None
    accept_leak: bool
    pinned: VersionRecord | None = None
    pinned_why: str = ""

    def key(self, settings: Settings) -> str:
        """Names the championship by its runs, policy and limits.

        Who held the title before is no part of it: asking again after the title has moved finds the same one.
        """
        parts = [
            FORMAT,
            [run.run_id for run in self.runs],
            [settings.policy, settings.level, settings.leak_r2, settings.leak_direction, settings.seed],
            self.accept_leak,
            self.pinned.pinned_uri if self.pinned else None,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Judgement:
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
        since = last_day_of(title.data_version)
    return Incumbent(champion.model_type, since)


def judge(settings: Settings, store: MlflowStore, case: Case, previous: Mapping[str, str]) -> Judgement:
    """Test, watch for leaks, decide.

    Args:
        settings: policy, level and limits.
        store: where the runs' forecasts are.
        case: the championship.
        previous: run behind the newest earlier version of each model type, whose evidence goes on growing.
    """
    forecasts = {run.model_type: _forecasts(store, run) for run in case.runs}
    evidence = {
        run.model_type: _evidence(store, run, forecasts[run.model_type], previous.get(run.model_type))
        for run in case.runs
    }
    suspicions = tuple(filter(None, (_suspicion(settings, case, name, rows) for name, rows in forecasts.items())))
    decision = decide(
        forecasts,
        evidence=evidence,
        policy=settings.policy,
        incumbent=case.incumbent,
        level=settings.level,
        window=case.window,
        leaks=[suspicion.contestant for suspicion in suspicions],
        accept_leak=case.accept_leak,
    )
    if case.pinned is not None and decision.verdict != "leak":
        decision = _hold_pinned(decision, case)
    actual = case.table.target[case.days.first_scored : case.days.n_known]
    points = {name: rows.forecast for name, rows in forecasts.items()}
    return Judgement(decision, assess(actual, points, level=settings.level, seed=settings.seed), suspicions)


def _hold_pinned(decision: Decision, case: Case) -> Decision:
    """The same championship with the title where somebody put it; what the tests say stays beside it."""
    pinned = case.pinned.model_type if case.pinned else ""
    verdict: Verdict = "degraded" if decision.verdict == "degraded" else "held"
    return dataclasses.replace(
        decision,
        champion=pinned,
        verdict=verdict,
        reason=f"the title is pinned ({case.pinned_why}); --unpin lets championships decide. Else: {decision.reason}",
        podium=(pinned, *(name for name in decision.ranking if name != pinned)),
    )


def _forecasts(store: MlflowStore, run: RunRecord) -> Forecasts:
    parquet = store.read_file(run.run_id, FORECASTS)
    if parquet is None:
        raise RegistryError(f"run {run.run_id} has lost its {FORECASTS}; run `podium train`, and delete that run")
    return read_forecasts(parquet)


def _evidence(store: MlflowStore, run: RunRecord, forecasts: Forecasts, previous: str | None) -> Forecasts:
    """The family's forecasts as they were first made, championship after championship; they grow with this run's."""
    stored = store.read_file(run.run_id, EVIDENCE)
    if stored is not None:
        return read_forecasts(stored)
    earlier = store.read_file(previous, EVIDENCE) if previous else None
    grown = accumulate(read_forecasts(earlier), forecasts) if earlier else forecasts
    store.add_file(run.run_id, EVIDENCE, forecasts_parquet(grown))
    return grown


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


def outcome(settings: Settings, case: Case, judgement: Judgement, versions: Mapping[str, VersionRecord]) -> Outcome:
    """Everything in one value.

    Args:
        settings: policy and level.
        case: the championship.
        judgement: on it.
        versions: by model type.
    """
    decision, significance = judgement.decision, judgement.significance
    champion = case.pinned or (versions.get(decision.champion) if decision.champion else None)
    kept = case.incumbent is not None and case.incumbent.name == decision.champion
    since = case.incumbent.since if kept and case.incumbent else last_day_of(case.table.data_version)
    members = significance.confidence_set
    aliases = dict(decision.aliases)
    if case.pinned is not None and versions.get(case.pinned.model_type) != case.pinned:
        aliases.pop(case.pinned.model_type, None)  # the alias stays on the pinned version, not on this run's
    return Outcome(
        pair=settings.pair,
        data_version=case.table.data_version,
        scored_window=str(case.window),
        scored_days=case.window.n_days,
        policy=decision.policy,
        level=settings.level,
        verdict=decision.verdict,
        reason=decision.reason,
        champion=champion.name if champion else None,
        champion_version=champion.version if champion else None,
        title_since=str(since) if champion and since is not None else None,
        random_walk_in_mcs=None if members.reason else "random_walk" in members.members,
        minimum_detectable_r2=significance.minimum_detectable_r2,
        baselines=case.baselines,
        ranking=tuple(
            _standing(run, versions[run.model_type], significance.reports[run.model_type], aliases)
            for run in sorted(case.runs, key=lambda run: decision.ranking.index(run.model_type))
        ),
        leaks=tuple(suspicion.message for suspicion in judgement.suspicions),
        leak_accepted=decision.leak_accepted,
        key=case.key(settings),
    )


def _standing(run: RunRecord, version: VersionRecord, skill: SkillReport, aliases: Mapping[str, str]) -> Standing:
    tests = {
        "dm_p": skill.diebold_mariano,
        "clark_west_p": skill.clark_west,
        "pesaran_timmermann_p": skill.pesaran_timmermann,
    }
    return Standing(
        model_type=run.model_type,
        model_name=version.name,
        model_version=version.version,
        run_id=run.run_id,
        alias=aliases.get(run.model_type),
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
        untested={name: test.reason for name, test in tests.items() if test.reason},
    )
