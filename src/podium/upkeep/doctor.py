"""What is wrong with a championship, why, and how it is mended: one small check a fault, all in one table."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from podium.errors import PodiumError, RegistryError
from podium.ledger.database import file_of
from podium.records import ALIASES, VersionRecord, pinned_parts
from podium.registry import care, local_files, locations, mlflow_schema, pointer
from podium.registry.databases import is_there, sqlite_path
from podium.registry.entities import DIGEST_TAG
from podium.registry.history import taken
from podium.registry.judgements import carried
from podium.registry.local_files import digest, local_path
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings

ROOM = 200e6  # bytes; a championship of ten pairs writes 12 MB, and SQLite wants room for a copy of its file
SKEW = 120.0  # seconds by which clocks may differ
LONGEST = 86_400.0  # seconds that training one contestant may take; whoever began earlier and did not end was killed


class Trouble(NamedTuple):
    """What one check found: what is wrong, what helps, and the act of `--fix` where it is one that a program may do."""

    found: str
    remedy: str
    mend: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        check: name of the check.
        found: what is wrong, and where.
        remedy: what helps; empty where `found` says it.
        fixable: whether `--fix` mends it.
        mended: whether it did.
    """

    check: str
    found: str
    remedy: str
    fixable: bool = False
    mended: bool = False


Check = Callable[[MlflowStore], Iterator[Trouble]]


def doctor(settings: Settings, fix: bool = False, also: Mapping[str, Check] | None = None) -> list[Finding]:
    """Everything that is wrong; with `fix` what can be mended is, before the next check looks.

    A check that cannot be made is a finding too, and stops no other.

    Args:
        settings: addresses and folders.
        fix: mend what can be mended.
        also: checks of rooms beside this one, by name.
    """
    findings: dict[str, Finding] = {}
    for name, check in {**CHECKS, **(also or {})}.items():
        try:
            for trouble in check(MlflowStore(settings)):
                if fix and trouble.mend:
                    trouble.mend()
                fixable = trouble.mend is not None
                found = Finding(name, trouble.found, trouble.remedy, fixable=fixable, mended=fix and fixable)
                findings.setdefault(found.found, found)
        except (PodiumError, OSError, sqlite3.Error) as error:
            findings.setdefault(str(error), Finding(name, str(error), ""))
    return list(findings.values())


def _disk(store: MlflowStore) -> Iterator[Trouble]:
    """Folders that cannot be written or have no room."""
    for folder in _folders(store):
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            yield Trouble(f"{folder} cannot be written ({error.strerror})", "make it writable, or name another")
            continue
        free = shutil.disk_usage(folder).free
        if free < ROOM:
            yield Trouble(f"{folder} has {free / 1e6:.0f} MB left", "make room; `podium prune` says what may go")


def _folders(store: MlflowStore) -> list[Path]:
    """Where something is kept; of a folder that is not there yet the one that it would be made in."""
    settings = store.settings
    files = [path for uri in store.connection.addresses if (path := sqlite_path(uri))]
    wanted = [settings.data_dir, settings.models_dir, *(path.parent for path in files)]
    if files and files[0].exists():
        wanted += local_files.read(files[0]).locations
    there = (next(path for path in (wish.absolute(), *wish.absolute().parents) if path.exists()) for wish in wanted)
    return list(dict.fromkeys(there))


def _permissions(store: MlflowStore) -> Iterator[Trouble]:
    """Secrets that others can read."""
    serve, ledger = store.settings.serve, file_of(store.settings.ledger)
    for path in (serve.keys_file, serve.tls_key, ledger, ledger and ledger.with_name(f"{ledger.name}-wal")):
        if path is not None and path.exists() and path.stat().st_mode & 0o077:
            yield Trouble(f"{path} can be read by others", f"`chmod 600 {path}`", partial(path.chmod, 0o600))


def _schema(store: MlflowStore) -> Iterator[Trouble]:
    """A database of an older or a newer MLflow."""
    for uri in _databases(store):
        try:
            with store.connection.errors("read the schema"):
                mlflow_schema.check(uri)
        except RegistryError as error:  # every other check would say the same, and is passed over
            yield Trouble(str(error), "", store.upgrade if sqlite_path(uri) and _is_older(uri) else None)


