"""What is recorded of a contestant, as one value, and its files; nothing here knows where they go."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from podium.data.store import columns_parquet, read_columns
from podium.errors import RegistryError
from podium.evaluate.baselines import PERSISTENCE
from podium.models.base import FittedModel
from podium.records import FeatureTable, Forecasts, Interval, NextDay, ScoredDays
from podium.registry import plots
from podium.settings import Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

N_EXAMPLE_ROWS = 5
FORECASTS = "forecasts.parquet"
NEXT_DAY = "next_day.json"
RECIPE = "recipe.json"


@dataclass(frozen=True, slots=True)
class ContestantResult:
    """Everything one contestant brings home from a championship.

    Attributes:
        family: model family, `LSTM`.
        params: settings of the championship and of the contestant, beyond those of its fitted model.
        metrics: `rmse`, `mae`, `directional_accuracy` over the scored days, and whatever else is measured.
        forecasts: the out-of-sample forecasts that the metrics were computed from.
        model: the recipe fitted on every day up to the last.
        tags: further words to search by.
        next_day: its forecast that is still open, for those who serve the model; None without one.
        recipe: the settings by which the contestant can be entered again.
        started_at: milliseconds since the epoch at which work on it began; None takes the moment of recording.
    """

    family: str
    params: Mapping[str, object]
    metrics: Mapping[str, float]
    forecasts: Forecasts
    model: FittedModel
    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    next_day: NextDay | None = None
    recipe: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    started_at: int | None = None


@dataclass(frozen=True, slots=True)
class RunContext:
    """What all contestants of one championship have in common.

    Attributes:
        table: the features and targets that the contestants were given.
        scored_days: the origins on which all were scored.
        baselines: metrics by baseline, `persistence` and `random_walk`.
    """

    table: FeatureTable
    scored_days: ScoredDays
    baselines: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that one run records.

    Attributes:
        tags: words to search by.
        params: settings and fitted choices, as text.
        metrics: name, finite value, and the epoch where there are any, else 0.
        files: content by its path below the run's artifacts.
        figures: plots, likewise.
        table: what the contestant was trained and scored on.
        model: goes last.
    """

    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Sequence[tuple[str, float, int]]
    files: Mapping[str, bytes]
    figures: Mapping[str, Figure]
    table: FeatureTable
    model: FittedModel


def record(result: ContestantResult, context: RunContext, settings: Settings) -> Record:
    """What the run of one contestant records; of the settings, who ran it for what project."""
    table = context.table
    files = {
        FORECASTS: forecasts_parquet(result.forecasts),
        RECIPE: json.dumps(dict(result.recipe), indent=2, default=str).encode(),
        "baselines.json": json.dumps(_plain(context.baselines), indent=2).encode(),
    }
    if result.next_day is not None:
        files[NEXT_DAY] = next_day_json(result.next_day).encode()
    return Record(
        tags={
            "developer": settings.developer,
            "project": settings.project,
            "data_version": str(table.data_version),
            "model_type": result.family,
            "pair": table.pair,
            "scored_days": str(context.scored_days),
            **result.tags,
        },
        params=_params(result, context),
        metrics=[*_metrics(result, context)],
        files=files,
        figures=_figures(result, table.pair),
        table=table,
        model=result.model,
    )


def _params(result: ContestantResult, context: RunContext) -> dict[str, str]:
    counts = {"n_features": len(context.table.names), "n_scored_days": context.scored_days.n_days}
    merged = {**counts, **result.params, **result.model.params}
    return {
        name: ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
        for name, value in merged.items()
    }


def _metrics(result: ContestantResult, context: RunContext) -> Iterator[tuple[str, float, int]]:
    named = dict(result.metrics)
    for baseline, metrics in context.baselines.items():
        named |= {baseline_metric(baseline, name): value for name, value in metrics.items()}
    curves = {name: [value] for name, value in named.items()} | dict(result.model.learning_curve)
    for name, curve in curves.items():
        yield from ((name, float(value), step) for step, value in enumerate(curve) if math.isfinite(value))


def baseline_metric(baseline: str, metric: str) -> str:
    """Name under which a run keeps a baseline's metric: `baseline_rmse` for persistence, else `random_walk_rmse`."""
    return f"baseline_{metric}" if baseline == PERSISTENCE else f"{baseline}_{metric}"


def _figures(result: ContestantResult, pair: str) -> dict[str, Figure]:
    found = {
        "plots/forecast.png": plots.forecast(result.forecasts, pair, result.family),
        "plots/cumulative_skill.png": plots.cumulative_skill(result.forecasts, pair, result.family),
    }
    if result.model.learning_curve:
        found["plots/learning_curve.png"] = plots.learning_curve(result.model.learning_curve, pair, result.family)
    return found


def forecasts_parquet(forecasts: Forecasts) -> bytes:
    """A parquet file, one row a scored day: `origin`, `target_date`, `actual`, `forecast`, then the bounds."""
    names = ("origin", "target_date", "actual", "forecast", *forecasts.bounds)
    numbers = (forecasts.actual, forecasts.forecast, *forecasts.bounds.values())
    return columns_parquet(names, (forecasts.origins, forecasts.target_dates), numbers)


def read_forecasts(parquet: bytes) -> Forecasts:
    """The forecasts that `forecasts_parquet` wrote.

    Raises:
        RegistryError: it did not write these.
    """
    try:
        dates, numbers = read_columns(parquet)
        actual, forecast = numbers.pop("actual"), numbers.pop("forecast")
        return Forecasts(dates["origin"], dates["target_date"], actual, forecast, numbers)
    except (ValueError, KeyError) as error:
        raise RegistryError(f"{FORECASTS} is not as Podium writes it ({error}); run `podium train`") from None


def next_day_json(next_day: NextDay) -> str:
    """A text with every field, for `next_day.json`."""
    import msgspec

    plain = msgspec.to_builtins(next_day, enc_hook=str) | {"data_version": str(next_day.data_version)}
    return json.dumps(plain, indent=2)


def read_interval(text: bytes) -> Interval | None:
    """The interval in a `next_day.json`; None where it has none.

    Raises:
        RegistryError: Podium did not write it.
    """
    import msgspec

    try:
        found = msgspec.json.decode(text, type=dict[str, Any])
        if "half_width_80" in found:  # of the first release, whose file was the interval, alike on both sides
            sides = [(side, coverage) for side in ("lower", "upper") for coverage in ("80", "95")]
            reach = {f"{side}_{coverage}": found[f"half_width_{coverage}"] for side, coverage in sides}
            found = {"interval": {**found, "reach": reach}}
        return msgspec.convert(found["interval"], Interval | None)
    except (msgspec.MsgspecError, KeyError) as error:
        raise RegistryError(f"{NEXT_DAY} is not as Podium writes it ({error}); run `podium train`") from None


def example_rows(table: FeatureTable) -> DataFrame:
    """The last few rows of X: what a caller of the model passes."""
    import pandas as pd

    return pd.DataFrame(table.values[-N_EXAMPLE_ROWS:], columns=list(table.names))


def _plain(baselines: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float | None]]:
    return {
        name: {metric: float(value) if math.isfinite(value) else None for metric, value in metrics.items()}
        for name, metrics in baselines.items()
    }
