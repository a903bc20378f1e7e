"""The range of a next-day forecast, from what the model's run recorded when the model was fitted."""

from __future__ import annotations

import math

from podium.serve.hotswap.lineup import ServedModel
from podium.serve.web.market import Close


def next_day_bounds(model: ServedModel, close: Close, forecast: float) -> dict[str, float] | None:
    """`lower_80`, `upper_80`, `lower_95`, `upper_95` around the forecast, log returns; None where there is no range.

    Args:
        model: who forecast.
        close: the newest stored close, from which it forecast.
        forecast: log return.
    """
    known = model.card.next_day
    if known is None or known.origin != close.origin:
        return None
    return {
        "lower_80": forecast - known.half_width_80,
        "upper_80": forecast + known.half_width_80,
        "lower_95": forecast - known.half_width_95,
        "upper_95": forecast + known.half_width_95,
    }


def why_no_bounds(model: ServedModel, close: Close) -> str | None:
    """One sentence where `next_day_bounds` gives None; None where it gives a range."""
    known = model.card.next_day
    if known is None:
        return "The model's run recorded no range; train it with `podium run`."
    if known.origin != close.origin:
        # The range rests on how far the last days went, and on which of them it missed; those have not been seen yet.
        return f"The model's range is for {known.origin}, and the newest close is of {close.origin}; run `podium run`."
    return None


def in_rates(bounds: dict[str, float], price: float) -> dict[str, float]:
    """Bounds as rates: the last close times exp(bound)."""
    return {name: price * math.exp(value) for name, value in bounds.items()}
