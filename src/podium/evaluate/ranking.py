"""In what order the runs of a championship stand. Pure: it knows no registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from podium.records import RunRecord


def best_per_family(
    runs: Iterable[RunRecord], takes_part: Callable[[RunRecord], bool] = lambda run: True
) -> list[RunRecord]:
    """The run with the lowest RMSE of each family; of equal ones the oldest, so that a repeat changes nothing.

    Args:
        runs: of one championship.
        takes_part: asked of the best of a family, and of the next where it may not.
    """
    best: dict[str, RunRecord] = {}
    for run in sorted(runs, key=_order):
        if run.family not in best and takes_part(run):
            best[run.family] = run
    return list(best.values())


def rank(runs: Iterable[RunRecord]) -> list[RunRecord]:
    """Runs in order of RMSE, the lowest first; equal ones in order of time, then of name."""
    return sorted(runs, key=_order)


def _order(run: RunRecord) -> tuple[float, int, str, str]:
    return run.rmse, run.started_at, run.family, run.run_id
