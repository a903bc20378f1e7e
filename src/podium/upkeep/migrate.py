"""Moving house: everything from one store to another, of which the first stays as it was.

Files go first, each folder read back from its new home; the rows come last, in one transaction. Whatever stops it
leaves a target without a row, and doing it again goes on with the files that are still to go.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from podium.errors import MissingError, RegistryError, SettingError
from podium.ledger import Ledger
from podium.ledger.copying import copy as copy_ledger
from podium.ledger.database import address_of
from podium.registry import care, locations, mlflow_tables
from podium.registry.databases import is_there, sqlite_path
from podium.registry.local_files import digest
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings

AT_ONCE = 8  # folders that travel side by side; a store far away answers slowly, and each waits for itself


@dataclass(frozen=True, slots=True)
class Migrated:
    """What was carried over, and compared in its new home.

    Attributes:
        to: address of the database, without password.
        rows: by table of MLflow's.
        folders: of runs and models, each with the same digest there.
        models: addresses of aliased models, each with the same forecasts there.
        forecasts: of the ledger.
        not_loaded: aliased models that could not be loaded here either, so that nothing was compared.
        settings: what podium.toml is to say from now on.
    """

    to: str
    rows: dict[str, int]
    folders: int
    models: tuple[str, ...]
    forecasts: int
    not_loaded: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)


def migrate(
    settings: Settings,
    to: str,
    artifacts: str | None = None,
    ledger: str | None = None,
    note: Callable[[str], None] = lambda doing: None,
) -> Migrated:
    """Carry everything to another database and artifact store, and compare it there.

    Args:
        settings: where it is now.
        to: a database that is empty, `postgresql+psycopg://...` or `sqlite:///...`.
        artifacts: where artifacts go, `s3://bucket/path` or a folder; they stay where they are if not given.
        ledger: where the ledger goes; into the same database if not given, for SQLite beside it.
        note: told what is being done.

    Raises:
        SettingError: this cannot be carried, or cannot be carried there.
        RegistryError: the target is not empty; or what is there now is not what is here.
    """
    there = {"tracking_uri": to, "registry_uri": None, "artifact_location": artifacts or settings.artifact_location}
    store, target = MlflowStore(settings), MlflowStore(settings.model_copy(update=there))
    _check(store, target)
    with store.connection.errors("carry everything over"), tempfile.TemporaryDirectory(prefix="podium-") as folder:
        copied = _copied(store, Path(folder))
        note("making the target's schema")
        with target.connection.errors("open the target"):
            target.connection.knock()
            mlflow_tables.make(to)
            fresh = mlflow_tables.is_empty(to)
        here = list(mlflow_tables.addresses(copied))
        places = _places(copied, artifacts)
        locations.readdress(copied, places)
        if not fresh and mlflow_tables.differences(copied, to):
            raise RegistryError(f"{target.connection.clean(to)} is not empty; give a new database")
        with store.connection.errors(f"carry the files to {artifacts}"):
            carried = _carry_all(store, target, here, places, note)
        forecasts, ledger_at = _ledger(settings, to, ledger, note)
        note("carrying the rows")
        if fresh:
            mlflow_tables.copy(copied, to)
        wrong = mlflow_tables.differences(copied, to)
    if wrong:
        raise RegistryError(f"{target.connection.clean(to)} has other rows than were carried: {', '.join(wrong)}")
    note("comparing the forecasts")
    same, not_loaded = _compare(store, target)
    registry = to if settings.registry_uri else None
    words = {"tracking_uri": to, "registry_uri": registry, "artifact_location": artifacts, "ledger_address": ledger_at}
    said = {name: target.connection.clean(value) for name, value in words.items() if value}
    return Migrated(target.connection.clean(to), mlflow_tables.count(to), carried, same, forecasts, not_loaded, said)


def _check(store: MlflowStore, target: MlflowStore) -> None:
    source, to = store.connection, target.connection
    if not all(map(is_there, source.addresses)):
        raise MissingError(f"there is no championship at {source.clean(source.address)} to migrate")
    if sqlite_path(to.address) is None and not to.address.startswith("postgresql+psycopg://"):
        raise SettingError(f"--to {to.clean(to.address)!r}: give postgresql+psycopg://... or sqlite:///...")
    if _place(to.address) in map(_place, source.addresses):
        raise SettingError(f"--to {to.clean(to.address)!r} is where everything is now; name an empty database")


def _place(uri: str) -> Path | str:
    path = sqlite_path(uri)
    return path.resolve() if path else uri


def _copied(store: MlflowStore, folder: Path) -> str:
    """The database as it is at this moment; where the registry is another one, with the registered models of that."""
    tracking, *registry = (
        mlflow_tables.snapshot(uri, folder / f"{number}.db") for number, uri in enumerate(store.connection.addresses)
    )
    for uri in registry:
        mlflow_tables.copy(uri, tracking, mlflow_tables.REGISTRY)
    return tracking


def _places(copied: str, artifacts: str | None) -> dict[str, str]:
    """New addresses of the experiments' folders by old ones."""
    if artifacts is None:
        return {}
    root = artifacts.rstrip("/") if "://" in artifacts else str(Path(artifacts).absolute())
    with locations.engine(copied).connect() as connection:
        return {old: f"{root}/{number}" for number, old in locations.experiments(connection).items()}


