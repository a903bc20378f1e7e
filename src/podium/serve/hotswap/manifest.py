"""What the registry's reader tells the serving processes: a file, replaced whole.

Its time of change says when the registry was last read; its content changes only when the models or their state do.
"""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from podium.data.store import atomic_write
from podium.records import DataVersion, Interval, ModelName
from podium.registry.judgements import TAG

MANIFEST = "manifest.json"
REQUESTS = "requests"  # folder of wishes for a look at once; the reader takes one away when it is answered
SILENCE = 8.0  # seconds after which a process that says nothing is taken to be gone, or to stand still
ANEW = 600.0  # seconds after which even a registry that shows no change is read again
RESTING = "resting"  # file with the mark of the registry as its reader left it, whom nobody needs until it changes
RESTARTED = "restarted"  # file that says why the registry's reader was started again, as long as that is news
CHAMPIONSHIPS = "championships"  # folder of their judgements, each named after what the tag of a version says of it
IN_SERVICE = "in-service"  # folder in which each serving process says which reading it serves


class ModelCard(msgspec.Struct, frozen=True):
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
        experiment_id: of the run; empty when unknown.
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
    experiment_id: str = ""
    interval: Interval | None = None

    @property
    def identity(self) -> tuple[str, int, str]:
        """Two cards with the same identity are the same model."""
        return (self.name, self.version, self.run_id)

    @property
    def family(self) -> str:
        """`LSTM` of `EURUSD_LSTM`."""
        return ModelName.parse(self.name).family

    @property
    def data_version(self) -> DataVersion | None:
        """Of the series that it was fitted on; None where its tags do not say."""
        return DataVersion.of_tags(self.tags)


class PairCard(msgspec.Struct, frozen=True):
    """One pair's podium.

    Attributes:
        arms: models by alias, `champion` first.
        titles: history of the title, oldest first.
    """

    arms: dict[str, ModelCard]
    titles: list[dict[str, Any]] = []


class Manifest(msgspec.Struct, frozen=True):
    """Everything that there is to serve.

    Attributes:
        pairs: podium by pair.
        mark: state of the registry's database when it was read; empty where it has none that can be seen.
        address: digest of the registry's address.
        problems: one sentence for each thing that went wrong, by pair, or under `registry`.
        reads: how often a reader has read the registry anew.
    """

    pairs: dict[str, PairCard] = {}
    mark: str = ""
    address: str = ""
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


def request_look(cache: Path) -> Path:
    """Wish that the registry is read at once.

    Returns:
        A file that is gone when a manifest from a reading that began after the wish is in place.
    """
    wish = cache / REQUESTS / uuid.uuid4().hex
    wish.parent.mkdir(parents=True, exist_ok=True)
    wish.touch()
    return wish


def requested_looks(cache: Path) -> list[Path]:
    """Wishes that nobody has answered yet."""
    return list((cache / REQUESTS).glob("*"))


def tell_in_service(cache: Path, reads: int) -> None:
    """This process lives, and serves what the reading of this number found; to be said every second."""
    atomic_write(cache / IN_SERVICE / str(os.getpid()), str(reads).encode())


def forget_in_service(cache: Path) -> None:
    """This process ends."""
    (cache / IN_SERVICE / str(os.getpid())).unlink(missing_ok=True)


def in_service(cache: Path) -> dict[int, tuple[float, int]]:
    """Seconds since each process that serves from here was last heard of, and the reading that it serves, by its id."""
    found: dict[int, tuple[float, int]] = {}
    for place in (cache / IN_SERVICE).glob("[0-9]*"):
        try:
            found[int(place.name)] = (time.time() - place.stat().st_mtime, int(place.read_bytes() or 0))
        except (OSError, ValueError):
            continue
    return found


def all_serve(cache: Path, reads: int) -> bool:
    """Whether every process that serves from here has this reading, or a later one, in service.

    Who has not been heard of for a while is gone, and another process may have its number by now.
    """
    heard = in_service(cache)
    for number, (age, _) in heard.items():
        if age > SILENCE:
            (cache / IN_SERVICE / str(number)).unlink(missing_ok=True)
    return all(known >= reads for age, known in heard.values() if age <= SILENCE)


def is_resting(cache: Path, database: Path | None, interval: float) -> bool:
    """Whether the reader ended with nothing left to do, and nothing has come since. Who asks has looked in its place.

    Args:
        cache: folder of the manifest.
        database: the registry's SQLite file.
        interval: seconds after which the manifest's time says so.
    """
    try:
        left = (cache / RESTING).read_text(encoding="utf-8")
        if not left or left != mark_of(database) or requested_looks(cache):
            return False
        if time.time() - (cache / MANIFEST).stat().st_mtime >= interval:
            os.utime(cache / MANIFEST)
    except OSError:
        return False
    return True


def address_digest(*addresses: str | None) -> str:
    """Names a registry without its password."""
    return hashlib.sha256("\n".join(address or "" for address in addresses).encode()).hexdigest()[:16]


def mark_of(database: Path | None) -> str:
    """State of a SQLite file that changes with every commit: its change counter, size and time, and its log's.

    Empty when there is no such file: then nobody can say without asking whether something has changed.
    """
    if database is None:
        return ""
    try:
        with database.open("rb") as file:
            counter = file.read(28)[24:].hex()
        states = [database.stat()]
        log = database.with_name(f"{database.name}-wal")
        if log.exists():
            states.append(log.stat())
    except OSError:
        return ""
    return " ".join([counter, *(f"{state.st_ino}.{state.st_size}.{state.st_mtime_ns}" for state in states)])
