"""What may go, and its going: runs, versions, models, artifacts, rows, reports and caches that nobody refers to.

First it is hidden, through MLflow's own client, then its files go, then its rows: whatever stops it, pruning again
goes on where it was.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from podium.errors import MissingError, RegistryError
from podium.ledger import Ledger
from podium.ledger.export import served
from podium.records import VersionRecord, pinned_uri
from podium.registry import care, mlflow_tables, pointer
from podium.registry.care import Recorded
from podium.registry.databases import is_there, sqlite_path
from podium.registry.local_files import local_path
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings

DAY = 86_400.0
LOOSE = ("*.html", "*.png")  # what reports and simulations leave in their folder


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went, or would go.

    Attributes:
        keep_days: how many days everything is kept.
        runs: ids of the runs, each with its logged model, artifacts and report.
        versions: addresses of the registered versions.
        files: reports, pictures and cached models.
        kept: versions older than that which stay, by why.
        n_bytes: size of what went, on this machine's disks and in the store.
        forecasts: entries of the ledger; none unless they are exported.
        database_bytes: by how much the SQLite file shrank; None where it is none or was not made smaller.
    """

    keep_days: int
    runs: tuple[str, ...]
    versions: tuple[str, ...]
    files: tuple[str, ...]
    kept: dict[str, int]
    n_bytes: int
    forecasts: int = 0
    database_bytes: int | None = None


class Choice(NamedTuple):
    """Runs and versions that may go, and how many older versions stay, by why."""

    runs: list[Recorded]
    versions: list[VersionRecord]
    kept: dict[str, int]


def choose(
    runs: Iterable[Recorded], versions: Iterable[VersionRecord], named: Mapping[str, str], before: float
) -> Choice:
    """What may go: what Podium made before a moment and nobody refers to.

    A version stays that holds an alias, that somebody names, that is the newest of its model, for its evidence goes on
    in the next one, or whose run stays; a run stays behind a version that does, whoever registered it, and so does
    whoever was in a championship with a run that is behind an alias.

    Args:
        runs: that Podium recorded.
        versions: of all registered models.
        named: addresses of versions and ids of runs that somebody remembers, each with who does.
        before: milliseconds since the epoch.
    """
    versions = list(versions)
    kept: dict[str, int] = {}
    stay = set(named)
    newest = {version.name: version for version in sorted(versions, key=lambda version: version.version)}
    for version in versions:
        why = "aliased" if version.aliases else named.get(version.pinned_uri) or named.get(version.run_id)
        why = why or ("the newest of its model" if newest[version.name] is version else None)
        if why and version.created_at < before:
            kept[why] = kept.get(why, 0) + 1
        if why or not care.is_ours(version) or version.created_at >= before:
            stay.add(version.run_id)
    rivals = {version.tags.get("data_version", "") for version in versions if version.aliases} - {""}
    gone = [
        run for run in runs if run.started_at < before and run.run_id not in stay and run.data_version not in rivals
    ]
    going = {run.run_id for run in gone}
    return Choice(gone, [version for version in versions if version.run_id in going], kept)


def prune(
    settings: Settings,
    keep_days: int,
    dry_run: bool = False,
    reports: Path = Path("reports"),
    export: Path | None = None,
) -> Pruned:
    """Let go what is older than so many days and that nobody refers to; see `choose`.

    Args:
        settings: addresses and folders.
        keep_days: whatever is younger stays.
        dry_run: only say what would go.
        reports: folder of reports and pictures.
        export: a new file for the ledger's older entries, which go after that.

    Raises:
        LedgerError: the ledger cannot be asked, so nobody knows what it refers to.
    """
    store, before = MlflowStore(settings), time.time() - keep_days * DAY
    choice = choose(care.recorded(store), care.registered(store), _named(store), before * 1000)
    files = [*_old(reports, LOOSE, before), *_cached(settings, before)]
    places = [place for run in choice.runs for place in run.places]
    found = Pruned(
        keep_days=keep_days,
        runs=tuple(run.run_id for run in choice.runs),
        versions=tuple(version.pinned_uri for version in choice.versions),
        files=tuple(map(str, files)),
        kept=choice.kept,
        n_bytes=sum(map(_size, files)) + sum(care.size(store, place) for place in places),
        forecasts=_forecasts(settings, before, export, dry_run) if export else 0,
    )
    if dry_run or not is_there(store.connection.address):
        return found
    care.hide(store, choice.runs, choice.versions)
    for place in places:
        _remove(store, place)
    for path in files:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    freed = [_erase(store, address, choice.runs) for address in store.connection.addresses]
    sizes = [size for size in freed if size is not None]
    return replace(found, database_bytes=sum(sizes) if sizes else None)


def _named(store: MlflowStore) -> dict[str, str]:
    """Addresses of versions and ids of runs that somebody remembers, each with who does."""
    named: dict[str, str] = {}
    for pair in care.all_pairs(store):
        for title in store.titles(pair):
            named |= dict.fromkeys((title.pinned_uri, title.previous, title.run_id), "in the history of titles")
    for path in store.settings.models_dir.glob("best_model_info*.json"):
        with suppress(RegistryError):
            named[str(pointer.read_file(path)["pinned_uri"])] = "in a pointer"
    with suppress(MissingError), closing(Ledger.open(store.settings.ledger, create=False)) as ledger:
        for name, version, run_id in served(ledger):
            named |= dict.fromkeys((pinned_uri(name, version), run_id or ""), "in the ledger")
    named.pop("", None)
    return named


def _forecasts(settings: Settings, before: float, export: Path, dry_run: bool) -> int:
    from podium.ledger.retention import prune as let_go

    with closing(Ledger.open(settings.ledger, create=False)) as ledger:
        return let_go(ledger, datetime.fromtimestamp(before, UTC), export=export, dry_run=dry_run).gone


def _remove(store: MlflowStore, place: str) -> None:
    """The files at an address, and the folders that would stay empty."""
    care.remove(store, place)
    path = local_path(place)
    for folder in (path, path.parent) if path else ():
        with suppress(OSError):  # it is gone, or somebody else's files are in it
            folder.rmdir()


def _erase(store: MlflowStore, address: str, runs: Sequence[Recorded]) -> int | None:
    """The rows, where the database can be reached; a SQLite file is made smaller, unless somebody is using it."""
    if address.startswith("http"):
        return None
    with store.connection.errors("erase what was deleted"), store.connection.lock():
        mlflow_tables.erase(address, [run.run_id for run in runs], [run.model_id for run in runs if run.model_id])
    path = sqlite_path(address)
    if path is None:
        return None
    before = path.stat().st_size
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(path, timeout=5)) as connection:
        connection.execute("VACUUM")
    return before - path.stat().st_size


def _old(folder: Path, patterns: Iterable[str], before: float) -> Iterator[Path]:
    for pattern in patterns:
        yield from sorted(path for path in folder.glob(pattern) if path.stat().st_mtime < before)


def _cached(settings: Settings, before: float) -> Iterator[Path]:
    """Models that a server fetched long ago and does not serve; its manifest names those that it does."""
    for cache in (settings.serve.cache or settings.data_dir / "serving").glob("*"):  # a folder a registry
        manifest = cache / "manifest.json"
        told = manifest.read_text(encoding="utf-8") if manifest.exists() else ""
        yield from (path for path in _old(cache / "models", ("*",), before) if path.name not in told)


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())
