"""serve, ledger, settle, ab, key."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from podium.cli import texts
from podium.cli.championship import Json
from podium.cli.console import note, say, say_json
from podium.cli.options import FOLDERS, takes_settings
from podium.errors import MissingError, SettingError
from podium.serve.processes.options import ServeOptions
from podium.settings import Settings

if TYPE_CHECKING:
    from podium.ledger import Ledger

SERVED = (
    "host", "port", "workers", "split", "experiment", "salt", "shadow", "ledger", "ledger_durability", "interval",
    "keys_file", "insecure", "max_body", "max_rows", "max_in_flight", "drain",
    "mlflow_ui",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the beginning of a formula
Pairs = Annotated[
    str, typer.Option("--pair", help="Pairs, such as EURUSD,GBPJPY; every pair with a champion if not given.")
]


def enrol(app: typer.Typer) -> None:
    """Add the verbs of this room."""
    for verb in (serve, ledger, settle, ab, key):
        app.command(name=verb.__name__)(verb)


@takes_settings("tracking_uri", "registry_uri", "ledger_address", "alpha", *FOLDERS, record=ServeOptions, fields=SERVED)
def serve(
    settings: Settings,
    options: ServeOptions,
    *,
    pair: Pairs = "",
    allowed_hosts: Annotated[str, typer.Option(help="Further names that a client may call the server by.")] = "",
) -> None:
    """Serve the champions: MLflow's scoring protocol, forecasts with ranges, A/B, dashboard; Ctrl-C drains and ends.

    POST /invocations, GET /v1/forecast/{pair}, /v1/podium/{pair}, /metrics, /health, /docs and / for people. Binds to
    loopback; other addresses need API keys (`podium key`) or --insecure.
    """
    import dataclasses

    from podium.serve.processes.supervisor import serve as run

    options = dataclasses.replace(
        options,
        pairs=_pairs(pair),
        allowed_hosts=_words(allowed_hosts),
        ledger_address=settings.ledger,
    )
    raise typer.Exit(run(settings, options, say))


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
    wanted = _pairs(pair)
    with _opened(settings) as opened:
        lines = rows(opened, since=since or None, pair=wanted[0] if wanted else None)
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
        say_json({"pair": settings.pair, **texts.plain(found)})
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
    experiment: Annotated[str, typer.Option(help="Only this experiment.")] = "",
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
    with _opened(settings) as opened:
        days = settled_days(opened, settings.pair, experiment or None)
    arms = own_errors(days, named)
    try:
        found = compare_live(
            days,
            settings.pair,
            champion=champion or None,
            challenger=challenger or None,
            experiment=experiment or None,
            alpha=settings.alpha,
        )
    except MissingError as error:
        if not arms:
            raise
        reason = str(error)
    if as_json:
        say_json(texts.ab_json(settings.pair, experiment or None, arms, found, reason))
        return
    for line in texts.ab_lines(settings.pair, arms, found, reason):
        say(line)


def key(
    label: Annotated[str, typer.Argument(help="Who will use the key.")],
    until: Annotated[str, typer.Option(help="Last day on which it is valid, such as 2027-06-30.")] = "",
) -> None:
    """Make an API key: the key on standard output, once; the line for the key file on standard error."""
    from podium.serve.web.security import new_key

    try:
        ends = date.fromisoformat(until) if until else None
    except ValueError:
        raise SettingError(f"--until {until!r}: give a day, such as 2027-06-30") from None
    secret, line = new_key(label, ends)
    note(f"add this line to the key file: {line}")
    say(secret)


def _opened(settings: Settings) -> closing[Ledger]:
    from podium.ledger import Ledger

    return closing(Ledger.open(settings.ledger, create=False))


def _write_lines(lines: Iterator[dict[str, Any]]) -> None:
    for line in lines:
        say(json.dumps(line, allow_nan=False))


def _write_csv(names: Sequence[str], lines: Iterator[dict[str, Any]]) -> None:
    writer = csv.DictWriter(sys.stdout, fieldnames=names)
    writer.writeheader()
    writer.writerows({name: _inert(value) for name, value in line.items()} for line in lines)


def _inert(value: Any) -> Any:
    # A client chooses its request key; a spreadsheet runs a text that begins like a formula. Numbers are no texts.
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _pairs(text: str) -> tuple[str, ...]:
    return tuple(Settings.load({"pair": pair}).pair for pair in _words(text))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
