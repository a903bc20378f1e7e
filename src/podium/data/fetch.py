"""From a setting to a series that passed the quality gate."""

from __future__ import annotations

from podium.data.quality import Limits, examine
from podium.data.sources import resolve
from podium.data.table import Fetched
from podium.settings import Settings

YEAR = 252  # trading days


def limits_for(settings: Settings) -> Limits:
    """The gate's limits: a year of origins beyond the window, so that there is something to train and score on."""
    return Limits(min_days=settings.window + YEAR)


def fetch_series(settings: Settings) -> Fetched:
    """Resolve the source, fetch the pair, pass the gate. Nothing is stored.

    Raises:
        SettingError: the source or the pair does not exist.
        DataError: the gate found faults.
        SourceError: the provider cannot be reached and no copy is at hand.
    """
    return examine(resolve(settings.source, settings).fetch(settings.pair), limits_for(settings))
