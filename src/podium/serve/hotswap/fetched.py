"""Artifacts of a model in the server's own folder: sealed with digests as they come, looked at before use."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from podium.errors import RegistryError
from podium.records import Interval, VersionRecord
from podium.registry.log_items import NEXT_DAY, read_interval
from podium.registry.trust import LARGEST, describe, refuse_code
from podium.serve.hotswap.manifest import ModelCard
from podium.serve.hotswap.scorer import ScoringError

SEAL = "podium-seal.json"
GRAPH = "forecast.onnx"
TRIED = "podium-tried"  # file that says what became of the trial of a graph; empty when all was well
RUN = "run"  # folder of what comes from the model's run rather than from the model


class _Column(msgspec.Struct):
    name: str | None = None


class _Signature(msgspec.Struct):
    inputs: str | None = None


class _Metadata(msgspec.Struct):
    features: list[str] = []
    onnx_sha256: str = ""
    example_forecasts: list[float] = []


class _About(msgspec.Struct):
    """What a server reads of an MLmodel file."""

    signature: _Signature | None = None
    metadata: _Metadata | None = None
    utc_time_created: Any = ""  # YAML makes a time of what MLflow writes as text, should it be without quotes


class _Example(msgspec.Struct):
    """Rows of X as MLflow keeps them beside a model."""

    columns: list[str]
    data: list[list[float]]


def folder_name(record: VersionRecord) -> str:
    """Where a version's artifacts lie: one folder, whatever characters and lengths its name and its run's id have."""
    readable = re.sub(r"[^A-Za-z0-9_]", "_", record.name)[:40]
    identity = json.dumps([record.name, record.version, record.run_id]).encode()
    return f"{readable}-{record.version}-{digest(identity)[:12]}"


def refuse_own_names(folder: Path, record: VersionRecord) -> None:
    """Refuse artifacts that lie where what comes from elsewhere is to lie.

    Raises:
        ScoringError: there are such.
    """
    for name in (RUN, SEAL, TRIED):
        if (folder / name).exists():
            raise ScoringError(f"{record.pinned_uri} has an artifact named {name}, which is Podium's own; log it anew")


def seal(folder: Path) -> None:
    """Write the digests of all files beside them."""
    digests = {name: _digest_of(path) for name, path in _files(folder)}
    (folder / SEAL).write_text(json.dumps(digests, sort_keys=True))


def is_whole(folder: Path) -> bool:
    """Whether every sealed file is there, unchanged."""
    try:
        digests = json.loads((folder / SEAL).read_text())
        return bool(digests == {name: _digest_of(path) for name, path in _files(folder)})
    except (OSError, ValueError):
        return False


def has_run(folder: Path) -> bool:
    """Whether everything of the model's run has been fetched that there is."""
    return (folder / RUN).is_dir()


def digest(content: bytes) -> str:
    """SHA-256."""
    return hashlib.sha256(content).hexdigest()


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def card(record: VersionRecord, folder: Path, place: str, trusted: Sequence[str] = ()) -> ModelCard:
    """What the folder holds.

    Args:
        record: the version whose artifacts these are.
        folder: where they lie.
        place: the same, as it is written into the manifest.
        trusted: names and patterns of models whose own code may run.

    Raises:
        ScoringError: there is no model in it that may be served.
    """
    about = _description(folder, record)
    metadata, names = about.metadata or _Metadata(), _signature_names(about, record)
    features = tuple(metadata.features or names)
    if not features:
        raise ScoringError(f"{record.pinned_uri} names no columns; log it with a signature or with podium train")
    if names and tuple(names) != features:
        raise ScoringError(f"{record.pinned_uri}: the signature and the recorded features differ; train it again")
    if not all(map(math.isfinite, metadata.example_forecasts)):
        raise ScoringError(f"{record.pinned_uri}: a recorded forecast is not a finite number; train it again")
    graph = _graph(folder, record, metadata.onnx_sha256)
    if not graph:
        try:
            refuse_code(folder, record.name, trusted)
        except RegistryError as error:
            raise ScoringError(f"{record.pinned_uri} has no graph, and is not loaded: {error}") from None
    return ModelCard(
        name=record.name,
        version=record.version,
        run_id=record.run_id,
        folder=place,
        digest=graph,
        features=features,
        positional=not names,
        example=_example(folder, features),
        expected=metadata.example_forecasts,
        tags=dict(record.tags),
        created_at=_created_at(about),
        interval=_interval(folder),
    )


def _description(folder: Path, record: VersionRecord) -> _About:
    try:
        return msgspec.convert(describe(folder), _About, strict=False)
    except RegistryError as error:
        raise ScoringError(f"{record.pinned_uri}: {error}") from None
    except msgspec.ValidationError as error:
        raise ScoringError(f"{record.pinned_uri}: its MLmodel file is not as MLflow writes it ({error})") from None


def _signature_names(about: _About, record: VersionRecord) -> list[str]:
    """Names of the model's columns; none where its signature is of tensors, or where it has none."""
    try:
        columns = msgspec.json.decode((about.signature or _Signature()).inputs or "[]", type=list[_Column])
    except msgspec.DecodeError:
        raise ScoringError(f"{record.pinned_uri}: its signature cannot be read; train it again") from None
    names = [column.name for column in columns if column.name]
    return names if len(names) == len(columns) else []


def _graph(folder: Path, record: VersionRecord, recorded: str) -> str:
    """Digest of the graph, which must be the one recorded when the model was logged; empty without a graph."""
    path = folder / GRAPH
    found = _digest_of(path) if path.is_file() else ""
    if found != recorded:
        raise ScoringError(f"{record.pinned_uri}: {GRAPH} is not the graph that was logged; train it again")
    return found


def _example(folder: Path, features: tuple[str, ...]) -> list[list[float]]:
    """Rows that came with the model, in the order of its features; none where they cannot be read."""
    try:
        with (folder / "input_example.json").open("rb") as file:
            example = msgspec.json.decode(file.read(LARGEST), type=_Example)  # what is cut off cannot be read
    except (OSError, msgspec.DecodeError):
        return []
    if set(example.columns) != set(features) or any(len(row) != len(example.columns) for row in example.data):
        return []
    order = [example.columns.index(name) for name in features]
    return [[row[place] for place in order] for row in example.data]


def _interval(folder: Path) -> Interval | None:
    try:
        return read_interval((folder / RUN / NEXT_DAY).read_bytes())
    except (OSError, RegistryError):
        return None


def _created_at(about: _About) -> float:
    try:
        return datetime.fromisoformat(str(about.utc_time_created)).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in {SEAL, TRIED}:
            yield path.relative_to(folder).as_posix(), path
