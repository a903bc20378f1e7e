"""doctor, backup, restore, prune, migrate."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from podium.cli.console import say, say_json, working_on
from podium.cli.flags import Json, takes_settings
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
    if as_json:
        say_json({"healthy": not left, "findings": [dataclasses.asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            say(f"{finding.check}: {finding.found}")
            say(f"    {'mended: ' if finding.mended else ''}{finding.remedy}") if finding.remedy else None
        fixable = sum(finding.fixable for finding in left)
        say(
            f"{len(CHECKS) + 1} checks, {len(findings)} found, {len(findings) - len(left)} mended"
            + (f"; `podium doctor --fix` mends {fixable}" if fixable else "")
        )
    if left:
        raise typer.Exit(1)
