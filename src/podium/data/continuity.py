"""Whether a series goes on where another left off: the same rates, of the same source, up to a day as late or later."""

from __future__ import annotations

import numpy as np

from podium.errors import Fault
from podium.records import DataVersion, Dates, Floats, Series

SAME = 1e-6  # log units; revisions are larger, and what a file format rounds off is smaller
LEVEL_DAYS, SAME_LEVEL = 20, 0.01  # days; log units, which no revision moves the median of so many days by


def changes(old: Series, new: Series) -> tuple[str, ...]:
    """What a reader should know when one series replaces another, one sentence each; empty where it only goes on."""
    told = []
    if new.source != old.source:
        told.append(f"{new.pair}: the rates come from {new.source}, those stored before came from {old.source}")
    if new.dates[-1] < old.dates[-1]:
        told.append(f"{new.pair}: the rates end on {new.dates[-1]}, those stored before ended on {old.dates[-1]}")
    if new.dates[0] > old.dates[0]:
        told.append(f"{new.pair}: the rates begin on {new.dates[0]}, those stored before began on {old.dates[0]}")
    _, here, there = np.intersect1d(new.dates, old.dates, assume_unique=True, return_indices=True)
    apart = np.abs(np.log(new.closes[here] / old.closes[there]))
    if (changed := np.flatnonzero(apart > SAME)).size:
        most = changed[np.argmax(apart[changed])]
        told.append(
            f"{new.pair}: {len(changed)} of {len(here)} days have another rate than before, "
            f"{new.dates[here[most]]} {new.closes[here[most]]:g} instead of {old.closes[there[most]]:g}"
        )
    return tuple(told)


def price_level(series: Series, last_day: np.datetime64) -> float:
    """Median of the closes of the last twenty days up to this one; NaN where the series has none of them."""
    days = int(np.searchsorted(series.dates, last_day, side="right"))
    return float(np.median(series.closes[max(days - LEVEL_DAYS, 0) : days])) if days else np.nan


def departures(decided: DataVersion, found: DataVersion, levels: tuple[float, float] = (1.0, 1.0)) -> list[Fault]:
    """Why what was decided on one series cannot be decided anew on another; empty where it goes on.

    Args:
        decided: the series of the decision.
        found: the one that there is now.
        levels: of prices, of both up to the last day of the first.
    """
    told = []
    if found.source != decided.source:
        told.append(("other_series", f"on rates from {decided.source}, these are from {found.source}"))
    if found.last_day < decided.last_day:
        told.append(("earlier_end", f"on rates up to {decided.last_day}, these end on {found.last_day}"))
    if abs(np.log(levels[1] / levels[0])) > SAME_LEVEL:
        told.append(("other_level", f"at rates of {levels[0]:g}, these are {levels[1]:g} on the same days"))
    return [Fault(str(found), "", check, 0, (), f"the title was decided {what}") for check, what in told]


def same_outcomes(origins: Dates, outcomes: Floats, known: Dates, targets: Floats) -> bool:
    """Whether most outcomes that were scored are those of a series; revisions change a few.

    Args:
        origins: scored, shape (n_scored,).
        outcomes: log returns that were realised then, shape (n_scored,).
        known: origins of the series, shape (n_origins,).
        targets: log returns to the next day, shape (n_origins,).
    """
    _, here, there = np.intersect1d(known, origins, assume_unique=True, return_indices=True)
    same = np.abs(targets[here] - outcomes[there]) <= SAME
    return int(np.count_nonzero(same)) * 2 > len(origins)
