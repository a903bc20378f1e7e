"""status, forecast."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from podium.cli import texts
from podium.cli.championship import Json
from podium.cli.console import say, say_json, working_on
from podium.cli.options import ADDRESSES, FOLDERS, takes_settings
from podium.errors import SettingError
from podium.settings import Settings


def enrol(app: typer.Typer) -> None:
    """Add the verbs of this room."""
    app.command("status")(status)
    app.command("forecast")(forecast)


@takes_settings("pair", "alpha", *ADDRESSES, *FOLDERS)
def status(
    settings: Settings,
    everything: Annotated[
        bool, typer.Option("--all", help="Every pair that has a champion, with p-values adjusted for their number.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Who leads, since when, on what data, and whether that means anything."""
    from podium.pipeline.status import status as ask
    from podium.pipeline.status import status_of_all

    if everything:
        pairs = status_of_all(settings)
        if as_json:
            say_json([dataclasses.asdict(row) for row in pairs])
            return
        for line in texts.pairs_lines(pairs, settings.alpha):
            say(line)
        return
    found = ask(settings)
    if as_json:
        say_json(found.as_dict())
        return
    for line in texts.status_lines(found):
        say(line)


@takes_settings("pair", "n_lags", *ADDRESSES, *FOLDERS)
def forecast(
    settings: Settings,
    horizon: Annotated[str, typer.Option(help="Trading days ahead, such as 1,5,20.")] = "1",
    as_json: Json = False,
) -> None:
    """The champion's forecast for the next business day, with its range and how good it is.

    Horizons beyond one day are direct forecasts: the champion's recipe is fitted on the return over so many days. Only
    forecasts of the next day are tested in championships.
    """
    from podium.pipeline.forecast import forecast as ask

    horizons = _horizons(horizon)
    with working_on([f"{days} days ahead" for days in horizons if days > 1]):
        found = ask(settings, horizons)
    if as_json:
        say_json(found[0].as_dict() if len(found) == 1 else [item.as_dict() for item in found])
        return
    for line in texts.forecast_lines(found):
        say(line)


def _horizons(text: str) -> list[int]:
    try:
        return list(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise SettingError(f"--horizon {text!r}: give trading days, such as 1,5,20") from None
