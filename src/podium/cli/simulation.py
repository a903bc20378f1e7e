"""simulate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from podium.cli import texts
from podium.cli.championship import Json
from podium.cli.console import note, say, say_json, working_on
from podium.cli.options import FOLDERS, pair_named, takes_settings
from podium.errors import SettingError
from podium.settings import Settings


def enrol(app: typer.Typer) -> None:
    """Add the verbs of this room."""
    app.command("simulate")(simulate)


@takes_settings("pair", "contestants", "source", "allow", "n_lags", "alpha", "seed", "workers", *FOLDERS)
def simulate(
    settings: Settings,
    *,
    pairs: Annotated[str, typer.Option(help="Several pairs, such as EURUSD,GBPJPY, in place of --pair.")] = "",
    policies: Annotated[str, typer.Option(help="Policies to compare.")] = "rmse,significant",
    learn_days: Annotated[
        int, typer.Option(min=100, help="Days that are learned from before the first forecast.")
    ] = 1250,
    refit_every: Annotated[int, typer.Option(min=1, help="Days between two fits; 21 is a month.")] = 21,
    trailing_days: Annotated[int, typer.Option(min=30, help="Days on which each championship ranks.")] = 252,
    plot: Annotated[Path, typer.Option(help="Folder of the pictures.")] = Path("reports"),
    as_json: Json = False,
) -> None:
    """What would each policy have done? The monthly routine (fit, score, decide) replayed over the past.

    Shows how often the title changed, what always serving the champion lost or saved against the random walk and
    against each contestant, and how many changes were regretted.
    """
    from podium.data.store import atomic_write
    from podium.pipeline.routine import Routine
    from podium.pipeline.routine import simulate as replay
    from podium.report.simulation import picture

    routine = Routine(_split(policies, "--policies"), learn_days, refit_every, trailing_days)
    wanted = [pair_named(pair, "--pairs") for pair in _split(pairs, "--pairs")] if pairs else [settings.pair]
    with working_on([f"{pair} {family}" for pair in wanted for family in settings.contestants]) as progress:
        found = replay(settings, wanted, routine, progress.done)
    pictures: dict[str, Any] = {}
    for simulation in found:
        path = plot / f"{simulation.pair}-simulation.png"
        atomic_write(path, picture(simulation.pair, simulation.replays))
        pictures[simulation.pair] = str(path)
    if as_json:
        told = [{**texts.simulation_json(simulation), "plot": pictures[simulation.pair]} for simulation in found]
        say_json(told[0] if len(told) == 1 else {"pairs": told})
        return
    for simulation in found:
        for line in texts.simulation_lines(simulation):
            say(line)
        note(f"picture in {pictures[simulation.pair]}")


def _split(text: str, flag: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    if not parts:
        raise SettingError(f"{flag} {text!r}: at least one name is needed")
    return parts
