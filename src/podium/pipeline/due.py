"""When contestants are trained anew: a rule on the days that passed, never on what would look better."""

from __future__ import annotations

from datetime import date

import numpy as np

from podium.records import Series
from podium.settings import Settings


def due(settings: Settings, trained: date, series: Series, drifted: str = "") -> str:
    """Why contestants are to be trained at the last day of a series; empty where they are not.

    Args:
        settings: `retrain` and `max_model_age`.
        trained: last day that they were fitted on.
        series: up to the day that is being done.
        drifted: what an alarm says of volatility, errors or coverage; empty where none is open.
    """
    rule, day = settings.retrain, series.dates[-1].item()
    if day <= trained:
        return ""
    if (day - trained).days >= settings.max_model_age:
        return f"{(day - trained).days} days old, and {settings.max_model_age} are allowed"
    if rule == "monthly":
        return f"the first day of {day:%B %Y}" if (day.year, day.month) != (trained.year, trained.month) else ""
    if rule == "weekly":
        new_week = day.isocalendar()[:2] != trained.isocalendar()[:2]
        return f"the first day of week {day.isocalendar()[1]}" if new_week else ""
    if rule == "drift":
        return drifted
    n_days = int(np.count_nonzero(series.dates > np.datetime64(trained)))
    return f"{n_days} trading days since the last" if rule != "never" and n_days >= int(rule) else ""
