"""What trading the sign of each contestant's forecast would have earned, beside holding and doing nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from podium.evaluate.economics import Economics, Sharpe, Track, trade_the_sign
from podium.records import Dates
from podium.report.charts import QUIET, Line, Rule, Table, figure, line_chart, no_figure, number, percent
from podium.report.scene import Scene, listed
from podium.report.skill import years_of
from podium.report.verdict import suspicion

EARNED = percent(1, sign=True)
RATIO = number(2, sign=True)
NONE = "none"


@dataclass(frozen=True, slots=True)
class Row:
    """One way of holding the currency, in words.

    Attributes:
        name: contestant, or the way.
        ink: colour.
        annual_return: net of costs.
        sharpe: with its interval, or `none`.
        drawdown: largest fall from a peak.
        turnover: units of position changed a year.
        break_even: cost at which nothing is earned.
        days_long: share of the days.
    """

    name: str
    ink: str
    annual_return: str
    sharpe: str
    drawdown: str
    turnover: str
    break_even: str
    days_long: str


@dataclass(frozen=True, slots=True)
class Money:
    """The section's content.

    Attributes:
        rows: one a way.
        notes: why a figure is missing.
        figure: wealth over time.
        cost: in words.
        cost_bps: as a flag takes it.
    """

    rows: list[Row]
    notes: list[str]
    figure: Markup
    cost: str
    cost_bps: str


def money(scene: Scene) -> Money:
    """Everything that the section shows."""
    found = {
        name: trade_the_sign(scene.forecasts[name].actual, scene.forecasts[name].forecast, scene.cost_bps)
        for name in scene.names
    }
    inks = scene.inks
    rows = [_sign_row(name, inks[name], result) for name, result in found.items()]
    notes = [note for name, result in found.items() if (note := _note(name, result))]
    first = next(iter(found.values()), None)
    if first is not None:
        rows += [
            _row("hold", QUIET, first.hold, "", "100%"),
            _row("flat", "walk", first.flat, "", "0%"),
        ]
        notes += [
            f"{name} has no Sharpe ratio: {text}"
            for name, track in (("hold", first.hold), ("flat", first.flat))
            if (text := track.sharpe.reason)
        ]
    return Money(rows, notes, _figure(scene, found, inks), told_cost(scene.cost_bps), f"{scene.cost_bps:g}")


def _note(name: str, result: Economics) -> str:
    """Why a figure of a contestant is missing; empty where none is."""
    if result.break_even_bps is None:
        return f"{name} never trades, so that there is no Sharpe ratio and no cost at which it breaks even"
    reason = result.sign.sharpe.reason
    return f"{name} has no Sharpe ratio: {reason}" if reason else ""


def _sign_row(name: str, ink: str, result: Economics) -> Row:
    break_even = NONE if result.break_even_bps is None else told_break_even(result.break_even_bps)
    return _row(name, ink, result.sign, break_even, percent(1)(result.days_long))


def _row(name: str, ink: str, track: Track, break_even: str, days_long: str) -> Row:
    return Row(
        name=name,
        ink=ink,
        annual_return=EARNED(track.annual_return),
        sharpe=told_sharpe(track.sharpe),
        drawdown=percent(1)(track.max_drawdown),
        turnover=number(0)(track.turnover),
        break_even=break_even,
        days_long=days_long,
    )


def told_break_even(bps: float) -> str:
    """The cost at which nothing is earned; where something is lost at no cost, its size says nothing."""
    return "loses before costs" if bps < 0 else f"{number(2)(bps)} bp"


def told_cost(bps: float) -> str:
    """`1 basis point`."""
    return f"{bps:g} basis point{'' if bps == 1 else 's'}"


def told_sharpe(sharpe: Sharpe) -> str:
    """The ratio and its interval."""
    if sharpe.ratio is None or sharpe.lower is None or sharpe.upper is None:
        return NONE
    return f"{RATIO(sharpe.ratio)} ({RATIO(sharpe.lower)} to {RATIO(sharpe.upper)})"


def _figure(scene: Scene, found: dict[str, Economics], inks: dict[str, str]) -> Markup:
    title = "What trading the sign would have earned"
    if not found or scene.judgement.n_scored_days < 2:
        return no_figure("money", title, "there are no forecasts to trade")
    first = next(iter(found.values()))
    days = scene.forecasts[next(iter(found))].target_dates
    curves = {**{name: result.sign.wealth - 1.0 for name, result in found.items()}, "hold": first.hold.wealth - 1.0}
    chart = line_chart(
        days,
        [Line(name, curve, inks.get(name, QUIET)) for name, curve in curves.items()],
        rules=[Rule(0.0, "flat")],
        write=EARNED,
        unit="Earned since the first scored day on 1 invested, after costs, interest left out",
    )
    ends = _year_ends(days)
    table = Table(
        "Earned up to the last scored day of each year",
        ["Up to", *curves],
        [[str(days[row]), *(EARNED(float(curve[row])) for curve in curves.values())] for row in ends],
    )
    return figure("money", title, _message(scene, found), [chart], table)


def _year_ends(days: Dates) -> list[int]:
    years = years_of(days)
    return [*map(int, np.flatnonzero(np.diff(years))), len(years) - 1]


def _message(scene: Scene, found: dict[str, Economics]) -> str:
    coverage = next(iter(found.values())).sign.sharpe.coverage
    told = f"Intervals are {percent(0)(coverage)}, for returns with fat tails and memory (Lo 2002)."
    rule = "Long where the forecast is above zero, short where it is below, each change paying"
    return f"{rule} {told_cost(scene.cost_bps)} a unit. {_verdict(scene, found)} {told}"


def _verdict(scene: Scene, found: dict[str, Economics]) -> str:
    if scene.judgement.leaks:
        return f"{suspicion(scene)}: this is earned on paper, and nowhere else."
    ahead = [name for name, result in found.items() if (result.sign.sharpe.lower or 0.0) > 0]
    behind = [name for name, result in found.items() if (result.sign.sharpe.upper or 0.0) < 0]
    said = [f"{listed(ahead)} earned more than chance explains, each looked at alone."] if ahead else []
    said += [f"{listed(behind)} lost more than chance explains, each looked at alone."] if behind else []
    return (
        " ".join(said) or "None of them can be told from earning nothing: every interval of a Sharpe ratio holds zero."
    )
