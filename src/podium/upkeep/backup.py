"""A championship in one file, and back again: databases first, then the artifacts that they name, then the rest."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from podium.errors import MissingError, SettingError
from podium.ledger.database import file_of
from podium.registry import care, local_files, locations, mlflow_tables
from podium.registry.databases import copy_sqlite, is_there, sqlite_path
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings
from podium.settings.origins import SETTINGS_FILE

MANIFEST, FORMAT = "manifest.json", 1
CHUNK = 1 << 20  # bytes
DATABASES = ("databases/tracking.db", "databases/registry.db")
LEDGER, TOML, KEYS = "ledger.db", "podium.toml", "keys"
PRIVATE = frozenset({LEDGER, TOML, KEYS})
MADE_ANEW = frozenset({"serving", "cache"})  # folders of the data folder


@dataclass(frozen=True, slots=True)
class Archive:
    """What a backup holds, or what was restored of one.

    Attributes:
        path: the file.
        files: how many files are in it.
        n_bytes: their size.
        left_out: a sentence for each thing that belongs to the championship and is not in it.
    """

    path: Path
    files: int
    n_bytes: int
    left_out: tuple[str, ...] = ()


def backup(settings: Settings, path: Path) -> Archive:
    """Write everything into one file that its owner alone can read; whoever works or serves meanwhile is not held up.

    The databases are copied first: whatever a completed run names was written before its last tag.

    Raises:
        MissingError: there is no championship here.
        SettingError: they are behind an MLflow server, or there is such a file already.
    """
    store = MlflowStore(settings)
    if not all(map(is_there, store.connection.addresses)):
        raise MissingError(f"there is no championship at {store.connection.clean(settings.tracking_uri)} to back up")
    if path.exists():
        raise SettingError(f"{path} is there already; give the backup a name of its own")
    aside = path.with_name(f".{path.name}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="podium-") as folder, store.connection.errors("back the store up"):
            aside.unlink(missing_ok=True)
            aside.touch(0o600)
            with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                made = _write(archive, store, Path(folder))
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return Archive(path, *made)


def _write(archive: zipfile.ZipFile, store: MlflowStore, folder: Path) -> tuple[int, int, Any]:
    files: dict[str, str] = {}
    places: dict[str, str] = {}
    for name, source in _members(store, folder, places):
        try:
            files[name] = _add(archive, name, source)
        except FileNotFoundError:
            continue  # taken away by somebody else's work since it was listed
    content = {"format": FORMAT, "files": files, "places": places}
    archive.writestr(MANIFEST, json.dumps(content, indent=1))
    return len(files), sum(item.file_size for item in archive.infolist()), tuple(_left_out(store.settings))


def _add(archive: zipfile.ZipFile, name: str, source: Path) -> str:
    """One file; the digest of what was written."""
    digest = hashlib.sha256()
    with source.open("rb") as file, archive.open(name, "w", force_zip64=True) as member:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            member.write(chunk)
    return digest.hexdigest()


def _members(store: MlflowStore, folder: Path, places: dict[str, str]) -> Iterator[tuple[str, Path]]:
    """Every file with its name in the archive; `places` is told which folder of it stands for which address."""
    settings, ledger = store.settings, file_of(store.settings.ledger)
    if ledger is not None and ledger.exists():
        copy_sqlite(ledger, folder / LEDGER)
        yield LEDGER, folder / LEDGER
    for name, uri in zip(DATABASES, store.connection.addresses, strict=False):
        copied = folder / Path(name).name
        mlflow_tables.snapshot(uri, copied)
        yield name, copied
    yield from _artifacts(store, folder / Path(DATABASES[0]).name, folder, places)
    for room, top in (("data", settings.data_dir), ("models", settings.models_dir)):
        for path in sorted(top.rglob("*")):
            inside = path.relative_to(top)
            if path.is_file() and not _is_made_anew(inside) and not (ledger and path.name.startswith(ledger.name)):
                yield f"{room}/{inside.as_posix()}", path
    for name, file in ((TOML, SETTINGS_FILE), (KEYS, settings.serve.keys_file)):
        if file is not None and file.is_file():
            yield name, file


def _artifacts(store: MlflowStore, database: Path, folder: Path, places: dict[str, str]) -> Iterator[tuple[str, Path]]:
    run_ids = local_files.read(database).run_ids
    with locations.engine(f"sqlite:///{database}").connect() as connection:
        experiments = locations.experiments(connection)
    for number, address in experiments.items():
        places[address] = f"artifacts/{number}"
        here = care.files_at(store, address, folder / str(number))
        if here is None:
            continue
        for top in sorted(here.iterdir()):
            if top.name in run_ids | local_files.MLFLOWS_OWN:
                found = sorted(path for path in top.rglob("*") if path.is_file())
                yield from ((f"artifacts/{number}/{path.relative_to(here).as_posix()}", path) for path in found)


def _is_made_anew(inside: Path) -> bool:
    return inside.parts[0] in MADE_ANEW or inside.suffix in {".lock", ".tmp"}


def _left_out(settings: Settings) -> Iterator[str]:
    if file_of(settings.ledger) is None:
        yield "the ledger is in a database server: `pg_dump` backs it up"
    if settings.serve.tls_key is not None:
        yield f"{settings.serve.tls_key} is a private key, and stays where it is"


def restore(path: Path, flags: Mapping[str, Any]) -> Archive:
    """Put a backup into this folder, where its own `podium.toml`, the environment and the flags say; it works at once.

    Everything is compared with its digest before anything is written; the database comes last, so that whatever
    stops the restoring, doing it again completes it.

    Args:
        path: the file that `backup` wrote.
        flags: settings that were given as flags.

    Raises:
        SettingError: it is damaged or no backup; or something else is there already.
    """
    with _opened(path) as archive:
        manifest = _verified(archive, path)
        names = sorted(manifest["files"], key=lambda name: (name in DATABASES, name))
        if TOML in names and not SETTINGS_FILE.exists():
            _extract(archive, TOML, SETTINGS_FILE)
        settings = Settings.load(flags)
        targets = {name: _target(name, settings) for name in names}
        taken = [(name, target) for name, target in targets.items() if target.exists() and name != TOML]
        for name, target in taken:
            if name in DATABASES or hashlib.sha256(target.read_bytes()).hexdigest() != manifest["files"][name]:
                raise SettingError(f"{target} is there already; restore into an empty folder")
        here = {old: str(_folder(settings) / PurePosixPath(new).name) for old, new in manifest["places"].items()}
        for name in (name for name in targets if name != TOML):
            _extract(archive, name, targets[name], here if name in DATABASES else None)
        return Archive(path, len(targets), sum(archive.getinfo(name).file_size for name in targets))


def _folder(settings: Settings) -> Path:
    """Where artifacts go: beside the database, as MLflow has it."""
    database = sqlite_path(settings.tracking_uri)
    if database is None:
        raise SettingError("a backup is restored into a SQLite file; then `podium migrate` takes it to a server")
    return database.absolute().parent / "mlruns"


def _target(name: str, settings: Settings) -> Path:
    """Where a file of the archive goes."""
    found = _place(name, settings)
    if found is None:
        what = {LEDGER: "--ledger-address", KEYS: "serve.keys_file in podium.toml"}.get(name, "--registry-uri")
        raise SettingError(f"{name} of the backup has no place here; name a file for it, {what}")
    return found


def _place(name: str, settings: Settings) -> Path | None:
    first, rest = name.partition("/")[0], Path(*PurePosixPath(name).parts[1:])
    if first == "artifacts":
        return _folder(settings) / rest
    if name in DATABASES:
        return sqlite_path(settings.tracking_uri if name == DATABASES[0] else settings.registry_uri or "")
    if first in {"data", "models"}:
        return (settings.data_dir if first == "data" else settings.models_dir) / rest
    return {LEDGER: file_of(settings.ledger), TOML: SETTINGS_FILE}.get(name, settings.serve.keys_file)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except FileNotFoundError:
        raise MissingError(f"{path} is not there; `podium backup {path}` writes it") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, TypeError, sqlite3.Error) as error:
        raise SettingError(f"{path} is damaged or no backup of Podium's ({error}); nothing of it is used") from None


def _verified(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    """The archive's list of contents, with which every file agrees."""
    manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
    if manifest["format"] != FORMAT:
        raise SettingError(f"{path} was written by another Podium, in format {manifest['format']}; use that one")
    for name, wanted in manifest["files"].items():
        with archive.open(name) as member:
            found = hashlib.file_digest(member, "sha256").hexdigest()  # type: ignore[arg-type]  # the stub: IO
        inside = PurePosixPath(name)
        if found != wanted or inside.is_absolute() or ".." in inside.parts:
            raise ValueError(f"{name} is not what was backed up")
    return manifest


def _extract(archive: zipfile.ZipFile, name: str, target: Path, places: Mapping[str, str] | None = None) -> None:
    """One file in its place, whole or not at all; a database with the new addresses."""
    aside = target.with_name(f".{target.name}.restore.tmp")
    target.parent.mkdir(parents=True, exist_ok=True)
    aside.unlink(missing_ok=True)
    aside.touch(0o600 if name in PRIVATE else 0o644)
    with archive.open(name) as member, aside.open("wb") as file:
        shutil.copyfileobj(member, file, CHUNK)
        file.flush()
        os.fsync(file.fileno())
    if places is not None:
        locations.readdress(f"sqlite:///{aside}", places)
    aside.replace(target)