def _databases(store: MlflowStore) -> list[str]:
    """Addresses of those that are there and answer, without an MLflow server's own."""
    store.connection.knock()
    return [uri for uri in store.connection.addresses if is_there(uri) and not uri.startswith("http")]


def _is_older(uri: str) -> bool:
    try:
        return mlflow_schema.is_older(uri)
    except RegistryError:
        return False


def _moved(store: MlflowStore) -> Iterator[Trouble]:
    """A folder that was moved or copied after its database, or a setting, had named it."""
    to, databases = store.connection, _databases(store)
    for uri in databases:
        with to.errors("look where artifacts lie"):
            found = locations.moved(locations.runs(uri), sqlite_path(uri))
        for old, new in found.items():
            what = f"{sqlite_path(uri) or to.clean(uri)} looks for artifacts in {old}; they are in {new}"
            remedy = "write the new place" if sqlite_path(uri) else "write the new place, for all who use this database"
            yield Trouble(what, remedy, partial(_readdress, store, databases, {old: new}))
    if to.address.startswith("http"):
        for old, new in locations.moved(care.runs_by_place(store)).items():
            what = f"{to.clean(to.address)} looks for artifacts in {old}; they are in {new}"
            yield Trouble(what, "`podium doctor --fix --tracking-uri` with the address of the server's database")
    yield from _left_behind(store.settings)


def _readdress(store: MlflowStore, databases: Iterable[str], places: Mapping[str, str]) -> None:
    with store.connection.errors("write where artifacts lie"):
        for uri in databases:  # a registry of its own has addresses too, and no run that says where they are now
            locations.readdress(uri, places)


def _left_behind(settings: Settings) -> Iterator[Trouble]:
    """Settings that name the place where this folder was: what is kept there would be made anew, and empty."""
    serve = settings.serve
    named = {
        "tracking_uri": sqlite_path(settings.tracking_uri),
        "registry_uri": sqlite_path(settings.registry_uri or ""),
        "artifact_location": local_path(settings.artifact_location or ""),
        "data_dir": settings.data_dir,
        "models_dir": settings.models_dir,
        "ledger_address": file_of(settings.ledger_address) if settings.ledger_address else None,
        "serve.cache": serve.cache,
        "serve.keys_file": serve.keys_file,
    }
    for name, path in named.items():
        if path and path.is_absolute() and not path.exists():
            below = (Path(*path.parts[at:]) for at in range(1, len(path.parts)))
            for here in (here for here in below if here.exists()):
                yield Trouble(f"{name} names {path}, which is not there; {here} is", f"set {name} to {here}")
                break


def _twice(store: MlflowStore) -> Iterator[Trouble]:
    """An alias that two models of a pair hold: a championship was killed, or somebody set it by hand."""
    for pair in care.all_pairs(store):
        held: dict[str, list[VersionRecord]] = {alias: [] for alias in ALIASES}
        for holder in store.holders(pair):
            for alias in holder.aliases & held.keys():
                held[alias].append(holder)
        for alias, holders in held.items():
            if len(holders) > 1:
                keeps = store.champion(pair) if alias == ALIASES[0] else max(holders, key=lambda one: one.created_at)
                named = ", ".join(holder.pinned_uri for holder in holders)
                mend = partial(_take, store, alias, [one.name for one in holders if one.name != keeps.name])
                yield Trouble(f"{pair}: @{alias} is on {named}", f"leave it on {keeps.pinned_uri}", mend)


def _take(store: MlflowStore, alias: str, names: list[str]) -> None:
    for name in names:
        care.drop_alias(store, name, alias)


def _stray(store: MlflowStore) -> Iterator[Trouble]:
    """An alias on a version that was deleted."""
    for pair in care.all_pairs(store):
        for alias, address in store.stray_aliases(pair):
            mend = partial(_take, store, alias, [pinned_parts(address)[0]])
            yield Trouble(f"{pair}: @{alias} is on {address}, which was deleted", "take it away", mend)


