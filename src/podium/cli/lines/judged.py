"""The judgement of a championship, and how things stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from podium.cli.console import table
from podium.cli.lines.cells import number, percent, picked, yes

if TYPE_CHECKING:
    from podium.evaluate.judgement import Judgement, Standing
    from podium.pipeline.status import PairStatus, Status


def judgement_lines(judgement: Judgement) -> Iterator[str]:
    """The ranking in the guide's form, then the random walk, the tests and the verdict."""
    yield "*** CHAMPIONSHIP RANKING (Lower RMSE is Better) ***"
    for place, row in enumerate(judgement.ranking, start=1):
        alias = f"gets alias '@{row.alias}'" if row.alias else "gets no alias"
        yield f"{place}. {row.family} (RMSE: {row.skill.rmse:.5f}) -> {row.model_name} (v{row.model_version}) {alias}"
    yield ""
    leader = judgement.leader
    if judgement.champion is not None:
        yield f"Deployment Choice: {judgement.champion} (v{judgement.champion_version})"
    if leader is not None:
        yield validation_line(judgement, leader)
        yield random_walk_line(judgement, leader)
        if leader.skill.fluctuation is not None:
            yield f"Over time: {leader.skill.fluctuation.told}"
        yield ""
    yield from test_lines(judgement)
    yield ""
    yield f"Verdict: {judgement.verdict} - {judgement.reason}"
    yield from (found.message for found in (*judgement.leaks, *judgement.ambers))
    if judgement.series_break:
        yield f"Note: {judgement.series_break}."
    if judgement.proposal:
        yield f"Proposed: {judgement.proposal}; somebody else gives it the title, `podium titles approve N --why ...`"
    if judgement.refused:
        suspects = ",".join(found.contestant for found in (*judgement.leaks, *judgement.ambers))
        yield (
            f"`podium report` shows more; `podium evaluate --without {suspects}` decides without, "
            "--accept-leak takes the responsibility."
        )


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
    elif test.rejects(judgement.alpha_needed):
        says = f"champion was ahead on these days (Diebold-Mariano p = {test.p_value:.2g}), which is no proof yet"
    else:
        says = f"champion does not beat it beyond chance (Diebold-Mariano p = {test.p_value:.2g})"
    return f"Random walk: RMSE {skill.rmse:.6f} {sign} {theirs:.6f}, ratio {number(skill.ratio_to_random_walk)}; {says}"


def test_lines(judgement: Judgement) -> Iterator[str]:
    """One row a contestant: skill against the random walk with its tests, then its intervals."""
    from podium.evaluate.evidence import patience
    from podium.evaluate.significance import TESTS

    head = ("", "ratio", "R2 oos", "direction", "DM p", "CW p", "PT p", "best?")
    walk = ("random walk", "1.0000", "0.00%", "-", "-", "-", "-", yes(judgement.random_walk_in_mcs))
    yield from table([head, *map(_test_row, judgement.ranking), walk])
    yield ""
    yield from table([("", "in 80%", "in 95%", "CRPS skill"), *map(_interval_row, judgement.ranking)])
    yield "ratio, R2: against the random walk; DM, CW, PT: tests of that; best?: it may be. See docs/verdict.md."
    alone = [row.family for row in judgement.ranking if not row.weights]
    yield from (_weights_line(row, alone) for row in judgement.ranking if row.weights)
    for row in judgement.ranking:
        why = {name: test.reason for name, test in row.skill.tests.items()}
        why |= row.intervals.notes if row.intervals else {}
        yield from (f"{row.family}: no {TESTS.get(name, name)}, {reason}" for name, reason in why.items() if reason)
    if judgement.minimum_detectable_r2 is not None:
        yield (
            f"{judgement.n_scored_days:,} scored days find a true R2 of {judgement.minimum_detectable_r2:.1%} in "
            f"four cases of five at p {judgement.alpha_needed:.2g}{judgement.shared}; smaller skill looks like none."
        )
    if judgement.proof is not None:
        yield patience(judgement.proof)


