"""What trading the sign of each contestant's forecast would have earned, beside holding and doing nothing."""

from __future__ import annotations

from markupsafe import Markup

from podium.evaluate.economics import COVERAGE, Economics, Sharpe, Track, trade_the_sign
from podium.report.charts import figure, line_chart, no_figure
from podium.report.marks import MISSING, QUIET, WALK, Line, Rule, number, percent
from podium.report.scene import Scene, listed
from podium.report.skill import table_of, years_of
from podium.report.tables import DASH, Sheet, SheetRow
from podium.report.verdict import suspicion

EARNED = percent(1, sign=True)
RATIO = number(2, sign=True)


def _traded(scene: Scene) -> dict[str, Economics]:
    rows = {name: scene.forecasts[name] for name in scene.names}
    return {name: trade_the_sign(row.actual, row.forecast, scene.cost_bps) for name, row in rows.items()}


def returns(scene: Scene) -> Sheet:
    """One line a way of holding the currency, of a scene with forecasts."""
    found = _traded(scene)
    first = next(iter(found.values()))
    still = {"hold": (QUIET, first.hold, "100%"), "flat": (WALK, first.flat, "0%")}
    rows = [
        _row(name, scene.inks[name], result.sign, told_break_even(result.break_even_bps), percent(1)(result.days_long))
        for name, result in found.items()
    ]
    rows += [_row(name, ink, track, DASH, days_long) for name, (ink, track, days_long) in still.items()]
    notes = [f"{note}." for name, result in found.items() if (note := _note(name, result))]
    notes += [
        f"{name} has no Sharpe ratio: {reason}."
        for name, (_, track, _) in still.items()
        if (reason := track.sharpe.reason)
    ]
    head = ("Held", "A year", "Sharpe ratio (95%)", "Worst fall", "Turnover", "Breaks even at", "Days long")
    return Sheet(f"Net of {scene.told_cost} for each unit of position changed.", head, rows, notes)


def _note(name: str, result: Economics) -> str:
    """Why a figure of a contestant is missing; empty where none is."""
    if result.break_even_bps is None:
        return f"{name} never trades, so that there is no Sharpe ratio and no cost at which it breaks even"
    reason = result.sign.sharpe.reason
    return f"{name} has no Sharpe ratio: {reason}" if reason else ""


def _row(name: str, ink: str, track: Track, break_even: str, days_long: str) -> SheetRow:
    earned = EARNED(track.annual_return), told_sharpe(track.sharpe), percent(1)(track.max_drawdown)
    return SheetRow(name, (*earned, number(0)(track.turnover), break_even, days_long), ink)


def told_break_even(bps: float | None) -> str:
    """The cost at which nothing is earned; where something is lost at no cost, its size says nothing."""
    if bps is None:
        return MISSING
    return "loses before costs" if bps < 0 else f"{number(2)(bps)} bp"


def told_sharpe(sharpe: Sharpe) -> str:
    """The ratio and its interval."""
    if sharpe.ratio is None or sharpe.lower is None or sharpe.upper is None:
        return MISSING
    return f"{RATIO(sharpe.ratio)} ({RATIO(sharpe.lower)} to {RATIO(sharpe.upper)})"


def wealth_figure(scene: Scene) -> Markup:
    """What each way of holding the currency earned over time."""
    title, found = "What trading the sign would have earned", _traded(scene)
    if not found or scene.judgement.n_scored_days < 2:
        return no_figure("money", title, "there are no forecasts to trade")
    first = next(iter(found.values()))
    days = scene.forecasts[next(iter(found))].target_dates
    curves = {**{name: result.sign.wealth - 1.0 for name, result in found.items()}, "hold": first.hold.wealth - 1.0}
    chart = line_chart(
        days,
        [Line(name, curve, scene.inks.get(name, QUIET)) for name, curve in curves.items()],
        rules=[Rule(0.0, "flat")],
        write=EARNED,
        unit="Earned since the first scored day on 1 invested, after costs, interest left out",
    )
    table = table_of("Earned up to the last scored day of each year", days, curves, years_of(days), EARNED)
    return figure("money", title, _message(scene, found), [chart], table)


def _message(scene: Scene, found: dict[str, Economics]) -> str:
    told = f"Intervals are {percent(0)(COVERAGE)}, for returns with fat tails and memory (Lo 2002)."
    rule = "Long where the forecast is above zero, short where it is below, each change paying"
    return f"{rule} {scene.told_cost} a unit. {_verdict(scene, found)} {told}"


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
