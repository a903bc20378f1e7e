"""What the verbs say, as lines for people and as plain values for programs. Pure, so that golden files can hold it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from podium.cli.console import table
from podium.records import rate_digits

if TYPE_CHECKING:
    from podium.evaluate.judgement import Judgement, Standing
    from podium.evaluate.live import Arm, Report
    from podium.pipeline.prepare import Ingested
    from podium.pipeline.routine import Simulation
    from podium.pipeline.status import PairStatus, Status
    from podium.records import FeatureTable, NextDay, RunRecord
    from podium.registry.history import Title


def ingested_line(ingested: Ingested) -> str:
    """What was stored, and where."""
    series = ingested.series
    return (
        f"{series.pair}: {len(series):,} days from {series.dates[0]} to {series.dates[-1]} "
        f"-> {ingested.path} ({ingested.data_version})"
    )


def ingested_json(ingested: Ingested) -> dict[str, Any]:
    """The same for programs."""
    series = ingested.series
    return {
        "pair": series.pair,
        "data_version": str(ingested.data_version),
        "source": series.source,
        "n_days": len(series),
        "first_day": str(series.dates[0]),
        "last_day": str(series.dates[-1]),
        "last_close": float(series.closes[-1]),
        "path": str(ingested.path),
        "notes": list(ingested.notes),
    }


def features_line(features: FeatureTable, path: Path) -> str:
    """What was made, and where."""
    return f"{features.pair}: {len(features):,} origins, {len(features.names)} features -> {path}"


def features_json(features: FeatureTable, path: Path) -> dict[str, Any]:
    """The same for programs."""
    return {
        "pair": features.pair,
        "data_version": str(features.data_version),
        "n_origins": len(features),
        "features": list(features.names),
        "path": str(path),
    }


def trained_line(run: RunRecord) -> str:
    """A contestant's scores."""
    return f"{run.family}: RMSE {run.rmse:.5f}, MAE {run.metrics['mae']:.5f}, {_direction(run)} (run {run.run_id})"


def _direction(run: RunRecord) -> str:
    accuracy = run.metrics.get("directional_accuracy")
    return "no direction" if accuracy is None else f"direction {accuracy:.1%}"


def run_json(run: RunRecord) -> dict[str, Any]:
    """A completed run for programs."""
    return {
        "run_id": run.run_id,
        "family": run.family,
        "model_uri": run.model_uri,
        "data_version": str(run.data_version),
        "scored_days": run.scored_days,
        "metrics": {name: value for name, value in run.metrics.items() if math.isfinite(value)},
    }


TESTS = {
    "diebold_mariano": "Diebold-Mariano",
    "clark_west": "Clark-West",
    "pesaran_timmermann": "Pesaran-Timmermann",
}


def judgement_lines(judgement: Judgement) -> Iterator[str]:
    """The ranking in the guide's form, then the random walk, the tests and the verdict."""
    yield "*** CHAMPIONSHIP RANKING (Lower RMSE is Better) ***"
    for number, row in enumerate(judgement.ranking, start=1):
        alias = f"gets alias '@{row.alias}'" if row.alias else "gets no alias"
        yield f"{number}. {row.family} (RMSE: {row.skill.rmse:.5f}) -> {row.model_name} (v{row.model_version}) {alias}"
    yield ""
    leader = judgement.leader
    if judgement.champion is not None:
        yield f"Deployment Choice: {judgement.champion} (v{judgement.champion_version})"
    if leader is not None:
        yield validation_line(judgement, leader)
        yield random_walk_line(judgement, leader)
        yield ""
    yield from test_lines(judgement)
    yield ""
    yield f"Verdict: {judgement.verdict} - {judgement.reason}"
    yield from (found.message for found in judgement.leaks)


def validation_line(judgement: Judgement, leader: Standing) -> str:
    """The guide's line: the champion against persistence."""
    ours, theirs = leader.skill.rmse, judgement.baselines["persistence"]["rmse"]
    beats, sign = ("beats", "<") if ours < theirs else ("does not beat", ">=")
    return f"Validation: Champion {beats} Baseline ({ours:.5f} {sign} {theirs:.5f})"