def _weights_line(row: Standing, alone: Sequence[str]) -> str:
    """Whose forecasts a mixture is made of, the largest share first, and who had no part in it."""
    by_weight = sorted(row.weights.items(), key=lambda item: -item[1])
    told = ", ".join(f"{name.replace('_', ' ')} {percent(weight)}" for name, weight in by_weight)
    left_out = [name for name in alone if name not in row.weights]
    without = f"; without {', '.join(left_out)}" if left_out else ""
    return f"{row.family} for tomorrow: {told}{without}"


def _test_row(row: Standing) -> tuple[str, ...]:
    skill = row.skill
    return (
        row.family,
        number(skill.ratio_to_random_walk),
        percent(skill.r2_oos, 2),
        percent(skill.directional_accuracy),
        *(number(test.p_value, 3) for test in skill.tests.values()),
        yes(skill.in_mcs),
    )


def _interval_row(row: Standing) -> tuple[str, ...]:
    found = row.intervals
    if found is None:
        return (row.family, "-", "-", "-")
    return (row.family, percent(found.coverage_80), percent(found.coverage_95), percent(found.crps_skill, 2))


def status_lines(status: Status) -> Iterator[str]:
    """Who leads now, the championship behind it, and what is out of step."""
    from podium.records import ALIASES

    champion, judgement = status.champion, status.judgement
    if status.stale:
        yield f"{status.stale}."
    pinned = f", pinned by hand: {status.pinned}" if status.pinned is not None else ""
    yield f"{status.pair}: champion {champion.name} (v{champion.version}){pinned}"
    if judgement is None:
        yield f"{_untold(status)}; run `podium evaluate`"
    else:
        yield f"title since {_since(status, judgement)}"
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
        if (judgement.champion, judgement.champion_version) != (champion.name, champion.version):
            yield f"The last championship had given the title to {judgement.champion} (v{judgement.champion_version})"
        yield f"Verdict: {judgement.verdict} - {judgement.reason}"


def _untold(status: Status) -> str:
    from podium.registry.judgements import FILE, TAG

    if TAG in status.champion.tags:
        return f"What was decided cannot be read: {FILE} of run {status.champion.run_id}"
    return "It carries no judgement of a championship: the alias was set by hand"


def _since(status: Status, judgement: Judgement) -> str:
    """The moment, with the data's day beside it; that day alone where no entry of the history tells the moment."""
    title = status.title
    if title is None:
        return f"data of {judgement.title_data_day}" if judgement.title_data_day else "unknown"
    day = f", on data up to {title.data_version.last_day}" if title.data_version else ""
    return f"{title.at[:16].replace('T', ' ')} UTC{day}, by {title.by}"


def pair_json(row: PairStatus) -> dict[str, Any]:
    """How things stand for one pair among many, for programs."""
    champion, told = row.champion, row.told
    figures = ("n_scored_days", "r2_oos", "dm_p", "e_value")
    return {
        "pair": champion.pair,
        "champion": champion.name,
        "champion_version": champion.version,
        "verdict": told.verdict if told else None,
        "last_day": str(told.data_version.last_day) if told else None,
        "age_days": row.age_days,
        **(picked(told, *figures) if told else {**dict.fromkeys(figures), "e_value": 0.0}),
        "found": row.found,
    }


def pairs_lines(pairs: Sequence[PairStatus], alpha: float) -> Iterator[str]:
    """One row a pair, then how many of them are proven when all are looked at together."""
    head = ("pair", "champion", "verdict", "data up to", "days", "R2 oos", "DM p", "e-value")
    rows: list[tuple[str, ...]] = [head]
    for row in pairs:
        champion, told = row.champion, row.told
        named = (champion.pair, f"{champion.family} v{champion.version}")
        if told is None:
            rows.append((*named, *"-----", "0"))
            continue
        numbers = (f"{told.n_scored_days:,}", percent(told.r2_oos, 2), number(told.dm_p, 3), f"{told.e_value:.3g}")
        rows.append((*named, told.verdict, str(told.data_version.last_day), *numbers))
    yield from table(rows)
    found = [row.champion.pair for row in pairs if row.found]
    yield (
        f"Beats the random walk, with at most {alpha:.0%} false discoveries at any look (e-BH): "
        f"{', '.join(found) or 'none'}"
    )
