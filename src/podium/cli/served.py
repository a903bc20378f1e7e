"""serve, ledger, settle, ab, key."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from podium.cli.console import note, say, say_json, say_whole, working_on
from podium.cli.flags import FOLDERS, SERVING, Json, pair_named, takes_settings
from podium.cli.lines import cells, since
from podium.errors import MissingError, SettingError
from podium.settings import Settings

if TYPE_CHECKING:
    from podium.ledger import Ledger

NEWLINE = "\n"
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the beginning of a formula


@takes_settings("tracking_uri", "registry_uri", "ledger_address", "alpha", *FOLDERS, *SERVING)
def serve(settings: Settings) -> None:
    """Serve the champions: MLflow's scoring protocol, forecasts with ranges, A/B, dashboard; Ctrl-C drains and ends.

    POST /invocations, GET /v1/forecast/{pair}, /v1/podium/{pair}, /metrics, /health, /docs and / for people. Binds to
    loopback; other addresses need API keys (`podium key`) or --insecure.
    """
    with ExitStack() as stack:
        stack.enter_context(working_on("starting to serve: loading the champions"))
        from podium.serve.processes.supervisor import serve as run

        def announce(line: str) -> None:
            stack.close()
            say(line)

        exit_code = run(settings, announce)
    raise typer.Exit(exit_code)


@takes_settings("ledger_address", "data_dir")
def ledger(
    settings: Settings,
    *,
    pair: Annotated[str, typer.Option(help="Only this pair.")] = "",
    since: Annotated[str, typer.Option(help="Only forecasts from this day or moment on, such as 2026-10-30.")] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values with a header.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a line; the default.")] = False,
) -> None:
    """Export the ledger: one line a forecast, with its id and, where it is known, what came.

    In CSV a text that a spreadsheet would run as a formula has an apostrophe in front; JSON has every text as it came.
    """
    from podium.ledger import COLUMNS, rows

    if as_csv and as_json:
        raise SettingError("--csv and --json exclude each other; choose one")
    wanted = pair_named(pair, "--pair") if pair else None
    with _opened(settings) as opened:
        lines = rows(opened, since=since or None, pair=wanted)
        _write_csv(COLUMNS, lines) if as_csv else _write_lines(lines)


@takes_settings("pair", "ledger_address", *FOLDERS)
def settle(settings: Settings, as_json: Json = False) -> None:
    """Join served forecasts with the returns that have come since; doing it again changes nothing.

    The returns are those of the stored series; `podium ingest` brings the newest.
    """
    from podium.data.store import data_version, load_series
    from podium.ledger.settling import settle as act
    from podium.pipeline.prepare import series_path

    series = load_series(series_path(settings))
    with _opened(settings) as opened:
        found = act(opened, series, data_version(series))
    if as_json:
        say_json({"pair": settings.pair, **cells.plain(found)})
        return
    say(
        f"{settings.pair}: {found.new} new outcomes, {found.revised} revised, {found.unchanged} known already, "
        f"{found.waiting} still to come, {found.unknown} without a day in the series"
    )


@takes_settings("pair", "alpha", "ledger_address", *FOLDERS)
def ab(
    settings: Settings,
    *,
    champion: Annotated[
        str, typer.Option(help="Registered model to be beaten; the last one served if not given.")
    ] = "",
    challenger: Annotated[
        str, typer.Option(help="Registered model against it; the last one served if not given.")
    ] = "",
    ab_test: Annotated[str, typer.Option(help="Only this A/B test.")] = "",
    experiment: Annotated[str, typer.Option(hidden=True)] = "",
    as_json: Json = False,
) -> None:
    """Who is winning, as far as served forecasts and settled days can tell: one answer of four.

    `keep going`, `challenger better`, `champion better`, `no use going on`. It may be asked every day. Where nothing
    can be compared, the error of each arm over its own settled days, and why.
    """
    from podium.evaluate.live import compare_live, own_errors
    from podium.ledger.settled import settled_days

    named = {arm: name for arm, name in (("champion", champion), ("challenger", challenger)) if name}
    found, reason = None, ""
    if experiment:
        note("--experiment is now --ab-test; the old name is read in this release only")
    only = ab_test or experiment or None
    with _opened(settings) as opened:
        days = settled_days(opened, settings.pair, only)
    arms = own_errors(days, named)
    try:
        found = compare_live(
            days,
            settings.pair,
            champion=champion or None,
            challenger=challenger or None,
            experiment=only,
            alpha=settings.alpha,
        )
    except MissingError as error:
        if not arms:
            raise
        reason = str(error)
    if as_json:
        say_json(since.ab_json(settings.pair, only, arms, found, reason))
        return
    for line in since.ab_lines(settings.pair, arms, found, reason):
        say(line)


@takes_settings("serve.keys_file")
def key(
    settings: Settings,
    label: Annotated[str, typer.Argument(help="Who will use the key.")],
    until: Annotated[str, typer.Option(help="Last day on which it is valid, such as 2027-06-30.")] = "",
) -> None:
    """Make an API key: the key on standard output, once; its line into the key file, else on standard error.

    Without --keys-file, `podium key ann 2>> keys > ann.key` does the same.
    """
    from podium.serve.web.security import new_key

    secret, line = new_key(label, _day(until) if until else None)
    if settings.serve.keys_file is None:
        print(line, file=sys.stderr)
    else:
        _append(settings.serve.keys_file, line)
        note(f"the line of {label} is in {settings.serve.keys_file}")
    say_whole(secret)


def _day(text: str) -> date:
    try:
        ends = date.fromisoformat(text)
    except ValueError:
        raise SettingError(f"--until {text!r}: give a day, such as 2027-06-30") from None
    if ends < datetime.now(UTC).date():
        raise SettingError(f"--until {text}: that day is over, and the key would be dead from birth")
    return ends


def _append(path: Path, line: str) -> None:
    """Add a line to a file that its owner alone may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+", encoding="utf-8") as file:
        if path.stat().st_mode & 0o077:
            note(f"{path} can be read by others; `chmod 600 {path}` keeps it yours")
        begun = file.read()
        file.write(f"{'' if not begun or begun.endswith(NEWLINE) else NEWLINE}{line}{NEWLINE}")


def _opened(settings: Settings) -> closing[Ledger]:
    from podium.ledger import Ledger

    return closing(Ledger.open(settings.ledger, create=False))


def _write_lines(lines: Iterator[dict[str, Any]]) -> None:
    for line in lines:
        say_whole(json.dumps(line, allow_nan=False))


def _write_csv(names: Sequence[str], lines: Iterator[dict[str, Any]]) -> None:
    writer = csv.DictWriter(sys.stdout, fieldnames=names)
    writer.writeheader()
    writer.writerows({name: _inert(value) for name, value in line.items()} for line in lines)


def _inert(value: Any) -> Any:
    # A client chooses its request key; a spreadsheet runs a text that begins like a formula. Numbers are no texts.
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