def random_walk_line(judgement: Judgement, leader: Standing) -> str:
    """The champion against the forecast of no change, with the test that says whether the difference means anything."""
    skill, theirs = leader.skill, judgement.baselines["random_walk"]["rmse"]
    sign, test = "<" if skill.rmse < theirs else ">=", skill.diebold_mariano
    if test.p_value is None:
        says = f"no test ({test.reason or 'not computed'})"
    elif skill.rmse >= theirs:
        says = "champion does not beat it"
    elif judgement.proven:
        says = f"champion beats it (Diebold-Mariano p = {test.p_value:.2g})"
    else:
        says = f"champion does not beat it beyond chance (Diebold-Mariano p = {test.p_value:.2g})"
    return (
        f"Random walk: RMSE {skill.rmse:.6f} {sign} {theirs:.6f}, ratio {_number(skill.ratio_to_random_walk)}; {says}"
    )


def test_lines(judgement: Judgement) -> Iterator[str]:
    """One row a contestant: skill against the random walk, tests, intervals."""
    head = ("", "ratio", "R2 oos", "direction", "DM p", "CW p", "PT p", "best?", "in 80%", "in 95%", "CRPS skill")
    walk = ("random walk", "1.0000", "0.00%", "-", "-", "-", "-", _yes(judgement.random_walk_in_mcs), "-", "-", "-")
    yield from table([head, *map(_test_row, judgement.ranking), walk])
    for row in judgement.ranking:
        why = {name: test.reason for name, test in row.skill.tests.items()}
        why |= row.intervals.notes if row.intervals else {}
        yield from (f"{row.family}: no {TESTS.get(name, name)}, {reason}" for name, reason in why.items() if reason)
    if judgement.minimum_detectable_r2 is not None:
        yield (
            f"{judgement.n_scored_days:,} scored days find a true R2 of {judgement.minimum_detectable_r2:.1%} in "
            f"four cases of five at p {judgement.alpha_needed:.2g}{_several(judgement)}; smaller skill looks like none."
        )


def _several(judgement: Judgement) -> str:
    tried = judgement.recipes_tried
    return f" ({judgement.alpha:g} shared by {tried} recipes tried)" if tried > 1 else ""


def _test_row(row: Standing) -> tuple[str, ...]:
    skill, intervals = row.skill, row.intervals
    return (
        row.family,
        _number(skill.ratio_to_random_walk),
        _percent(skill.r2_oos, 2),
        _percent(skill.directional_accuracy),
        *(_number(test.p_value, 3) for test in skill.tests.values()),
        _yes(skill.in_mcs),
        _percent(intervals.coverage_80 if intervals else None),
        _percent(intervals.coverage_95 if intervals else None),
        _percent(intervals.crps_skill if intervals else None, 2),
    )


def _number(value: float | None, digits: int = 4) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _percent(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}%}"


def _yes(value: bool | None) -> str:
    return "-" if value is None else "may be" if value else "no"


def status_lines(status: Status) -> Iterator[str]:
    """Who leads now, the championship behind it, and what is out of step."""
    from podium.records import ALIASES

    champion, judgement = status.champion, status.judgement
    pinned = f", pinned by hand: {status.pinned}" if status.pinned is not None else ""
    yield f"{status.pair}: champion {champion.name} (v{champion.version}){pinned}"
    if judgement is None:
        yield "It carries no outcome of a championship: the alias was set by hand; run `podium evaluate`"
    else:
        yield f"title since {judgement.title_since or 'unknown'}"
        yield f"decided on {judgement.data_version}, {judgement.scored_days}"
    if status.age_days is not None:
        yield f"data {status.age_days} days old"
    for alias in ALIASES:
        holders = status.aliases.get(alias, [])
        remedy = " - more than one; run `podium evaluate`" if len(holders) > 1 else ""
        yield f"@{alias}: {', '.join(holders) or 'nobody'}{remedy}"
    if status.pointer_agrees is False:
        yield f"models/best_model_info.{status.pair}.json does not name this champion; run `podium evaluate`"
    if judgement is not None:
        yield ""
        yield from test_lines(judgement)
        yield ""
        yield f"Verdict: {judgement.verdict} - {judgement.reason}"


