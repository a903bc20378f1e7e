"""daily, days."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time
from typing import Annotated

import typer

from podium.cli.console import answer, note, say, working_on
from podium.cli.flags import FOLDERS, Json, check_options, day_named, takes_settings
from podium.cli.lines import steps_of_days as lines
from podium.cli.lines.cells import plain
from podium.cli.lines.per_pair import result_json
from podium.cli.many import Pairs, for_many
from podium.cli.steps import EVALUATE, INGEST, TRAIN, ChangeSource
from podium.errors import InputError, RegistryError
from podium.settings import Settings

DAILY = tuple(dict.fromkeys((
    *INGEST, *TRAIN, *EVALUATE, "retrain", "max_model_age", "horizons", "prune_after", "stale_after", "calendar",
    "ledger_address",
)))  # fmt: skip
AsOf = Annotated[
    str, typer.Option("--as-of", "--to", help="Last day to do, such as 2026-10-20; the newest if not given.")
]
Since = Annotated[
    str,
    typer.Option("--from", help="First day to do; refused where days before it are missing, since they come first."),
]
Wait = Annotated[
    str, typer.Option("--deadline", help="Where rates are late, try again until this time of today, such as 19:30.")
]
Money = Annotated[str, typer.Option("--amount", help="What it means for an amount of money, such as '1000000 EUR'.")]


@takes_settings(*DAILY)
def daily(
    settings: Settings,
    *,
    pairs: Pairs = "",
    since: Since = "",
    as_of: AsOf = "",
    wait: Wait = "",
    amount: Money = "",
    change_source: ChangeSource = False,
    as_json: Json = False,
) -> None:
    """The day's work, each part once: rates, outcomes, forecasts, training when due, judgement, aliases.

    For the pair, or for every pair that has a title; call it once or ten times a day. Days that were missed are done
    first, one after the other. Exit code 3: a verdict needs a person. 8: rates are late.
    """
    from podium.pipeline.day import DaysAsked
    from podium.pipeline.pairs import day_by_day
    from podium.report.amount import Amount

    check_options(settings)
    asked = DaysAsked(
        since=day_named(since, "--from") if since else None,
        until=day_named(as_of, "--as-of") if as_of else None,
        change_source=change_source,
        chore=chore,
        deadline=_clock(wait) if wait else None,
        amount=Amount.parse(amount) if amount else None,
    )
    names = _pairs(settings, pairs)
    if for_many(settings, ",".join(names) if pairs or len(names) > 1 else "", "daily", as_json=as_json, days=asked):
        return
    one = settings.model_copy(update={"pair": names[0]})
    with working_on(one.pair):
        done = day_by_day(one, asked if as_json else replace(asked, on_step=lambda *step: say(lines.step_line(*step))))
    for line in done.notes:
        note(f"{done.pair}: {line.removeprefix(f'{done.pair}: ')}")
    message = [f"\n{done.last.message}\n"] if done.last.message else []
    answer(as_json, [result_json(done)], [*map(lines.day_line, done.last.days), *message])
    if done.exit_code:
        raise typer.Exit(done.exit_code)


@takes_settings("pair", "ledger_address", *FOLDERS)
def days(
    settings: Settings,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Of every pair.")] = False,
    last: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """What `podium daily` did on which day, the newest first."""
    from contextlib import closing

    from podium.ledger.database import Ledger
    from podium.ledger.day_log import read

    with closing(Ledger.open(settings.ledger, create=False)) as ledger:
        found = read(ledger, None if everything else settings.pair, last)
    answer(as_json, [plain(day) for day in found], lines.logged_lines(found))


def _pairs(settings: Settings, pairs: str) -> list[str]:
    """The pairs that are asked for; every one that has a title where none is."""
    from podium.pipeline.pairs import named

    if not pairs and settings.origin("pair") != "default":
        return [settings.pair]
    try:
        return named(pairs or "all", settings, crowned=True) or [settings.pair]
    except RegistryError:
        return [settings.pair]  # whose day fails of it, and raises the alarm


def chore(settings: Settings) -> tuple[str, bool]:
    """Let go of what is old; see `podium prune`. Pairs whose days are done side by side take turns at it."""
    from filelock import FileLock

    from podium.upkeep.prune import prune

    with FileLock(settings.data_dir / "prune.lock"):
        found = prune(settings, settings.prune_after, False)
    told = f"{len(found.runs)} runs, {len(found.versions)} versions, {found.n_bytes / 1e6:.1f} MB gone"
    return told, bool(found.runs or found.files)


def _clock(text: str) -> datetime:
    now = datetime.now().astimezone()
    try:
        return datetime.combine(now.date(), time.fromisoformat(text), now.tzinfo)
    except ValueError:
        raise InputError(f"--deadline {text!r} is no time of day; write it as 19:30") from None
