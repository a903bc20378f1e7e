"""What came of many pairs: a row each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from podium.cli.console import table
from podium.cli.lines.cells import number

if TYPE_CHECKING:
    from podium.pipeline.pairs import PairOutcome


def progress_line(verb: str, done: Sequence[PairOutcome], n_pairs: int, seconds: float) -> str:
    """How far it is, and how long the rest takes at this pace."""
    failed = sum(outcome.failed is not None for outcome in done)
    minutes, rest = divmod(round(seconds / len(done) * (n_pairs - len(done))), 60)
    return f"{verb}: {len(done)} of {n_pairs} pairs done, {failed} failed, about {minutes}:{rest:02} left"


def outcome_lines(outcomes: Sequence[PairOutcome], seconds: float) -> Iterator[str]:
    """One row a pair, then those that failed with their reasons, then the sum."""
    rows: list[tuple[str, ...]] = [("pair", "champion", "ratio", "verdict", "next day, 80%", "changed", "s")]
    whole = [outcome for outcome in outcomes if outcome.failed is None]
    rows += [_row(outcome) for outcome in whole]
    yield from table(rows) if whole else ()
    for outcome in outcomes:
        if outcome.changed == "new title":
            yield f"{outcome.pair}: the title goes from {' to '.join(map(_model, outcome.last.champion))}"
        if outcome.failed is not None:
            yield f"{outcome.pair} failed: {outcome.failed}"
    n_new = sum(outcome.new for outcome in outcomes)
    yield (
        f"{len(whole)} of {len(outcomes)} pairs done, {len(outcomes) - len(whole)} failed, {n_new} runs recorded; "
        f"{seconds:.1f} s, {sum(outcome.seconds for outcome in outcomes):.1f} s of work"
    )


def _row(outcome: PairOutcome) -> tuple[str, ...]:
    from podium.records import rate_digits

    found = outcome.last
    range_80 = "-"
    if found.next_day is not None and found.next_day.interval is not None:
        digits, rates = rate_digits(found.next_day.close), found.next_day.rates
        range_80 = f"{rates['lower_80']:.{digits}f}-{rates['upper_80']:.{digits}f}"
    cells = (outcome.pair, _model(found.champion[1]), number(found.ratio), found.verdict or "-", range_80)
    return (*cells, outcome.changed, f"{outcome.seconds:.0f}")


def _model(uri: str) -> str:
    """`LSTM v3` of `models:/EURUSD_LSTM/3`."""
    name, _, version = uri.rpartition("/")
    return f"{name.partition('_')[2]} v{version}" if uri else "-"


def outcome_json(outcome: PairOutcome) -> dict[str, Any]:
    """The same for programs."""
    found = outcome.last
    return {
        "pair": outcome.pair,
        "failed": outcome.failed,
        "champion": found.champion[1] or None,
        "champion_before": found.champion[0] or None,
        "ratio_to_random_walk": found.ratio,
        "verdict": found.verdict,
        "proven": found.proven,
        "next_day": found.next_day.as_dict() if found.next_day else None,
        "changed": outcome.changed,
        "new_runs": outcome.new,
        "seconds": round(outcome.seconds, 3),
        "notes": list(outcome.notes),
    }
