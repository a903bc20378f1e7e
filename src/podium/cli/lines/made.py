"""What the steps have made: rates, features, runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from podium.cli.lines.cells import picked

if TYPE_CHECKING:
    from podium.records import DataVersion, FeatureTable, RunRecord, Series


def ingested_line(series: Series, version: DataVersion, path: Path) -> str:
    """What was stored, and where."""
    days = f"{len(series):,} days from {series.dates[0]} to {series.dates[-1]}"
    return f"{series.pair}: {days} -> {path} ({version})"


def ingested_json(series: Series, version: DataVersion, path: Path, notes: Sequence[str]) -> dict[str, Any]:
    """The same for programs."""
    days = {"n_days": len(series), "first_day": str(series.dates[0]), "last_day": str(series.dates[-1])}
    days |= {"last_close": float(series.closes[-1]), "data_version": str(version)}
    return {**picked(series, "pair", "source"), **days, "path": str(path), "notes": list(notes)}


def features_line(features: FeatureTable, path: Path) -> str:
    """What was made, and where."""
    return f"{features.pair}: {len(features):,} origins, {len(features.names)} features -> {path}"


def features_json(features: FeatureTable, path: Path) -> dict[str, Any]:
    """The same for programs."""
    found = picked(features, "pair", "data_version")
    return {**found, "n_origins": len(features), "features": list(features.names), "path": str(path)}


def trained_line(run: RunRecord, before: bool = False) -> str:
    """A contestant's scores."""
    scores = f"RMSE {run.rmse:.5f}, MAE {run.metrics['mae']:.5f}, {_direction(run)}"
    return f"{run.family}: {scores} (run {run.run_id}{', done before' if before else ''})"


def _direction(run: RunRecord) -> str:
    accuracy = run.metrics.get("directional_accuracy")
    return "no direction" if accuracy is None else f"direction {accuracy:.1%}"


def run_json(run: RunRecord, before: bool) -> dict[str, Any]:
    """A completed run for programs."""
    metrics = {name: value for name, value in run.metrics.items() if math.isfinite(value)}
    found = picked(run, "run_id", "family", "model_uri", "data_version", "scored_days")
    return {**found, "done_before": before, "metrics": metrics}
