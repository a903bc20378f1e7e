"""status, forecast, report, simulate."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from podium.cli.console import answer, note, working_on
from podium.cli.flags import ADDRESSES, FOLDERS, Json, names, pair_named, takes_settings
from podium.cli.lines import ahead, judged
from podium.cli.lines.cells import picked
from podium.cli.many import Pairs, for_many
from podium.errors import MissingError, SettingError
from podium.settings import Settings


@takes_settings("pair", "alpha", *ADDRESSES, *FOLDERS)
def status(
    settings: Settings,
    everything: Annotated[
        bool, typer.Option("--all", help="Every pair that has a champion, with p-values adjusted for their number.")
    ] = False,
    pairs: Pairs = "",
    as_json: Json = False,
) -> None:
    """Who leads, since when, on what data, and whether that means anything."""
    from podium.pipeline.status import status as ask
    from podium.pipeline.status import status_of_all

    if for_many(settings, pairs, "status", as_json=as_json):
        return
    if everything:
        with working_on("asking the registry"):
            found_all = status_of_all(settings)
        answer(as_json, [*map(judged.pair_json, found_all)], judged.pairs_lines(found_all, settings.alpha))
        return
    with working_on("asking the registry"):
        found = ask(settings)
    answer(as_json, found.as_dict(), judged.status_lines(found))


Horizon = Annotated[str, typer.Option("--horizon", help="Trading days ahead, such as 1,5,20.")]
Day = Annotated[str, typer.Option("--date", help="A business day to come, such as 2026-12-24, in place of --horizon.")]


@takes_settings("pair", "calendar", "stale_after", "n_lags", *ADDRESSES, *FOLDERS)
def forecast(
    settings: Settings,
    *,
    horizon: Horizon = "1",
    day: Day = "",
    amount: Annotated[str, typer.Option(help="What it means for an amount of money, such as '1000000 EUR'.")] = "",
    why: Annotated[
        bool, typer.Option("--why", help="What moved the next day's forecast, and what it is made of.")
    ] = False,
    pairs: Pairs = "",
    as_json: Json = False,
) -> None:
    """The champion's forecast for the next business day, with its range and how good it is.

    Horizons beyond one day are direct forecasts: the champion's recipe is fitted on the return over so many days. Only
    forecasts of the next day are tested in championships.
    """
    from podium.pipeline.forecast import forecast as ask
    from podium.pipeline.forecast import why as ask_why
    from podium.pipeline.prepare import series_path
    from podium.report.amount import Amount

    money = Amount.parse(amount) if amount else None
    if money:
        money.other(settings.pair)
    if pairs and (money or why):
        raise SettingError(f"--{'amount' if money else 'why'} is about one --pair; --pairs tells of many")
    horizons = _horizons(settings, horizon, day, pairs)
    if for_many(settings, pairs, "forecast", as_json=as_json):
        return
    try:
        with working_on(f"forecasting {settings.pair}", [f"{days} days ahead" for days in horizons if days > 1]):
            found = ask(settings, horizons)
            change, parts = ask_why(settings) if why else (None, None)
    except MissingError:
        if series_path(settings).exists():
            raise
        raise MissingError(f"{series_path(settings)} is not there yet; run `podium run`") from None
    documents = [ahead.forecast_json(item, money, change, parts) for item in found]
    lines = [*ahead.forecast_lines(found, money)]
    if change is not None:
        from podium.report.message import why_lines  # pages and all, which the forecast alone does not need

        lines += why_lines(change, parts)
    answer(as_json, documents[0] if len(found) == 1 else documents, lines)


@takes_settings("pair", "calendar", "stale_after", "n_lags", "refit_every", "seed", *ADDRESSES, *FOLDERS)
def report(
    settings: Settings,
    *,
    cost_bps: Annotated[
        float, typer.Option(help="Cost of trading, in basis points for each unit of position changed.")
    ] = 1.0,
    folder: Annotated[Path, typer.Option(help="Folder of <PAIR>.html, and index.html over several.")] = Path("reports"),
    horizon: Horizon = "1",
    day: Day = "",
    pairs: Pairs = "",
    as_json: Json = False,
) -> None:
    """Write the championship as one HTML page that needs no network, and log it with the champion's run.

    The podium with its ties, the verdict in words, skill over time, ranges and their calibration, and what trading the
    sign would have earned.
    """
    from podium.pipeline.report import ARTIFACT
    from podium.pipeline.report import report as write

    horizons = _horizons(settings, horizon, day, pairs)
    if for_many(settings, pairs, "report", as_json=as_json, folder=folder, cost_bps=cost_bps):
        return
    with working_on(f"writing the report of {settings.pair}"):
        written = write(settings, cost_bps, folder, horizons)
    for name, reason in written.untold.items():
        note(f"{name} is not shown: {reason}")
    found = picked(written.judgement, "pair", "verdict", "data_version")
    line = f"{found['pair']}: {found['verdict']} -> {written.path} ({ARTIFACT} of run {written.run_id})"
    answer(as_json, {**found, **picked(written, "path", "run_id"), "artifact": ARTIFACT}, [line])


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
    from podium.data.files import atomic_write
    from podium.pipeline.routine import Routine
    from podium.pipeline.routine import simulate as replay
    from podium.report.simulation import picture

    routine = Routine(names(policies, "--policies"), learn_days, refit_every, trailing_days)
    wanted = [pair_named(pair, "--pairs") for pair in names(pairs, "--pairs")] if pairs else [settings.pair]
    with working_on(
        "replaying", [f"{pair} {family}" for pair in wanted for family in settings.contestants]
    ) as progress:
        found = replay(settings, wanted, routine, progress.done)
    told = []
    for simulation in found:
        path = plot / f"{simulation.pair}-simulation.png"
        atomic_write(path, picture(simulation.pair, simulation.replays))
        told.append({**ahead.simulation_json(simulation), "plot": str(path)})
    lines = chain.from_iterable(map(ahead.simulation_lines, found))
    answer(as_json, told[0] if len(told) == 1 else {"pairs": told}, lines)
    for one in told if not as_json else ():
        note(f"picture in {one['plot']}")


def _horizons(settings: Settings, horizon: str, day: str, pairs: str) -> list[int]:
    from podium.pipeline.forecast import horizon_to

    if pairs and (day or horizon != "1"):
        raise SettingError("--pairs tells of the next business day; ask one --pair for others")
    if day and horizon != "1":
        raise SettingError("--horizon and --date name the same day in two ways; give one")
    if day:
        return [horizon_to(settings, day, datetime.now(UTC).date())]
    try:
        return list(dict.fromkeys(int(part) for part in horizon.split(",")))
    except ValueError:
        raise SettingError(f"--horizon {horizon!r}: give trading days, such as 1,5,20") from None
