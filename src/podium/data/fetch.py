"""From a setting to a series that passed the quality gate."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from podium.data.allow import known_checks
from podium.data.quality import examine
from podium.data.sources import resolve
from podium.data.sources.ecb import SOURCE as ECB
from podium.data.sources.ecb import bundled_table
from podium.data.table import Fetched
from podium.settings import Settings

YEAR = 252  # trading days


def today() -> np.datetime64:
    """The day that this machine's clock shows, in UTC."""
    return np.datetime64(datetime.now(UTC).date(), "D")


def fetch_series(settings: Settings) -> Fetched:
    """Resolve the source, fetch the pair, pass the gate. Nothing is stored.

    Raises:
        SettingError: the source or the pair does not exist.
        DataError: the gate found faults.
        SourceError: the provider cannot be reached and no copy is at hand.
    """
    allow = known_checks(settings.allow)
    raw = resolve(settings.source, settings).fetch(settings.pair)
    return examine(
        raw,
        min_days=settings.n_lags + YEAR,  # beyond the lags, so that there is something to train and score on
        last_day=today() + np.timedelta64(1, "D"),  # tomorrow may be there already where the rates come from
        allow=allow,
        ecb=None if raw.source == ECB else bundled_table(),
    )
