"""daily, days."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from podium.cli.console import answer, complain, note, say, say_json, working_on
from podium.cli.flags import FOLDERS, Json, takes_settings
from podium.cli.lines import steps_of_days as lines
from podium.cli.lines.cells import plain
from podium.cli.many import Pairs
from podium.cli.steps import EVALUATE, INGEST, TRAIN, ChangeSource
from podium.errors import InputError, PodiumError, RegistryError, SourceError
from podium.settings import Settings

if TYPE_CHECKING:
    from podium.pipeline.daily import Day, Step

DAILY = tuple(dict.fromkeys((
    *INGEST, *TRAIN, *EVALUATE, "retrain", "max_model_age", "prune_after", "stale_after", "calendar", "ledger_address",
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
    from podium.pipeline.telling import message_of
    from podium.report.amount import Amount

    money = Amount.parse(amount) if amount else None
    span = _day(since, "--from"), _day(as_of, "--as-of")
    until = _clock(wait) if wait else None
    names = _pairs(settings, pairs)
    done: list[dict[str, Any]] = []
    codes: set[int] = set()
    for name in names:
        one = settings.model_copy(update={"pair": name})
        try:
            found = _patient(one, span, until, as_json, change_source)
        except PodiumError as error:
            if len(names) == 1:
                raise
            complain(f"{name}: {error}")
            codes.add(error.exit_code)
            continue
        codes |= {each.exit_code for each in found} - {0}
        told = found[-1].next_day
        message = message_of(one, told, found[-1].before, money) if told else ""
        done += [{**each.as_dict(), "message": message if each is found[-1] else ""} for each in found]
        for each in found:
            for line in (*each.notes, *each.alarms):
                note(f"{each.pair}: {line.removeprefix(f'{each.pair}: ')}")
        if not as_json:
            for line in (*map(lines.day_line, found), *([f"\n{message}\n"] if message else [])):
                say(line)
    if as_json:
        say_json(done)
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


def _patient(
    settings: Settings, span: tuple[date | None, date | None], until: datetime | None, quiet: bool, change: bool
) -> list[Day]:
    """The days of a pair; where its rates are late or the source fails, again with longer pauses until a moment."""
    from tenacity import Retrying, retry_if_result, stop_before_delay, wait_exponential

    from podium.pipeline.daily import EXIT_LATE
    from podium.pipeline.daily import daily as do

    def told(of: Day, step: Step) -> None:
        if not quiet:
            say(lines.step_line(of, step))

    def once() -> list[Day]:
        with working_on(settings.pair):
            return do(settings, span[1], since=span[0], chore=_chore, on_step=told, change_source=change)

    if until is None:
        return once()
    left = max(0.0, (until - datetime.now().astimezone()).total_seconds())
    retrying: Any = Retrying(
        retry=retry_if_result(lambda found: found[-1].exit_code in {SourceError.exit_code, EXIT_LATE}),
        wait=wait_exponential(multiplier=30, max=900),
        stop=stop_before_delay(left),
        retry_error_callback=lambda state: state.outcome and state.outcome.result(),
    )
    found: list[Day] = retrying(once)
    return found


def _chore(settings: Settings) -> str:
    """Let go of what is old; see `podium prune`."""
    from podium.upkeep.prune import prune

    found = prune(settings, settings.prune_after, False)
    return f"{len(found.runs)} runs, {len(found.versions)} versions, {found.n_bytes / 1e6:.1f} MB gone"


def _day(text: str, flag: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise InputError(f"{flag} {text!r} is no day; write it as {datetime.now(UTC):%Y-%m-%d}") from None


def _clock(text: str) -> datetime:
    now = datetime.now().astimezone()
    try:
        return datetime.combine(now.date(), time.fromisoformat(text), now.tzinfo)
    except ValueError:
        raise InputError(f"--deadline {text!r} is no time of day; write it as 19:30") from None
