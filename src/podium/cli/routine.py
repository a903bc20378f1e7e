"""daily, days."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from podium.cli.console import answer, complain, note, say, working_on
from podium.cli.flags import FOLDERS, Json, takes_settings
from podium.cli.lines import daily as lines
from podium.cli.many import Pairs
from podium.cli.steps import EVALUATE, INGEST, TRAIN, ChangeSource
from podium.errors import InputError, PodiumError
from podium.settings import Settings

if TYPE_CHECKING:
    from podium.pipeline.daily import Day, Step

DAILY = tuple(dict.fromkeys((*INGEST, *TRAIN, *EVALUATE, "retrain", "max_model_age", "prune_after")))
Until = Annotated[
    str, typer.Option("--as-of", "--to", help="Last day to do, such as 2026-10-20; the newest if not given.")
]


@takes_settings(*DAILY, "ledger_address", "deadline", "calendar")
def daily(
    settings: Settings,
    *,
    pairs: Pairs = "",
    until: Until = "",
    patience: Annotated[
        str, typer.Option("--wait", help="Where rates are late, try again until this time of today, such as 19:30.")
    ] = "",
    change_source: ChangeSource = False,
    as_json: Json = False,
) -> None:
    """The day's work, each part once: rates, outcomes, forecasts, training when due, judgement, aliases.

    For the pair, or for every pair that has a title; call it once or ten times a day. Days that were missed are done
    first, one after the other. Exit code 3: a verdict needs a person. 8: rates are late.
    """
    from podium.pipeline.daily import BUSY
    from podium.pipeline.daily import daily as do

    day = _day(until, "--as-of") if until else None
    done: list[Day] = []
    failed: dict[str, PodiumError] = {}

    def told(of: Day, step: Step) -> None:
        if not as_json:
            say(lines.step_line(of, step))

    names = _pairs(settings, pairs)
    for name in names:
        one = settings.model_copy(update={"pair": name})
        try:
            with working_on(f"{name}"):
                found = do(one, day, chore=_chore, on_step=told, change_source=change_source)
        except PodiumError as error:
            if len(names) == 1:
                raise
            complain(f"{name}: {error}")
            failed[name] = error
            continue
        done += found
        for each in found:
            for line in each.notes:
                note(f"{each.pair}: {line.removeprefix(f'{each.pair}: ')}")
            if not as_json and each.result != BUSY:
                say(lines.day_line(each))
    answer(as_json, [each.as_dict() for each in done], ())
    codes = {each.exit_code for each in done if each.exit_code} | {error.exit_code for error in failed.values()}
    if codes:
        raise typer.Exit(codes.pop() if len(codes) == 1 else 1)


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

    from podium.ledger.daily import read
    from podium.ledger.database import Ledger

    with closing(Ledger.open(settings.ledger, create=False)) as ledger:
        found = read(ledger, None if everything else settings.pair, last)
    answer(as_json, [_plain(day) for day in found], lines.logged_lines(found))


def _plain(day: Any) -> dict[str, Any]:
    values = dataclasses.asdict(day)
    times = {name: values[name] and values[name].isoformat() for name in ("begun_at", "ended_at")}
    return {**values, **times, "day": str(day.day)}


def _pairs(settings: Settings, pairs: str) -> list[str]:
    """The pairs that are asked for; every one that has a title where none is."""
    from podium.pipeline.pairs import named

    if pairs:
        return named(pairs, settings, crowned=True)
    if settings.origin("pair") != "default":
        return [settings.pair]
    return named("all", settings, crowned=True) or [settings.pair]


def _chore(settings: Settings) -> str:
    """Let go of what is old; see `podium prune`."""
    from podium.upkeep.prune import prune

    found = prune(settings, settings.prune_after, False)
    return f"{len(found.runs)} runs, {len(found.versions)} versions, {found.n_bytes / 1e6:.1f} MB gone"


def _day(text: str, flag: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{flag} {text!r} is no day; write it as {datetime.now().astimezone():%Y-%m-%d}") from None
