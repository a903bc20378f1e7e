"""What came since: changes of the title, and the arms of an A/B test."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from podium.cli.console import table
from podium.cli.lines.cells import picked, plain
from podium.records import pinned_parts

if TYPE_CHECKING:
    from podium.evaluate.live import Arm, Report
    from podium.registry.history import Title
    from podium.registry.proposals import Proposal


def title_lines(pair: str, titles: Sequence[Title]) -> Iterator[str]:
    """Every change of the title, oldest first."""
    if not titles:
        yield f"{pair}: no title has been given yet"
        return
    for title in titles:
        more = (", renewal" if title.renewal else "") + (", pinned" if title.pinned else "")
        more += f", proposal {title.number}" if title.number else ""
        yield f"{title.at[:19]}Z  {_change(title)}  {title.verdict}{more}"
        on = f" on {title.data_version}" if title.data_version else ""
        yield f"    by {title.by}{on}: {title.why}"


def _change(title: Title) -> str:
    return f"{_short(title.previous) or 'vacant'} -> {_short(title.pinned_uri)}"


def proposal_lines(pair: str, found: Sequence[Proposal]) -> Iterator[str]:
    """Every proposal and what became of it, oldest first."""
    if not found:
        yield f"{pair}: no title has been proposed"
    for one in found:
        yield f"{one.number}  {_change(one.made)}  {one.state}" + (f" until {one.until}" if one.state == "open" else "")
        for step in filter(None, (one.made, one.ended)):
            yield f"    {step.verdict} {step.at[:19]}Z by {step.by}: {step.why}"


def _short(uri: str) -> str:
    name, version = pinned_parts(uri)
    return f"{name} v{version}" if name else uri


def verified_lines(pair: str, n_entries: int, breaks: Sequence[str]) -> Iterator[str]:
    """Where the history was changed beside Podium, or that it was not."""
    told = "1 entry" if n_entries == 1 else f"{n_entries} entries"
    yield from (f"{pair}: {line}" for line in breaks) if breaks else [f"{pair}: {told}, the chain is whole"]


def title_json(title: Title) -> dict[str, Any]:
    """A change of title for programs."""
    return {
        "from": title.previous or None,
        "to": title.pinned_uri,
        "model_name": title.name,
        "model_version": title.version,
        **picked(title, "at", "run_id", "why", "verdict", "by", "pinned", "renewal"),
        "data_version": str(title.data_version or ""),
        "departure": title.departure or None,
        "proposal": title.number or None,
    }


def ab_lines(pair: str, arms: Sequence[Arm], report: Report | None, reason: str) -> Iterator[str]:
    """The error of each arm, the difference on the days that both have, and the answer; else why there is none."""
    yield f"{pair}: each arm over its own settled days"
    rows: list[tuple[str, ...]] = [("arm", "model", "versions", "answers", "shadows", "days", "RMSE")]
    for arm in arms:
        versions = ", ".join(f"v{version}" for version in arm.versions)
        counts = (str(arm.answers), str(arm.shadows), str(arm.n_days))
        rows.append((arm.arm, arm.model_name.removeprefix(f"{pair}_"), versions, *counts, f"{arm.rmse:.6f}"))
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


def ab_json(pair: str, ab_test: str | None, arms: Sequence[Arm], report: Report | None, reason: str) -> dict[str, Any]:
    """The comparison's figures, the error of each arm over its own days, and why there is no comparison, if so.

    `experiment` is what release 0.1 called the A/B test.
    """
    compared = plain(report) if report is not None else {"pair": pair, "ab_test": ab_test, "answer": None}
    return {**compared, "experiment": ab_test, "arms": plain(list(arms)), "reason": reason or None}
