"""report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from podium.cli.championship import Json
from podium.cli.console import note, say, say_json
from podium.cli.options import ADDRESSES, FOLDERS, takes_settings
from podium.settings import Settings


def enrol(app: typer.Typer) -> None:
    """Add the verb of this room."""
    app.command("report")(report)


@takes_settings("pair", "n_lags", "refit_every", "seed", *ADDRESSES, *FOLDERS)
def report(
    settings: Settings,
    cost_bps: Annotated[
        float, typer.Option(help="Cost of trading, in basis points for each unit of position changed.")
    ] = 1.0,
    folder: Annotated[Path, typer.Option(help="Folder that takes <PAIR>.html.")] = Path("reports"),
    as_json: Json = False,
) -> None:
    """Write the championship as one HTML page that needs no network, and log it with the champion's run.

    The podium with its ties, the verdict in words, skill over time, ranges and their calibration, and what trading the
    sign would have earned.
    """
    from podium.pipeline.report import ARTIFACT
    from podium.pipeline.report import report as write

    written = write(settings, cost_bps, folder)
    for name, reason in written.untold.items():
        note(f"{name} is not shown: {reason}")
    if as_json:
        judgement = written.judgement
        say_json(
            {
                "pair": judgement.pair,
                "verdict": judgement.verdict,
                "data_version": str(judgement.data_version),
                "path": str(written.path),
                "run_id": written.run_id,
                "artifact": ARTIFACT,
            }
        )
        return
    say(f"{written.judgement.pair}: {written.judgement.verdict} -> {written.path} ({ARTIFACT} of run {written.run_id})")