def _artifacts(store: MlflowStore) -> Iterator[Trouble]:
    """Models with an alias whose files are gone or not those that were logged."""
    for pair in care.all_pairs(store):
        for holder in store.holders(pair):
            if not store.has_model(holder.pinned_uri):
                yield Trouble(f"{holder.pinned_uri} has lost its files", _anew(pair))
            elif (logged := holder.tags.get(DIGEST_TAG)) and logged != digest(store.fetch(holder.pinned_uri)):
                yield Trouble(f"{holder.pinned_uri} has files that are not those that were logged", _anew(pair))


def _anew(pair: str) -> str:
    return f"bring a backup back, or `podium train --pair {pair}` and `podium evaluate --pair {pair}`"


def _pointer(store: MlflowStore) -> Iterator[Trouble]:
    """A pointer that names another champion than the registry, or cannot be read."""
    folder, crowned = store.settings.models_dir, store.champions()
    for path in sorted(folder.glob("best_model_info*.json")):
        about = path.name.split(".")[1]  # a pair; of the guide's own file its end
        try:
            found = pointer.read_file(path)
            pair, named = found["pair"], found["pinned_uri"]
        except RegistryError:
            pair, named = about if about in crowned else store.settings.pair, "nobody"
        champion = crowned.get(pair)
        if champion is None or named != champion.pinned_uri:
            what = f"{path} names {named}, the registry {champion.pinned_uri if champion else 'nobody'}"
            judgement = carried(store, champion)
            title = taken(store.titles(pair), champion.pinned_uri) if champion else None
            content = pointer.build(champion, judgement, title) if champion and judgement else None
            mend = partial(pointer.write, content, folder, [path.name]) if content else None
            yield Trouble(what, f"`podium evaluate --pair {pair}`", mend)


def _unfinished(store: MlflowStore) -> Iterator[Trouble]:
    """Runs that somebody began and never ended."""
    for run_id, started_at in care.unfinished_runs(store):
        if started_at / 1000 < time.time() - LONGEST:
            day = time.strftime("%Y-%m-%d", time.gmtime(started_at / 1000))
            yield Trouble(
                f"run {run_id} began on {day} and never ended", "say so", partial(care.fail_run, store, run_id)
            )


def _clock(store: MlflowStore) -> Iterator[Trouble]:
    """What was written later than now: this machine's clock is behind, or another's ahead."""
    newest = max(care.registered(store), key=lambda version: version.created_at, default=None)
    ahead = newest.created_at / 1000 - time.time() if newest else 0
    if newest and ahead > SKEW:
        what = f"{newest.pinned_uri} is dated {ahead / 60:.0f} minutes from now"
        yield Trouble(what, "set the clocks of the machines by NTP; titles are ordered by their times")


def _ledger(store: MlflowStore) -> Iterator[Trouble]:
    """A ledger without its log, damaged, or of a newer Podium."""
    path = file_of(store.settings.ledger)
    if path is None:
        return
    log, index = (path.with_name(f"{path.name}-{end}") for end in ("wal", "shm"))
    if (log.exists() or index.exists()) and not (path.exists() and log.exists()):
        gone = log if path.exists() else path
        yield Trouble(f"{gone} is gone from beside the ledger's files", "bring it back: the last forecasts are in it")
    elif path.exists():  # not before: whoever opens a ledger without its log removes the rest of it
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            said = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        if said != "ok":
            yield Trouble(f"{path} is damaged: {said.splitlines()[-1]}", "bring a backup back")
        from podium.ledger import Ledger

        Ledger.open(path, create=False).close()


CHECKS: Mapping[str, Check] = {
    "disk": _disk,
    "permissions": _permissions,
    "schema": _schema,
    "moved folder": _moved,
    "alias held twice": _twice,
    "alias on nothing": _stray,
    "artifacts": _artifacts,
    "pointer": _pointer,
    "unfinished runs": _unfinished,
    "clock": _clock,
    "ledger": _ledger,
}
