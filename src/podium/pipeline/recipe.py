"""What makes two runs of one family the same forecaster: a record of forecasts may go on only while this stays."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable

from podium.errors import MissingError
from podium.models.roster import enter
from podium.records import FeatureTable, RunRecord
from podium.settings import Settings

TAG = "recipe"
SHARED = ("n_lags", "seed", "refit_every", "test_fraction")  # settings that a recipe holds beside its options


def recipes_tried(runs: Iterable[RunRecord]) -> int:
    """How many different recipes these runs tried; a run that names none counts for itself.

    Whoever tries twenty and shows the best has had twenty chances, and a test must know.
    """
    return len({run.tags.get(TAG, run.run_id) for run in runs})


def ingredients(settings: Settings, family: str) -> dict[str, object]:
    """The settings by which a contestant can be entered again as it was; for `as_trained`."""
    return {name: getattr(settings, name) for name in SHARED} | {"options": settings.options.get(family, {})}


def as_trained(settings: Settings, family: str, recorded: bytes | None) -> Settings:
    """These settings, with those of the contestant as its run recorded them.

    Raises:
        MissingError: the run recorded none, or not these.
    """
    try:
        content = {"n_lags": None, **json.loads(recorded or b"")}
        content["n_lags"] = content["n_lags"] or content["window"]  # as the first release called it
        shared = {name: content[name] for name in SHARED}
        return settings.model_copy(update={**shared, "options": {**settings.options, family: content["options"]}})
    except (ValueError, KeyError, TypeError):
        raise MissingError(
            f"the run of {family} does not say how it was made, so it cannot be made again; run `podium train`"
        ) from None


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
        "source": table.data_version.source,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
