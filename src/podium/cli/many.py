"""`--pairs`: what a verb does for one pair, done for many in one pool, and told as one table."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from podium.cli.console import answer, note, working_on
from podium.cli.lines import per_pair
from podium.settings import Settings

if TYPE_CHECKING:
    from podium.pipeline.pairs import PairResult

EXIT_PERSON = 3
NEEDS_A_PERSON = ("leak", "amber", "degraded")

Pairs = Annotated[str, typer.Option("--pairs", help="Many pairs in one pool: all, majors, crosses or EURUSD,GBPJPY.")]


def for_many(settings: Settings, pairs: str, verb: str, *, as_json: bool, strict: bool = False, **asked: Any) -> bool:
    """Do it for the pairs that are asked for in one pool, or for one pair on a cluster, and leave with an exit code.

    Args:
        settings: of all.
        pairs: what `--pairs` says; nothing is done without, where the work runs here.
        verb: of `podium.pipeline.pairs.STAGES`.
        as_json: answer as JSON.
        strict: fail too where a champion is not proven.
        **asked: further fields of `podium.pipeline.tasks.Asked`.

    Returns:
        Whether many were asked for.
    """
    if not pairs and (settings.engine == "local" or verb in {"status", "forecast", "report"}):
        return False
    from podium.pipeline.pairs import CROWNED, exit_code_of, for_each, named
    from podium.pipeline.tasks import Asked

    names = named(pairs or settings.pair, settings, crowned=verb in CROWNED)
    began, done = time.monotonic(), []
    with working_on(f"{verb}: {len(names)} pairs") as progress:

        def on_done(result: PairResult) -> None:
            done.append(result)
            told = per_pair.progress_line(verb, done, len(names), time.monotonic() - began)
            progress.now(told)
            if not sys.stderr.isatty():
                note(f"{result.pair}: {result.failed or result.changed}; {told}")

        results = for_each(settings, names, Asked(verb, **asked), on_done)
    for result in results:
        for line in result.notes:
            note(f"{result.pair}: {line.removeprefix(f'{result.pair}: ')}")
    if folder := asked.get("folder"):
        note(f"one page over all: {folder / 'index.html'}")
    lines = per_pair.result_lines(results, time.monotonic() - began)
    answer(as_json, [per_pair.result_json(result) for result in results], lines)
    if exit_code := exit_code_of(result.exit_code for result in results):
        raise typer.Exit(exit_code)
    judged = [result.last for result in results] if verb in {"run", "evaluate"} else []
    if any(found.verdict in NEEDS_A_PERSON or (strict and not found.proven) for found in judged):
        raise typer.Exit(EXIT_PERSON)
    return True
