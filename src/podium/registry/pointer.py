"""`models/best_model_info.json`: who leads, for programs that ask a file rather than a registry.

Valid JSON at every instant; written again only when it would say something else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from podium.data.store import atomic_write
from podium.errors import MissingError, RegistryError
from podium.records import RunRecord, VersionRecord
from podium.registry.aliases import CHAMPION
from podium.registry.log_items import PERSISTENCE

FILE_NAME = "best_model_info.json"
# What a reader may rely on: the guide's keys, then Podium's.
GUIDE_KEYS = (
    "run_id",
    "model_type",
    "model_name",
    "model_version",
    "model_alias",
    "model_uri",
    "metrics",
    "baseline_metrics",
)
MORE_KEYS = ("pinned_uri", "data_version", "scored_window", "baselines", "ranking", "written_at")
SCORES = ("rmse", "mae", "directional_accuracy")


@dataclass(frozen=True, slots=True)
class Place:
    """One place of the ranking: the run that earned it, the version it is registered as, and the alias it got."""

    run: RunRecord
    version: VersionRecord
    alias: str


def build(
    places: Sequence[Place],
    *,
    baselines: Mapping[str, Mapping[str, float]],
    data_version: str,
    scored_window: str,
) -> dict[str, Any]:
    """What the pointer says, without the time.

    Args:
        places: the ranking, champion first.
        baselines: metrics by baseline, `persistence` and `random_walk`.
        data_version: the series of this championship.
        scored_window: the common window, as the runs' tag has it.
    """
    first = places[0]
    return {
        "run_id": first.run.run_id,
        "model_type": first.run.model_type,
        "model_name": first.version.name,
        "model_version": str(first.version.version),
        "model_alias": CHAMPION,
        "model_uri": f"models:/{first.version.name}@{CHAMPION}",
        "metrics": _scores(first.run.metrics),
        "baseline_metrics": _finite(baselines.get(PERSISTENCE, {})),
        "pinned_uri": first.version.pinned_uri,
        "data_version": data_version,
        "scored_window": scored_window,
        "baselines": {name: _finite(metrics) for name, metrics in baselines.items()},
        "ranking": [_place(rank, place) for rank, place in enumerate(places, start=1)],
    }


def _place(rank: int, place: Place) -> dict[str, Any]:
    return {
        "rank": rank,
        "model_name": place.version.name,
        "model_version": str(place.version.version),
        "model_alias": place.alias,
        "run_id": place.run.run_id,
        "metrics": _scores(place.run.metrics),
    }


def write(content: Mapping[str, Any], folder: Path) -> bool:
    """Replace the pointer in `folder`, unless it says the same already; its time then stays.

    Returns:
        Whether the file was written.
    """
    path = folder / FILE_NAME
    try:
        before = read(folder)
    except (MissingError, RegistryError):
        before = {}
    if {key: value for key, value in before.items() if key != "written_at"} == dict(content):
        return False
    timed = {**content, "written_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")}
    text = json.dumps(timed, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    atomic_write(path, text.encode())
    return True


def read(folder: Path) -> dict[str, Any]:
    """The pointer in `folder`.

    Raises:
        MissingError: there is none.
        RegistryError: it is not a pointer; the message names what is wrong with it.
    """
    path = folder / FILE_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingError(f"{path} is not there; run `podium evaluate`") from None
    except (OSError, ValueError) as error:
        raise RegistryError(f"{path} cannot be read ({error}); run `podium evaluate` to write it again") from None
    missing = [key for key in (*GUIDE_KEYS, *MORE_KEYS) if key not in content] if isinstance(content, dict) else ["all"]
    if missing:
        raise RegistryError(f"{path} lacks {', '.join(missing)}; run `podium evaluate` to write it again")
    return dict(content)


def _scores(metrics: Mapping[str, float]) -> dict[str, float | None]:
    return _finite({name: metrics[name] for name in SCORES if name in metrics})


def _finite(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """JSON has no NaN; a score that is not defined is null."""
    return {name: float(value) if math.isfinite(value) else None for name, value in metrics.items()}