def pairs_lines(pairs: Sequence[PairStatus], alpha: float) -> Iterator[str]:
    """One row a pair, then how many of them are proven when all are looked at together."""
    head = ("pair", "champion", "verdict", "data up to", "days", "R2 oos", "DM p", "adjusted")
    rows: list[tuple[str, ...]] = [head]
    for row in pairs:
        named = (row.pair, f"{row.champion} (v{row.champion_version})", row.verdict or "-", row.last_day or "-")
        numbers = ("-" if row.n_scored_days is None else f"{row.n_scored_days:,}", _percent(row.r2_oos, 2))
        rows.append((*named, *numbers, _number(row.dm_p, 3), _number(row.dm_p_adjusted, 3)))
    yield from table(rows)
    proven = [row.pair for row in pairs if row.dm_p_adjusted is not None and row.dm_p_adjusted <= alpha]
    yield (
        f"Beats the random walk, with at most {alpha:.0%} false discoveries (Benjamini-Hochberg): "
        f"{', '.join(proven) or 'none'}"
    )


def forecast_lines(forecasts: Sequence[NextDay], today: date | None = None) -> Iterator[str]:
    """One row a horizon, then who says so, from what, and how good it is."""
    first = forecasts[0]
    digits = rate_digits(first.close)
    yield f"{first.pair} stood at {first.close:.{digits}f} on {first.origin}"
    head = ("day", "ahead", "forecast", "return", "80% between", "and", "95% between", "and", "rise")
    rows: list[tuple[str, ...]] = [head]
    for item in forecasts:
        shown = [f"{rate:.{digits}f}" for rate in item.rates.values()]
        expected = f"{item.forecast_rate:.{digits}f}"
        rise = _percent(item.probability_of_rise, 0)
        rows.append((str(item.target_date), str(item.horizon), expected, f"{item.forecast:+.3%}", *shown, rise))
    yield from table(rows)
    yield (
        f"by {first.model_name} (v{first.model_version}), "
        f"range by {first.interval.volatility_model if first.interval else 'nobody'}, "
        f"data up to {first.origin}, {first.age_days(today)} days old ({first.data_version})"
    )
    for item in forecasts:
        if item.verdict is not None:
            yield f"Verdict: {item.verdict} - {item.reason}"
    ahead = next((item for item in forecasts if item.horizon > 1), None)
    if ahead is not None:
        yield f"More than a day ahead: {ahead.reason}."


def simulation_lines(simulation: Simulation) -> Iterator[str]:
    """One row a policy: changes of title, and what came of always serving the champion."""
    first = simulation.replays[0]
    yield (
        f"{simulation.pair}: {first.looks} monthly championships, {first.served_days:,} days served "
        f"from {first.dates[0]} to {first.dates[-1]} ({simulation.data_version})"
    )
    yield (
        f"Each ranked on the {simulation.routine.trailing_days:,} days before it; contestants refitted every "
        f"{simulation.routine.refit_every} days."
    )
    others = [f"vs {name}" for name in simulation.contestants]
    rows: list[tuple[str, ...]] = [("policy", "changes", "regretted", "RMSE", "vs walk", "t", *others)]
    for replay in simulation.replays:
        against = [_loss(replay.loss_vs_contestant.get(name)) for name in simulation.contestants]
        counts = (str(replay.title_changes), str(replay.regretted), f"{replay.rmse:.6f}")
        walk = (_loss(replay.loss_vs_random_walk), _number(replay.t_vs_random_walk, 1))
        rows.append((replay.policy, *counts, *walk, *against))
    yield from table(rows)
    yield "vs: squared error of always serving the champion over that of the other, less one; below zero is better."
    yield "t: of the difference from the random walk (walk); between -2 and 2 it is not told from none."


def _loss(value: float | None) -> str:
    return "-" if value is None else f"{value:+.3%}"


def simulation_json(simulation: Simulation) -> dict[str, Any]:
    """The same for programs."""
    return {
        "pair": simulation.pair,
        "data_version": str(simulation.data_version),
        "contestants": list(simulation.contestants),
        "first_day": simulation.first_day,
        "last_day": simulation.last_day,
        "learn_days": simulation.routine.learn_days,
        "refit_every": simulation.routine.refit_every,
        "trailing_days": simulation.routine.trailing_days,
        "policies": [
            {
                "policy": replay.policy,
                "looks": replay.looks,
                "title_changes": replay.title_changes,
                "regretted": replay.regretted,
                "served_days": replay.served_days,
                "rmse": replay.rmse,
                "loss_vs_random_walk": replay.loss_vs_random_walk,
                "t_vs_random_walk": replay.t_vs_random_walk,
                "loss_vs_contestant": dict(replay.loss_vs_contestant),
                "verdicts": dict(replay.verdicts),
                "reigns": [
                    {
                        "champion": reign.champion,
                        "since": str(reign.since),
                        "until": str(reign.until),
                        "n_days": reign.n_days,
                        "regretted": reign.regretted,
                    }
                    for reign in replay.reigns
                ],
            }
            for replay in simulation.replays
        ],
    }


