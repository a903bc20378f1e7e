"""What came of many pairs: a row each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from podium.cli.console import table
from podium.cli.lines.cells import picked

if TYPE_CHECKING:
    from podium.pipeline.pairs import PairOutcome


def progress_line(verb: str, done: Sequence[PairOutcome], n_pairs: int, seconds: float) -> str:
    """How far it is, and how long the rest takes at this pace."""
    failed = sum(outcome.failed is not None for outcome in done)
    minutes, rest = divmod(round(seconds / len(done) * (n_pairs - len(done))), 60)
    return f"{verb}: {len(done)} of {n_pairs} pairs done, {failed} failed, about {minutes}:{rest:02} left"


def outcome_lines(outcomes: Sequence[PairOutcome], seconds: float) -> Iterator[str]:
    """One row a pair, then those that failed with their reasons, then the sum."""
    from podium.pipeline.pairs import short

    whole = [outcome for outcome in outcomes if outcome.failed is None]
    rows: list[tuple[str, ...]] = [("pair", *outcome.cells) for outcome in whole[:1]]
    rows += [(outcome.pair, *outcome.cells.values()) for outcome in whole]
    yield from table(rows) if whole else ()
    for outcome in outcomes:
        if outcome.changed == "new title":
            yield f"{outcome.pair}: the title goes from {' to '.join(map(short, outcome.last.champion))}"
        if outcome.failed is not None:
            yield f"{outcome.pair} failed: {outcome.failed}"
    n_new = sum(outcome.new for outcome in outcomes)
    yield (
        f"{len(whole)} of {len(outcomes)} pairs done, {len(outcomes) - len(whole)} failed, {n_new} runs recorded; "
        f"{seconds:.1f} s, {sum(outcome.seconds for outcome in outcomes):.1f} s of work"
    )


def outcome_json(outcome: PairOutcome) -> dict[str, Any]:
    """The same for programs."""
    found = outcome.last
    return {
        **picked(outcome, "pair", "failed", "changed", "notes"),
        **picked(found, "verdict", "proven"),
        "champion": found.champion[1] or None,
        "champion_before": found.champion[0] or None,
        "ratio_to_random_walk": found.ratio,
        "next_day": found.next_day.as_dict() if found.next_day else None,
        "new_runs": outcome.new,
        "seconds": round(outcome.seconds, 3),
    }
