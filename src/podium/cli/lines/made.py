"""What the steps have made: rates, features, runs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from podium.pipeline.prepare import Ingested
    from podium.records import FeatureTable, RunRecord


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
        "data_version": str(ingested.data_version),
        "source": series.source,
        "n_days": len(series),
        "first_day": str(series.dates[0]),
        "last_day": str(series.dates[-1]),
        "last_close": float(series.closes[-1]),
        "path": str(ingested.path),
        "notes": list(ingested.notes),
    }


def features_line(features: FeatureTable, path: Path) -> str:
    """What was made, and where."""
    return f"{features.pair}: {len(features):,} origins, {len(features.names)} features -> {path}"


def features_json(features: FeatureTable, path: Path) -> dict[str, Any]:
    """The same for programs."""
    return {
        "pair": features.pair,
        "data_version": str(features.data_version),
        "n_origins": len(features),
        "features": list(features.names),
        "path": str(path),
    }


def trained_line(run: RunRecord, before: bool = False) -> str:
    """A contestant's scores."""
    scores = f"RMSE {run.rmse:.5f}, MAE {run.metrics['mae']:.5f}, {_direction(run)}"
    return f"{run.family}: {scores} (run {run.run_id}{', done before' if before else ''})"


def _direction(run: RunRecord) -> str:
    accuracy = run.metrics.get("directional_accuracy")
    return "no direction" if accuracy is None else f"direction {accuracy:.1%}"


def run_json(run: RunRecord, before: bool) -> dict[str, Any]:
    """A completed run for programs."""
    return {
        "run_id": run.run_id,
        "family": run.family,
        "done_before": before,
        "model_uri": run.model_uri,
        "data_version": str(run.data_version),
        "scored_days": run.scored_days,
        "metrics": {name: value for name, value in run.metrics.items() if math.isfinite(value)},
    }
