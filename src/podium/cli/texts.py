"""What the verbs say, as lines for people and as plain values for programs. Pure, so that golden files can hold it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from podium.records import FeatureTable, RunRecord

if TYPE_CHECKING:
    from podium.pipeline.evaluate import Championship
    from podium.pipeline.prepare import Ingested


def ingested_line(ingested: Ingested) -> str:
    """What was stored, and where."""
    series = ingested.series
    return (
        f"{series.pair}: {len(series):,} days from {series.dates[0]} to {series.dates[-1]} "
        f"-> {ingested.path} ({ingested.data_version})"
    )


def ingested_json(ingested: Ingested) -> dict[str, Any]:
    """The same for programs."""
    series = ingested.series
    return {
        "pair": series.pair,
        "data_version": ingested.data_version,
        "source": series.source,
        "n_days": len(series),
        "first_day": str(series.dates[0]),
        "last_day": str(series.dates[-1]),
        "last_close": float(series.closes[-1]),
        "path": str(ingested.path),
        "notes": list(ingested.notes),
    }


def features_line(table: FeatureTable, path: Path) -> str:
    """What was made, and where."""
    return f"{table.pair}: {len(table):,} origins, {len(table.names)} features -> {path}"


def features_json(table: FeatureTable, path: Path) -> dict[str, Any]:
    """The same for programs."""
    return {
        "pair": table.pair,
        "data_version": table.data_version,
        "n_origins": len(table),
        "features": list(table.names),
        "path": str(path),
    }


def trained_line(run: RunRecord) -> str:
    """A contestant's scores."""
    return f"{run.model_type}: RMSE {run.rmse:.5f}, MAE {run.metrics['mae']:.5f}, {_direction(run)} (run {run.run_id})"


def _direction(run: RunRecord) -> str:
    accuracy = run.metrics.get("directional_accuracy")
    return "no direction" if accuracy is None else f"direction {accuracy:.1%}"


def run_json(run: RunRecord) -> dict[str, Any]:
    """A completed run for programs."""
    return {
        "run_id": run.run_id,
        "model_type": run.model_type,
        "model_uri": run.model_uri,
        "data_version": run.tags["data_version"],
        "scored_window": run.tags["scored_window"],
        "metrics": {name: value for name, value in run.metrics.items() if np.isfinite(value)},
    }


def championship_lines(championship: Championship) -> Iterator[str]:
    """The ranking in the guide's form, then the random walk beside it."""
    yield "*** CHAMPIONSHIP RANKING (Lower RMSE is Better) ***"
    for number, place in enumerate(championship.places, start=1):
        alias = f" gets alias '@{place.alias}'" if place.alias else " gets no alias"
        yield f"{number}. {place.version.model_type} (RMSE: {place.run.rmse:.5f}) -> {_version(place)}{alias}"
    yield ""
    yield f"Deployment Choice: {_version(championship.champion)}"
    yield _validation(championship)
    yield _random_walk(championship)


def _version(place: Any) -> str:
    return f"{place.version.name} (v{place.version.version})"


def _validation(championship: Championship) -> str:
    ours, theirs = championship.champion.run.rmse, championship.baselines["persistence"]["rmse"]
    beats, sign = ("beats", "<") if ours < theirs else ("does not beat", ">=")
    return f"Validation: Champion {beats} Baseline ({ours:.5f} {sign} {theirs:.5f})"


def _random_walk(championship: Championship) -> str:
    ours, theirs = championship.champion.run.rmse, championship.baselines["random_walk"]["rmse"]
    ratio = championship.ratio_to_random_walk
    beats = "beats it" if ratio < 1 else "does not beat it"
    return f"Random walk: RMSE {theirs:.5f}; ratio {ratio:.4f}, champion {beats} ({ours:.6f} to {theirs:.6f})"


def championship_json(championship: Championship) -> dict[str, Any]:
    """The outcome for programs."""
    return {
        "pair": championship.pair,
        "data_version": championship.data_version,
        "champion": championship.champion.version.pinned_uri,
        "scored_days": championship.window.n_days,
        "baselines": {name: dict(scores) for name, scores in championship.baselines.items()},
        "ranking": [
            {
                "model_type": place.version.model_type,
                "model_name": place.version.name,
                "model_version": place.version.version,
                "alias": place.alias or None,
                "run_id": place.run.run_id,
                "rmse": place.run.rmse,
                "ratio_to_random_walk": place.run.rmse / championship.baselines["random_walk"]["rmse"],
                "mae": place.run.metrics["mae"],
                "directional_accuracy": place.run.metrics.get("directional_accuracy"),
            }
            for place in championship.places
        ],
    }
