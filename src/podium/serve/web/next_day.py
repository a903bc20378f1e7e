"""What a served model says of the next day, with the interval that its run recorded when it was fitted."""

from __future__ import annotations

from datetime import date

import numpy as np

from podium.errors import InputError, MissingError
from podium.records import Interval, Late, NextDay
from podium.serve.hotswap.lineup import ServedModel
from podium.serve.hotswap.manifest import ModelCard
from podium.serve.hotswap.scorer import ScoringError
from podium.serve.web.closes import Close


def open_interval(card: ModelCard, close: Close) -> Interval | None:
    """The interval of a forecast from this close; None where `why_no_interval` says why."""
    known = card.interval
    return known if known is not None and str(known.origin) == close.origin else close.intervals.get(card.folder)


def is_behind(card: ModelCard, close: Close) -> bool:
    """Whether the recorded interval has yet to be brought to this close."""
    known = card.interval
    return known is not None and str(known.origin) < close.origin and card.folder not in close.intervals


def bring_interval(model: ServedModel, close: Close) -> None:
    """Let the recorded interval go on to this close, as `podium forecast` does.

    It takes a few milliseconds a day, so call it in a thread. Where it cannot be done, `why_no_interval` says so.
    """
    from podium.evaluate.intervals import interval_now

    if not is_behind(model.card, close) or model.card.interval is None:
        return
    known = model.card.interval
    brought: Interval | None = None
    n_new = len(close.series) - 1 - int(np.searchsorted(close.series.dates, np.datetime64(known.origin)))
    if known.state is not None:
        try:
            X = close.rows(model.card.features, n_new + 1)
            brought = interval_now(known, model.scorer.score(X[:-1]), close.series)
        except ScoringError:  # of a model that is begun again: the next request tries anew
            return
        except (InputError, MissingError):  # the series does not hold the day on which it was recorded
            brought = None
    close.intervals[model.card.folder] = brought


def why_no_interval(card: ModelCard, close: Close) -> str | None:
    """One sentence where there is no interval; None where there is one."""
    known = card.interval
    if known is None:
        return "The model's run recorded no interval; train it with `podium run`."
    if open_interval(card, close) is None:
        return f"The model's interval is for {known.origin}, the newest close of {close.origin}; run `podium run`."
    return None


def next_day(card: ModelCard, close: Close, forecast: float, stale: Late | None = None) -> NextDay:
    """The model's forecast from the newest stored close.

    Args:
        card: of the model.
        close: the newest stored close.
        forecast: log return.
        stale: what is late of the rates, where that must be told first.
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
        stale=stale,
    )
