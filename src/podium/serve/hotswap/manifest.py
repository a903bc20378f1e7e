"""What the registry's reader tells the serving processes: a file, replaced whole.

Its time of change says when the registry was last read; its content changes only when the models or their state do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from podium.data.files import atomic_write
from podium.records import Interval, Versioned
from podium.registry.judgements import TAG

CHAMPIONSHIPS = "championships"  # folder of their judgements, each named after what the tag of a version says of it


class ModelCard(Versioned, msgspec.Struct, frozen=True):
    """One registered version, fetched and ready to load.

    Attributes:
        name: registered model, `EURUSD_LSTM`.
        version: its version.
        run_id: the run that logged it.
        folder: its artifacts, below the cache.
        digest: SHA-256 of the ONNX graph; empty for a model without one.
        features: names of the model's columns, in order.
        positional: whether its signature knows no names.
        example: rows of X that came with the model.
        expected: the forecasts of those rows by the model that was logged; empty where they were not recorded.
        tags: of the version.
        created_at: seconds since the epoch at which the model was logged; 0 when unknown.
        interval: of its forecast from the last day that it was fitted on; None where the run recorded none.
    """

    name: str
    version: int
    run_id: str
    folder: str
    digest: str
    features: tuple[str, ...]
    positional: bool
    example: list[list[float]]
    expected: list[float]
    tags: dict[str, str]
    created_at: float = 0.0
    interval: Interval | None = None

    @property
    def identity(self) -> tuple[str, int, str]:
        """Two cards with the same identity are the same model."""
        return (self.name, self.version, self.run_id)


class PairCard(msgspec.Struct, frozen=True):
    """One pair's podium.

    Attributes:
        arms: models by alias, `champion` first.
        titles: history of the title, as the registry's tags hold it.
    """

    arms: dict[str, ModelCard]
    titles: dict[str, str] = {}


class Manifest(msgspec.Struct, frozen=True):
    """Everything that there is to serve.

    Attributes:
        pairs: podium by pair.
        mark: state of the registry's database when it was read; empty where it has none that can be seen.
        problems: one sentence for each thing that went wrong, by pair, or under `registry`.
        reads: how often a reader has read the registry anew.
    """

    pairs: dict[str, PairCard] = {}
    mark: str = ""
    problems: dict[str, str] = {}
    reads: int = 0


def load(path: Path) -> Manifest | None:
    """The manifest; None when there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError, ValueError):
        return None


def save(manifest: Manifest, path: Path) -> None:
    """Replace the manifest."""
    atomic_write(path, msgspec.json.encode(manifest))


def judgement_file(cache: Path, tags: Mapping[str, str]) -> Path | None:
    """Where the judgement of the last championship of a version lies; None where its tags name none."""
    tag = tags.get(TAG, "")
    return cache / CHAMPIONSHIPS / f"{hashlib.sha256(tag.encode()).hexdigest()[:16]}.json" if tag else None
