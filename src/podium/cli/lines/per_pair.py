"""What came of many pairs: a row each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from podium.cli.console import table
from podium.cli.lines.cells import picked
from podium.cli.lines.steps_of_days import day_json

if TYPE_CHECKING:
    from podium.pipeline.pairs import PairResult


def progress_line(verb: str, done: Sequence[PairResult], n_pairs: int, seconds: float) -> str:
    """How far it is, and how long the rest takes at this pace."""
    failed = sum(result.failed is not None for result in done)
    minutes, rest = divmod(round(seconds / len(done) * (n_pairs - len(done))), 60)
    return f"{verb}: {len(done)} of {n_pairs} pairs done, {failed} failed, about {minutes}:{rest:02} left"


def result_lines(results: Sequence[PairResult], seconds: float) -> Iterator[str]:
    """One row a pair, then those that failed with their reasons, then the sum."""
    from podium.pipeline.pairs import short

    whole = [result for result in results if result.failed is None]
    rows: list[tuple[str, ...]] = [("pair", *result.cells) for result in whole[:1]]
    rows += [(result.pair, *result.cells.values()) for result in whole]
    yield from table(rows) if whole else ()
    for result in results:
        if result.changed == "new title":
            yield f"{result.pair}: the title goes from {short(result.last.before)} to {short(result.last.champion)}"
        if result.failed is not None:
            yield f"{result.pair} failed: {result.failed}"
    n_new = sum(result.new for result in results)
    yield (
        f"{len(whole)} of {len(results)} pairs done, {len(results) - len(whole)} failed, {n_new} runs recorded; "
        f"{seconds:.1f} s, {sum(result.seconds for result in results):.1f} s of work"
    )


def result_json(result: PairResult) -> dict[str, Any]:
    """The same for programs."""
    found = result.last
    return {
        **picked(result, "pair", "failed", "changed", "notes"),
        **picked(found, "verdict", "proven"),
        "champion": found.champion.pinned_uri if found.champion else None,
        "champion_before": found.before.pinned_uri if found.before else None,
        "ratio_to_random_walk": found.ratio,
        "next_day": found.next_day.as_dict() if found.next_day else None,
        "new_runs": result.new,
        "seconds": round(result.seconds, 3),
        "exit_code": result.exit_code,
        **({"days": [day_json(day) for day in found.days], "message": found.message} if found.days else {}),
    }
