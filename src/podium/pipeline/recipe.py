"""What makes two runs of one family the same forecaster: a record of forecasts may go on only while this stays."""

from __future__ import annotations

import dataclasses
import hashlib
import json

from podium.models.roster import enter
from podium.records import FeatureTable
from podium.settings import Settings

TAG = "recipe"


def recipe(settings: Settings, family: str, table: FeatureTable) -> str:
    """A digest of all that a person can choose about a contestant: class, options, seed, refits, columns, source.

    What a fit chooses by itself from the data, such as an order, is no part of it: the rule of choice is.

    Args:
        settings: with the contestant's options.
        family: of the contestant.
        table: what it sees.
    """
    contestant = enter(family, settings)
    parts = {
        "class": f"{type(contestant).__module__}.{type(contestant).__qualname__}",
        "contestant": dataclasses.asdict(contestant),
        "refit_every": settings.refit_every,
        "test_fraction": settings.test_fraction,
        "columns": table.names,
        "source": table.data_version.split(f"-{table.pair}-")[0],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
