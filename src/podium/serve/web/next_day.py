"""What a served model says of the next day, with the interval that its run recorded when it was fitted."""

from __future__ import annotations

from datetime import date

from podium.records import Interval, NextDay
from podium.serve.hotswap.manifest import ModelCard
from podium.serve.web.market import Close


def open_interval(card: ModelCard, close: Close) -> Interval | None:
    """The interval of a forecast from this close; None where `why_no_interval` says why."""
    known = card.interval
    # It rests on how far the last days went, and on which of them it missed; later ones it has not seen.
    return known if known is not None and str(known.origin) == close.origin else None


def why_no_interval(card: ModelCard, close: Close) -> str | None:
    """One sentence where there is no interval; None where there is one."""
    known = card.interval
    if known is None:
        return "The model's run recorded no interval; train it with `podium run`."
    if open_interval(card, close) is None:
        return f"The model's interval is for {known.origin}, the newest close of {close.origin}; run `podium run`."
    return None


def next_day(card: ModelCard, close: Close, forecast: float) -> NextDay:
    """The model's forecast from the newest stored close.

    Args:
        card: of the model.
        close: the newest stored close.
        forecast: log return.
    """
    return NextDay(
        pair=close.series.pair,
        origin=date.fromisoformat(close.origin),
        target_date=date.fromisoformat(close.target_date),
        close=close.price,
        forecast=forecast,
        interval=open_interval(card, close),
        model_name=card.name,
        model_version=card.version,
        data_version=close.data_version,
    )
