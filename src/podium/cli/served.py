"""serve, ledger, settle, ab, key."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from podium.cli.console import answer, note, say, say_json, say_whole, working_on
from podium.cli.flags import FOLDERS, SERVING, Json, day_named, pair_named, takes_settings
from podium.cli.lines import cells, since
from podium.errors import MissingError, SettingError
from podium.records import ALIASES
from podium.settings import Settings

if TYPE_CHECKING:
    from podium.ledger import Ledger

NEWLINE = "\n"
FORMULA = "=+-@\t\r"  # what a spreadsheet takes for the beginning of a formula
TEXTS = ("ab_test", "experiment", "arm", "model_name", "run_id", "request_key")  # columns whose words others choose


@takes_settings("tracking_uri", "registry_uri", "ledger_address", "alpha", *FOLDERS, *SERVING)
def serve(
    settings: Settings,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address as one JSON document.")] = False,
) -> None:
    """Serve the champions: MLflow's scoring protocol, forecasts with ranges, A/B, dashboard; Ctrl-C drains and ends.

    POST /invocations, GET /v1/forecast/{pair}, /v1/podium/{pair}, /metrics, /health, /docs and / for people. Binds to
    loopback; other addresses need API keys (`podium key`) or --insecure.
    """
    with ExitStack() as stack:
        stack.enter_context(working_on("starting to serve: loading the champions"))
        from podium.serve.processes.supervisor import serve as run

        def announce(address: str) -> None:
            stack.close()
            answer(as_json, {"address": address}, [f"serving on {address}"])

        exit_code = run(settings, announce, _decides() if settings.serve.approvers else None)
    raise typer.Exit(exit_code)


def _decides() -> Callable[..., Any]:
    from podium.pipeline.approval import decide  # heavy for a process that only watches

    return decide


Act = Literal["export", "prune"]


@takes_settings("ledger_address", "ledger_keep", "data_dir")
def ledger(
    settings: Settings,
    *,
    act: Annotated[Act, typer.Argument(help="export prints it; prune deletes what is old.")] = "export",
    pair: Annotated[str, typer.Option(help="Only this pair.")] = "",
    since: Annotated[str, typer.Option(help="Only forecasts from this day or moment on, such as 2026-10-30.")] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values with a header.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a line; the default.")] = False,
    older_than: Annotated[str, typer.Option(help="prune: what was made before this day or moment.")] = "",
    export: Annotated[Path | None, typer.Option(help="prune: a new file that takes first what goes.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="prune: only count.")] = False,
) -> None:
    """Export the ledger, one line a forecast with what came of it; `prune` deletes what is older than it is kept.

    In CSV a text that a spreadsheet would run as a formula has an apostrophe in front; JSON has every text as it came.
    What `podium settle` still waits for, and what settled days rest on, is never deleted; a server may run meanwhile.
    """
    from podium.ledger import COLUMNS, lines, rows

    if as_csv and as_json:
        raise SettingError("--csv and --json exclude each other; choose one")
    if (older_than or export or dry_run) if act == "export" else (since or as_csv):
        others = "--older-than, --export and --dry-run are for" if act == "export" else "--since and --csv are not for"
        raise SettingError(f"{others} `podium ledger prune`; see `podium ledger --help`")
    wanted = pair_named(pair, "--pair") if pair else None
    with _opened(settings) as opened:
        if act == "export":
            given = (opened, since or None, wanted)
            _write_csv(COLUMNS, lines(*given)) if as_csv else _write_lines(rows(*given))
            return
        from podium.ledger.retention import prune

        before = _before(settings, older_than)
        found = prune(opened, before, wanted, export=export, dry_run=dry_run)
    line = (
        f"{found.gone:,} entries from before {before:%Y-%m-%d %H:%M} {'would go' if dry_run else 'are gone'}; "
        f"{found.compared:,} stay for the days that they were compared on, {found.waiting:,} until they are settled"
    )
    answer(as_json, {"before": before.isoformat(), "dry_run": dry_run, **cells.plain(found)}, [line])
    if found.free_bytes:
        say(
            f"the file has room for {found.free_bytes / 1e6:,.0f} MB of new ones; docs/serving.md says how to shrink it"
        )


def _before(settings: Settings, older_than: str) -> datetime:
    from podium.ledger.export import moment_of

    if older_than:
        return moment_of(older_than, "--older-than")
    if not settings.ledger_keep:
        raise SettingError("say what is old: --keep DAYS, --older-than DAY, or the setting ledger_keep")
    return datetime.now(UTC) - timedelta(days=settings.ledger_keep)


@takes_settings("pair", "ledger_address", *FOLDERS)
def settle(settings: Settings, as_json: Json = False) -> None:
    """Join served forecasts with the returns that have come since; doing it again changes nothing.

    The returns are those of the stored series; `podium ingest` brings the newest.
    """
    from podium.data.store import data_version, load_series
    from podium.ledger.settling import settle as act
    from podium.pipeline.prepare import series_path

    with _opened(settings) as opened:
        series = load_series(series_path(settings))
        found = act(opened, series, data_version(series))
    line = (
        f"{settings.pair}: {found.new} new outcomes, {found.revised} revised, {found.unchanged} known already, "
        f"{found.waiting} still to come, {found.unknown} without a day in the series"
    )
    answer(as_json, {"pair": settings.pair, **cells.plain(found)}, [line])


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

    named = {arm: name for arm, name in zip(ALIASES, (champion, challenger), strict=False) if name}
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
            ab_test=only,
            alpha=settings.alpha,
        )
    except MissingError as error:
        if not arms:
            raise
        reason = str(error)
    lines = since.ab_lines(settings.pair, arms, found, reason)
    answer(as_json, since.ab_json(settings.pair, only, arms, found, reason), lines)


@takes_settings("serve.keys_file")
def key(
    settings: Settings,
    label: Annotated[str, typer.Argument(help="Who will use the key.")],
    until: Annotated[str, typer.Option(help="Last day on which it is valid, such as 2027-06-30.")] = "",
    as_json: Json = False,
) -> None:
    """Make an API key: the key on standard output, once; its line into the key file, else on standard error.

    Without --keys-file, `podium key ann 2>> keys > ann.key` does the same.
    """
    from podium.serve.web.security import new_key

    secret, line = new_key(label, _day(until) if until else None)
    file = settings.serve.keys_file
    if file is not None:
        _append(file, line)
    if as_json:
        say_json({"label": label, "key": secret, "line": line, "keys_file": file and str(file)})
        return
    note(f"the line of {label} is in {file}") if file else print(line, file=sys.stderr)
    say_whole(secret)


def _day(text: str) -> date:
    ends = day_named(text, "--until")
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


def _write_lines(found: Iterator[dict[str, Any]]) -> None:
    for line in found:
        say_whole(json.dumps(line, allow_nan=False))


def _write_csv(names: Sequence[str], found: Iterator[list[Any]]) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="")  # of a key nothing is lost, whatever the locale
    texts = [names.index(name) for name in TEXTS]
    shown = _inert_and_visible if sys.stdout.isatty() else _inert
    sys.stdout.writelines(_csv_line(line) for line in chain([names], (shown(line, texts) for line in found)))


def _csv_line(line: Sequence[Any]) -> str:
    # The csv module takes three times as long, and is needed only where a text has one of its signs.
    text = ",".join(["" if value is None else value if type(value) is str else str(value) for value in line])
    if text.count(",") == len(line) - 1 and not ('"' in text or "\n" in text or "\r" in text):
        return f"{text}\r\n"
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerow(line)
    return buffer.getvalue()


def _inert(line: list[Any], texts: Sequence[int]) -> list[Any]:
    # A client chooses its request key; a spreadsheet runs a text that begins like a formula.
    for at in texts:
        if line[at] and line[at][0] in FORMULA:
            line[at] = f"'{line[at]}"
    return line


def _inert_and_visible(line: list[Any], texts: Sequence[int]) -> list[Any]:
    # What a terminal would take for an order, such as to clear itself, is spelled out.
    for at in texts:
        line[at] = line[at] and "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line[at])
    return _inert(line, texts)
