"""What lies ahead, and what each policy would have done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from podium.cli.console import table
from podium.cli.lines.cells import number, percent, picked, plain

if TYPE_CHECKING:
    from podium.evaluate.contributions import Change, Contributions
    from podium.pipeline.routine import Simulation
    from podium.records import NextDay
    from podium.report.amount import Amount

DAILY = ("cumulative_gain", "dates")  # too long for a document


def forecast_lines(
    forecasts: Sequence[NextDay], amount: Amount | None = None, today: date | None = None
) -> Iterator[str]:
    """That rates are too old where they are, one row a horizon, money, who says so, from what, and how good it is."""
    from podium.data.calendar import way_to_newer_rates
    from podium.records import rate_digits

    first = forecasts[0]
    digits = rate_digits(first.close)
    if first.stale:
        yield f"{first.stale.told()}; {way_to_newer_rates(first.data_version.source)} brings newer ones."
    days = " and ".join(str(item.target_date) for item in forecasts)
    yield f"{first.pair} for {days}, from {first.close:.{digits}f} at the close of {first.origin}"
    head = ("day", "ahead", "forecast", "return", "80% range", "95% range", "rise")
    rows: list[tuple[str, ...]] = [head]
    for item in forecasts:
        rates = [f"{rate:.{digits}f}" for rate in item.rates.values()]
        shown = [f"{lower}-{upper}" for lower, upper in zip(rates[::2], rates[1::2], strict=True)] or ["-", "-"]
        expected = f"{item.forecast_rate:.{digits}f}"
        rise = percent(item.probability_of_rise, 0)
        rows.append((str(item.target_date), str(item.horizon), expected, f"{item.forecast:+.3%}", *shown, rise))
    yield from table(rows)
    yield from (f"{amount.told(item)}." for item in forecasts if amount)
    yield (
        f"by {first.model_name} (v{first.model_version}), "
        f"range by {first.interval.volatility_model if first.interval else 'nobody'}, "
        f"data up to {first.origin}, {first.age_days(today)} days old ({first.data_version})"
    )
    for item in forecasts:
        if item.verdict is not None:
            yield f"Verdict: {item.verdict} - {item.reason}"
    yield from (f"{item.horizon} days ahead: {item.reason}." for item in forecasts if item.horizon > 1)


def forecast_json(
    told: NextDay,
    amount: Amount | None = None,
    change: Change | None = None,
    parts: Contributions | None = None,
) -> dict[str, Any]:
    """The same for programs: the forecast, money, and why it is what it is."""
    found = told.as_dict()
    if amount:
        found["amount"] = {**plain(amount), "into": amount.other(told.pair), **amount.ahead(told)}
    if change:
        found |= {"change": plain(change), "contributions": plain(parts)}
    return found


def simulation_lines(simulation: Simulation) -> Iterator[str]:
    """One row a policy: changes of title, and what came of always serving the champion."""
    first = simulation.replays[0]
    yield (
        f"{simulation.pair}: {first.looks} monthly championships, {first.served_days:,} days served "
        f"from {first.dates[0]} to {first.dates[-1]} ({simulation.data_version})"
    )
    yield (
        f"Each ranked on the {simulation.routine.trailing_days:,} days before it; contestants refitted every "
        f"{simulation.routine.refit_every} days."
    )
    counts = [("policy", "changes", "regretted", "RMSE")]
    losses: list[tuple[str, ...]] = [("served instead of always", "random walk", "t", *simulation.contestants)]
    for replay in simulation.replays:
        counts.append((replay.policy, str(replay.title_changes), str(replay.regretted), f"{replay.rmse:.6f}"))
        walk = (_loss(replay.loss_vs_random_walk), number(replay.t_vs_random_walk, 1))
        against = [_loss(replay.loss_vs_contestant.get(name)) for name in simulation.contestants]
        losses.append((replay.policy, *walk, *against))
    yield from table(counts)
    yield ""
    yield from table(losses)
    yield "Squared error of always serving the champion over that of the other, less one; below zero is better."
    yield "t: of the difference from the random walk; between -2 and 2 it is not told from none."


def _loss(value: float | None) -> str:
    return "-" if value is None else f"{value:+.3%}"


def simulation_json(simulation: Simulation) -> dict[str, Any]:
    """The same for programs."""
    return {
        **picked(simulation, "pair", "data_version", "contestants", "first_day", "last_day"),
        **picked(simulation.routine, "learn_days", "refit_every", "trailing_days"),
        "policies": [
            {name: value for name, value in plain(replay).items() if name not in DAILY} for replay in simulation.replays
        ],
    }
