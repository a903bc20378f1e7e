"""`models/best_model_info.json`: who leads, for programs that ask a file rather than a registry.

Valid JSON at every instant; written again only when it would say something else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from podium.data.store import atomic_write
from podium.errors import MissingError, RegistryError
from podium.evaluate.baselines import PERSISTENCE
from podium.evaluate.outcome import Outcome
from podium.records import VersionRecord
from podium.registry.aliases import CHAMPION

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
MORE_KEYS = ("pinned_uri", "data_version", "scored_window", "baselines", "verdict", "reason", "ranking", "written_at")
SCORES = ("rmse", "mae", "directional_accuracy")


def build(champion: VersionRecord, outcome: Outcome) -> dict[str, Any]:
    """What the pointer says, without the time.

    Args:
        champion: the version that holds the title.
        outcome: of the last championship.
    """
    return {
        "run_id": champion.run_id,
        "model_type": champion.model_type,
        "model_name": champion.name,
        "model_version": str(champion.version),
        "model_alias": CHAMPION,
        "model_uri": f"models:/{champion.name}@{CHAMPION}",
        "metrics": {name: float(champion.tags[name]) for name in SCORES if name in champion.tags},
        "baseline_metrics": dict(outcome.baselines[PERSISTENCE]),
        "pinned_uri": champion.pinned_uri,
        "data_version": champion.tags.get("data_version", outcome.data_version),
        "scored_window": champion.tags.get("scored_window", outcome.scored_window),
        "baselines": {name: dict(metrics) for name, metrics in outcome.baselines.items()},
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "ranking": outcome.as_dict()["ranking"],
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
    # Compared as JSON has it: a tuple of places is written and read back as a list.
    new = json.loads(json.dumps(dict(content), allow_nan=False))
    if {key: value for key, value in before.items() if key != "written_at"} == new:
        return False
    timed = {**new, "written_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")}
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