def title_lines(pair: str, titles: Sequence[Title]) -> Iterator[str]:
    """Every change of the title, oldest first."""
    if not titles:
        yield f"{pair}: no title has been given yet"
        return
    for title in titles:
        pinned = ", pinned" if title.pinned else ""
        change = f"{_short(title.previous) or 'vacant'} -> {_short(title.pinned_uri)}"
        yield f"{title.at[:19]}Z  {change}  {title.verdict}{pinned}"
        on = f" on {title.data_version}" if title.data_version else ""
        yield f"    by {title.by}{on}: {title.why}"


def _short(uri: str) -> str:
    return uri.removeprefix("models:/").replace("/", " v")


def title_json(title: Title) -> dict[str, Any]:
    """A change of title for programs."""
    return {
        "at": title.at,
        "from": title.previous or None,
        "to": title.pinned_uri,
        "model_name": title.name,
        "model_version": title.version,
        "run_id": title.run_id,
        "why": title.why,
        "verdict": title.verdict,
        "data_version": str(title.data_version or ""),
        "by": title.by,
        "pinned": title.pinned,
    }


def ab_lines(pair: str, arms: Sequence[Arm], report: Report | None, reason: str) -> Iterator[str]:
    """The error of each arm, the difference on the days that both have, and the answer; else why there is none."""
    yield f"{pair}: each arm over its own settled days"
    rows: list[tuple[str, ...]] = [("arm", "model", "versions", "answers", "shadows", "days", "RMSE")]
    for arm in arms:
        versions = ", ".join(f"v{version}" for version in arm.versions)
        counts = (str(arm.answers), str(arm.shadows), str(arm.n_days))
        rows.append((arm.arm, arm.model_name, versions, *counts, f"{arm.rmse:.6f}"))
    yield from table(rows)
    if report is None:
        yield f"No comparison: {reason}"
        return
    yield from _comparison_lines(report)


def _comparison_lines(report: Report) -> Iterator[str]:
    yield (
        f"on the {report.n_days} settled days on which both made a forecast: RMSE {report.champion.rmse:.6f} of the "
        f"champion, {report.challenger.rmse:.6f} of the challenger, {report.random_walk_rmse:.6f} of the random walk"
    )
    difference = f"champion's minus challenger's mean squared error {report.difference:+.3g}"
    if math.isinf(report.lower):
        yield f"{difference}; the confidence sequence begins on day {report.min_days}"
    else:
        yield (
            f"{difference}, {1 - report.alpha:.0%} confidence sequence from {report.lower:+.3g} to "
            f"{report.upper:+.3g}; above zero favours the challenger"
        )
    needed = f"; about {report.days_needed:,} days more at this pace" if report.days_needed else ""
    yield f"Answer: {report.answer}{needed}"


def ab_json(
    pair: str, experiment: str | None, arms: Sequence[Arm], report: Report | None, reason: str
) -> dict[str, Any]:
    """The comparison's figures, the error of each arm over its own days, and why there is no comparison, if so."""
    compared = plain(report) if report is not None else {"pair": pair, "experiment": experiment, "answer": None}
    return {**compared, "arms": plain(list(arms)), "reason": reason or None}


def plain(record: Any) -> Any:
    """A record of the serving room as JSON knows it: arrays as lists, dates as text, what is not finite as null."""
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return {field.name: plain(getattr(record, field.name)) for field in dataclasses.fields(record)}
    if hasattr(record, "tolist"):  # an array or a number of numpy, which is not imported for this
        return plain(record.tolist())
    if isinstance(record, (list, tuple)):
        return [plain(value) for value in record]
    if isinstance(record, float):
        return record if math.isfinite(record) else None
    return record if record is None or isinstance(record, (str, int, bool)) else str(record)
