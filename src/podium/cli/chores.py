"""doctor, backup, restore, prune, migrate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from podium.cli.console import answer, note, working_on
from podium.cli.flags import Json, takes_settings
from podium.cli.lines.cells import plain
from podium.settings import Settings

KEPT = ("tracking_uri", "registry_uri", "data_dir", "models_dir", "ledger_address")


@takes_settings(*KEPT, "serve.keys_file", "serve.tls_key")
def doctor(
    settings: Settings,
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can be mended.")] = False,
    as_json: Json = False,
) -> None:
    """What is wrong here, why, and what helps: aliases, files, pointer, clocks, disk, ledger, keys, a moved folder.

    Exit code 1 where something is wrong and was not mended.
    """
    from podium.serve.web.security import ended_keys
    from podium.upkeep.doctor import CHECKS, Trouble
    from podium.upkeep.doctor import doctor as examine

    ended = (Trouble(*one) for one in ended_keys(settings.serve.keys_file))
    with working_on("looking"):
        findings = examine(settings, fix, {"keys": lambda _: ended})
    left = [finding for finding in findings if not finding.mended]
    lines: list[str] = []
    for finding in findings:
        lines.append(f"{finding.check}: {finding.found}")
        lines += [f"    {'mended: ' if finding.mended else ''}{finding.remedy}"] if finding.remedy else []
    fixable = sum(finding.fixable for finding in left)
    more = f"; `podium doctor --fix` mends {fixable}" if fixable else ""
    lines.append(f"{len(CHECKS) + 1} checks, {len(findings)} found, {len(findings) - len(left)} mended{more}")
    answer(as_json, {"healthy": not left, "findings": plain(findings)}, lines)
    if left:
        raise typer.Exit(1)


@takes_settings(*KEPT, "serve.keys_file", "serve.tls_key")
def backup(
    settings: Settings,
    file: Annotated[Path, typer.Argument(help="File to write, such as desk.zip.")],
    as_json: Json = False,
) -> None:
    """Write database, artifacts, ledger, series, pointers and settings into one file, while all goes on.

    It holds what podium.toml holds, passwords and the salt among it, and the file of hashed keys: only its owner can
    read it. Private keys of TLS and variables of the environment are not in it.
    """
    from podium.upkeep.backup import backup as act

    with working_on(f"writing {file}"):
        made = act(settings, file)
    answer(as_json, plain(made), [f"{made.path}: {made.files} files, {made.n_bytes / 1e6:.1f} MB"])
    for line in made.left_out:
        note(line)


@takes_settings(*KEPT)
def restore(
    settings: Settings,
    file: Annotated[Path, typer.Argument(help="File that `podium backup` wrote.")],
    as_json: Json = False,
) -> None:
    """Bring a backup back into an empty folder, on this machine or another; it works at once.

    Every file is compared with its digest before anything is written. A podium.toml that is here already stays, and
    says where everything goes.
    """
    from podium.upkeep.backup import restore as act

    given = {name: getattr(settings, name) for name in KEPT if settings.origin(name) == "flag"}
    with working_on(f"restoring {file}"):
        done = act(file, given)
    line = f"{done.files} files, {done.n_bytes / 1e6:.1f} MB restored; `podium doctor` looks whether all is well"
    answer(as_json, plain(done), [line])


@takes_settings(*KEPT, "serve.cache")
def prune(
    settings: Settings,
    *,
    keep: Annotated[int, typer.Option(min=1, help="Days for which everything stays.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    reports: Annotated[Path, typer.Option(help="Folder of reports and pictures.")] = Path("reports"),
    export: Annotated[
        Path | None, typer.Option(help="New file for the ledger's older entries, which go after that.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Let go what is older and nobody refers to: runs, versions, their files, reports, cached models, and their rows.

    What is aliased, pinned, in the history of titles or of the ledger stays, and who competed with it; so does what
    Podium did not record.
    """
    from podium.upkeep.prune import prune as act

    with working_on("seeing what may go"):
        found = act(settings, keep, dry_run, reports, export)
    would = "would go" if dry_run else "gone"
    counts = f"{len(found.runs)} runs, {len(found.versions)} versions, {len(found.files)} other files"
    counts += f", {found.forecasts} forecasts" if export else ""
    lines = [f"{would}: {counts}, {found.n_bytes / 1e6:.1f} MB"]
    if found.database_bytes is not None:
        lines.append(f"the database is {found.database_bytes / 1e6:.1f} MB smaller")
    for why, number in sorted(found.kept.items()):
        lines.append(f"{number} older version{' stays' if number == 1 else 's stay'}: {why}")
    answer(as_json, {"dry_run": dry_run, **plain(found)}, lines)


@takes_settings(*KEPT)
def migrate(
    settings: Settings,
    *,
    to: Annotated[str, typer.Option(help="Empty database: postgresql+psycopg://... or sqlite:///...")],
    artifacts: Annotated[
        str | None, typer.Option(help="Where artifacts go, s3://... or a folder; they stay if not given.")
    ] = None,
    ledger: Annotated[str | None, typer.Option(help="Where the ledger goes; the same database if not given.")] = None,
    as_json: Json = False,
) -> None:
    """Carry everything to another database and artifact store, and compare it there; what is here stays as it is.

    Ids, aliases, titles and steps stay the same. Stop what writes first. Whatever interrupts it, the same command goes
    on.
    """
    from podium.upkeep.migrate import migrate as act

    with working_on("looking") as progress:
        done = act(settings, to, artifacts, ledger, progress.now)
    rows = sum(done.rows.values())
    lines = (
        f"{done.to}: {done.rows.get('runs', 0)} runs, {rows} rows, {done.folders} folders, {done.forecasts} forecasts",
        f"the same there: every row, every file, the forecasts of {len(done.models)} aliased models",
        *(f'{name} = "{value}"' for name, value in done.settings.items()),
    )
    answer(as_json, plain(done), lines)
    for address in done.not_loaded:
        note(f"{address} cannot be loaded here either, and was not compared")
