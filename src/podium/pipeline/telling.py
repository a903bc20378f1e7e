"""What a day has shown, told to whom it concerns: alarms, figures for Prometheus, and the message of the day."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from podium.alerts import Facts, Run, publish, raise_and_tell, standing
from podium.alerts.rules import MESSAGE
from podium.errors import PodiumError
from podium.ledger.database import Ledger
from podium.pipeline.forecast import why
from podium.records import CHAMPION, Forecasts, Interval, NextDay, Series
from podium.registry.history import Title
from podium.settings import Settings

if TYPE_CHECKING:
    from podium.report.amount import Amount

DRIFTS = ("volatility-jumped", "errors-drifted", "coverage-off")
"""Alarms after which `retrain = "drift"` trains anew."""


def shown(record: Forecasts | None) -> dict[str, Any]:
    """What the drift alarms look at: each day's error by its deviation, and whether it lay within the intervals."""
    if record is None or "sigma" not in record.bounds:
        return {}
    days = record.target_dates.tolist()
    errors = (record.actual - record.forecast) / record.bounds["sigma"]
    inside = {
        coverage: (record.bounds[f"lower_{name}"] <= record.actual) & (record.actual <= record.bounds[f"upper_{name}"])
        for coverage, name in ((0.80, "80"), (0.95, "95"))
    }
    return {
        "standardised": dict(zip(days, errors.tolist(), strict=True)),
        "hits": {coverage: dict(zip(days, held.tolist(), strict=True)) for coverage, held in inside.items()},
    }


def day_before(today: NextDay, record: Forecasts, series: Series) -> NextDay | None:
    """The forecast that stands in a record for the last day of the series, as it was made the day before."""
    if "sigma" not in record.bounds or len(record) == 0 or record.target_dates[-1] != series.dates[-1]:
        return None
    point = float(record.forecast[-1])
    last = {name: float(column[-1]) for name, column in record.bounds.items()}
    interval = Interval(
        origin=record.origins[-1].item(),
        reach={name: abs(last[name] - point) for name in ("lower_80", "upper_80", "lower_95", "upper_95")},
        sigma=last["sigma"],
        df=last["df"],
        volatility_model=today.interval.volatility_model if today.interval else "",
    )
    return replace(
        today,
        origin=interval.origin,
        target_date=today.origin,
        close=float(series.closes[-2]),
        forecast=point,
        interval=interval,
        probability_of_rise=None,
    )


def changes(titles: Sequence[Title], since: datetime | None) -> tuple[Title, ...]:
    """The changes of champion after a moment, without renewals; none where there is no moment to begin at."""
    return tuple(
        title
        for title in titles
        if since and datetime.fromisoformat(title.at) > since
        if title.alias == CHAMPION and title.pinned_uri != title.previous and not title.renewal
    )


def drifted(ledger: Ledger, pair: str) -> str:
    """What an open alarm says that asks for a training; empty where none does."""
    found = (one.alarm for one in standing(ledger, pair))
    return next((alarm.found for alarm in found if alarm.name in DRIFTS), "")


def free(settings: Settings) -> float:
    """Share that is free of the fullest disk in use."""
    folders = [path for path in (settings.data_dir, settings.models_dir, Path()) if path.exists()]
    return min((usage := shutil.disk_usage(path)).free / usage.total for path in folders)


def message_of(settings: Settings, told: NextDay, before: NextDay | None, amount: Amount | None = None) -> str:
    """The day in plain words: what is forecast, how good that is, and what is new in it.

    Args:
        settings: of the pair.
        told: the forecast that is still open.
        before: that of the day before; None where it is not known.
        amount: of money; left out where it is in no currency of the pair.
    """
    from podium.report.message import message

    try:
        moved, parts = why(settings)
    except PodiumError:  # of a model whose files are gone the rest can be told all the same
        moved, parts = None, None
    return message(
        told,
        yesterday=before,
        change=moved,
        parts=parts,
        amount=amount if amount and amount.currency in {told.pair[:3], told.pair[3:]} else None,
    )


def tell(settings: Settings, ledger: Ledger | None, facts: Facts, run: Run, now: datetime) -> list[str]:
    """Raise what the facts ask for, tell everybody, and publish the figures of the run.

    Args:
        settings: channels and places.
        ledger: an open ledger; None where it cannot be reached.
        facts: what the day has shown.
        run: how it went.
        now: the moment.

    Returns:
        A sentence each: what was raised, what is over, and who could not be told. Nothing of it stops a day.
    """
    try:
        told = raise_and_tell(settings, ledger, facts, now)
        lines = [f"alarm {one.name}: {one.found}; {one.remedy}" for one in told.new if one.name != MESSAGE]
        lines += [f"alarm {one.name} is over" for one in told.over]
        lines += [f"{channel} could not be told: {why}" for channel, why in told.untold.items()]
        open_alarms = standing(ledger, facts.pair) if ledger else []
    except PodiumError as error:
        lines, open_alarms = [f"alarms could not be raised: {error}"], []
    return [*lines, *publish(settings.alerts, facts, run, open_alarms, now)]
