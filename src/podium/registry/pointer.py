"""`models/best_model_info.json`: who leads, for programs that ask a file rather than a registry.

It is about the pair that was evaluated last; `models/best_model_info.EURUSD.json` beside it is always about that pair.
Both are valid JSON at every instant, and written again only when they would say something else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from podium.data.files import atomic_write
from podium.errors import MissingError, RegistryError
from podium.evaluate.baselines import PERSISTENCE
from podium.evaluate.judgement import Judgement
from podium.records import CHAMPION, VersionRecord
from podium.registry.history import Title, since

FILE_NAME = "best_model_info.json"


def file_of(pair: str) -> str:
    """Name of the file that is about one pair, whichever was evaluated last."""
    return f"best_model_info.{pair}.json"


# What a reader may rely on: the guide's keys, then Podium's; `title_since` and `title_data_day` are newer than 0.1.0.
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
MORE_KEYS = (
    "pair",
    "pinned_uri",
    "data_version",
    "scored_days",
    "baselines",
    "verdict",
    "reason",
    "ranking",
    "written_at",
)
SCORES = ("rmse", "mae", "directional_accuracy")


def build(champion: VersionRecord, judgement: Judgement, title: Title | None) -> dict[str, Any]:
    """What the pointer says, without the time.

    Args:
        champion: the version that holds the title.
        judgement: of the last championship.
        title: the entry by which the champion's model took the title; None where there is none.
    """
    return {
        "run_id": champion.run_id,
        "model_type": champion.family,
        "model_name": champion.name,
        "model_version": str(champion.version),
        "model_alias": CHAMPION,
        "model_uri": f"models:/{champion.name}@{CHAMPION}",
        "metrics": {name: float(champion.tags[name]) for name in SCORES if name in champion.tags},
        "baseline_metrics": dict(judgement.baselines[PERSISTENCE]),
        "pair": judgement.pair,
        "pinned_uri": champion.pinned_uri,
        "data_version": str(champion.data_version or judgement.data_version),
        "scored_days": champion.tags.get("scored_days", str(judgement.scored_days)),
        "baselines": {name: dict(metrics) for name, metrics in judgement.baselines.items()},
        "verdict": judgement.verdict,
        "reason": judgement.reason,
        "ranking": [row.flat() for row in judgement.ranking],
        **since(title),
    }


def write(content: Mapping[str, Any], folder: Path, names: Iterable[str] = ()) -> bool:
    """Replace the pair's pointer in `folder` and the guide's, unless they say the same already; their time then stays.

    Args:
        content: what `build` made.
        folder: where they are.
        names: of the files to replace, if not both.

    Returns:
        Whether a file was written.
    """
    written = [_write(content, folder / name) for name in names or (file_of(content["pair"]), FILE_NAME)]
    return any(written)


def _write(content: Mapping[str, Any], path: Path) -> bool:
    try:
        before = read_file(path)
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


def read(folder: Path, pair: str | None = None) -> dict[str, Any]:
    """The pointer in `folder`: a pair's, or that of the pair that was evaluated last.

    Raises:
        MissingError: there is none.
        RegistryError: it is not a pointer; the message names what is wrong with it.
    """
    return read_file(folder / (file_of(pair) if pair else FILE_NAME))


def read_file(path: Path) -> dict[str, Any]:
    """One pointer; see `read`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingError(f"{path} is not there; run `podium evaluate`") from None
    except (OSError, ValueError) as error:
        raise RegistryError(f"{path} cannot be read ({error}); run `podium evaluate` to write it again") from None
    if isinstance(content, dict) and "scored_window" in content:  # the first release's word
        content["scored_days"] = content.pop("scored_window")
    missing = [key for key in (*GUIDE_KEYS, *MORE_KEYS) if key not in content] if isinstance(content, dict) else ["all"]
    if missing:
        raise RegistryError(f"{path} lacks {', '.join(missing)}; run `podium evaluate` to write it again")
    return dict(content)