def _carry_all(
    store: MlflowStore, target: MlflowStore, here: list[str], places: Mapping[str, str], note: Callable[[str], None]
) -> int:
    """Every folder of a run or a model that is there; how many that were."""
    wanted = [(old, there) for old in here for there in _moved(old, places)]
    with ThreadPoolExecutor(AT_ONCE) as pool, ExitStack() as stack:
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        done = 0
        for number, carried in enumerate(pool.map(lambda pair: _carry(store, target, *pair), wanted), start=1):
            done += carried
            note(f"carrying folders: {number} of {len(wanted)}")
    return done


def _moved(address: str, places: Mapping[str, str]) -> Iterator[str]:
    """Where an address is from now on; nothing for one that stays."""
    for old, new in places.items():
        if address.startswith(f"{old}/"):
            yield f"{new}{address.removeprefix(old)}"


def _carry(store: MlflowStore, target: MlflowStore, old: str, new: str) -> bool:
    """One folder, unless it is there already with the same files; it is read back in any case."""
    with tempfile.TemporaryDirectory(prefix="podium-") as folder:
        here = care.files_at(store, old, Path(folder, "here"))
        if here is None:
            return False  # lost before; `podium doctor` says so
        wanted = digest(here)
        if _digest(target, new, Path(folder, "before")) == wanted:
            return True
        target.connection.artifacts_at(new).log_artifacts(str(here))  # type: ignore[no-untyped-call]
        if _digest(target, new, Path(folder, "after")) != wanted:
            raise RegistryError(f"{new} does not have the files of {old}; `podium migrate` again carries them anew")
    return True


def _digest(store: MlflowStore, address: str, folder: Path) -> str:
    found = care.files_at(store, address, folder)
    return digest(found) if found is not None else ""


def _ledger(settings: Settings, to: str, ledger: str | None, note: Callable[[str], None]) -> tuple[int, str | None]:
    """Carry the ledger; how many forecasts, and where they are now. Nothing where there is none."""
    source, database = address_of(settings.ledger), sqlite_path(to)
    if isinstance(source, Path) and not source.exists():
        return 0, None
    new = ledger or (str(database.with_name("ledger.db")) if database else to)
    if address_of(new) == source:
        return 0, None
    note("carrying the ledger")
    with closing(Ledger.open(settings.ledger, create=False)) as old, closing(Ledger.open(new)) as there:
        return copy_ledger(old, there), new


def _compare(store: MlflowStore, target: MlflowStore) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Forecasts of each aliased model on its own example rows, here and there."""
    import numpy as np

    same, not_loaded = [], []
    for address in sorted(version.pinned_uri for version in care.registered(target) if version.aliases):
        try:
            model = store.load(address)
        except RegistryError:
            not_loaded.append(address)
            continue
        X = model.input_example
        if not np.array_equal(np.asarray(model.predict(X)), np.asarray(target.load(address).predict(X))):
            raise RegistryError(f"{address} forecasts otherwise in its new home; keep the old one, and report this")
        same.append(address)
    return tuple(same), tuple(not_loaded)
