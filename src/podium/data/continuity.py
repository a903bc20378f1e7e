"""Whether a series goes on where another left off: the same rates, of the same source, up to a day as late or later."""

from __future__ import annotations

import numpy as np

from podium.errors import Fault
from podium.records import DataVersion, Dates, Floats, Series

SAME = 1e-6  # log units; revisions are larger, and what a file format rounds off is smaller


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


def departures(decided: DataVersion, found: DataVersion) -> list[Fault]:
    """Why what was decided on one series cannot be decided anew on another; empty where it goes on."""
    faults = []
    if found.source != decided.source:
        remedy = f"the title was decided on rates from {decided.source}, these are from {found.source}"
        faults.append(Fault(str(found), "", "other_series", 0, (), remedy))
    if found.last_day < decided.last_day:
        remedy = f"the title was decided on rates up to {decided.last_day}, these end on {found.last_day}"
        faults.append(Fault(str(found), "", "earlier_end", 0, (), remedy))
    return faults


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
