"""Where files lie, as MLflow's database has it: absolute addresses in five columns, which follow nobody who moves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path

import sqlalchemy as sa

from podium.registry.local_files import local_path

COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def engine(uri: str) -> sa.Engine:
    """Short connections to MLflow's database; a file that is not there is not made."""
    return sa.create_engine(uri, poolclass=sa.NullPool)


def readdress(uri: str, places: Mapping[str, str]) -> None:
    """Rewrite addresses, and what lies below them, wherever a database names them: new ones by old ones."""
    with engine(uri).begin() as connection:
        for (old, new), (table, name) in product(places.items(), COLUMNS):
            column: sa.ColumnClause[str] = sa.column(name)
            # Compared letter by letter: to SQLite's LIKE capital letters are small ones, and _ is any letter.
            below = sa.func.substr(column, 1, len(old) + 1) == f"{old}/"
            moved = sa.literal(new).concat(sa.func.substr(column, len(old) + 1))
            change = sa.update(sa.table(table, column)).where(sa.or_(column == old, below))
            connection.execute(change.values({name: moved}))


def experiments(connection: sa.Connection) -> dict[int, str]:
    """Where each experiment keeps its artifacts, by its id."""
    rows = connection.execute(sa.text("SELECT experiment_id, artifact_location FROM experiments ORDER BY 1"))
    return {int(number): str(location) for number, location in rows if location}


def runs(uri: str) -> dict[str, list[str]]:
    """Ids of the runs of each experiment, by where that keeps its artifacts."""
    with engine(uri).connect() as connection:
        places = experiments(connection)
        found: dict[str, list[str]] = {place: [] for place in places.values()}
        for number, run_id in connection.execute(sa.text("SELECT experiment_id, run_uuid FROM runs")):
            found.setdefault(places.get(int(number), ""), []).append(str(run_id))
    return found


def moved(runs: Mapping[str, Sequence[str]], database: Path | None = None) -> dict[str, str]:
    """Addresses of experiments whose files lie elsewhere on this machine now, each with where that is.

    A folder that was moved is gone from where the database says; one that was copied with its SQLite database is still
    there, and what is recorded in the copy would go to the original. Either way the runs lie at the same place below
    the database's own folder, or below this one. A database that others use too stays with a place that is there.

    Args:
        runs: ids by address.
        database: the SQLite file; None of a server.
    """
    places = {address: path for address in runs if (path := local_path(address))}
    roots = {root for address, path in places.items() if (root := _root(path, database, runs[address]))}
    found: dict[str, str] = {}
    for address, path in places.items():
        for old, base in ((old, base) for old, base in roots if path.is_relative_to(old)):
            here = base / path.relative_to(old)
            if _lies(here, path, runs[address], _is_copy(base, database)):
                found[address] = here.as_uri() if "://" in address else str(here)
    return found


def _root(path: Path, database: Path | None, run_ids: Sequence[str]) -> tuple[Path, Path] | None:
    """What stood in place of a folder when the database was written, and that folder; None for files not here."""
    for at in range(1, len(path.parts)):
        for base in filter(None, (database and database.absolute().parent, Path.cwd())):
            new = base.joinpath(*path.parts[at:])
            if new != path and _held(new, run_ids) and _lies(new, path, run_ids, _is_copy(base, database)):
                return Path(*path.parts[:at]), base
    return None


def _is_copy(base: Path, database: Path | None) -> bool:
    return database is not None and database.absolute().is_relative_to(base)


def _lies(new: Path, old: Path, run_ids: Sequence[str], copied: bool) -> bool:
    """Whether the runs are to be looked for in the new place; in a copy of everything, if none of them is missing."""
    return _held(new, run_ids) >= _held(old, run_ids) if copied else not _held(old, run_ids)


def _held(folder: Path, run_ids: Iterable[str]) -> int:
    return sum((folder / run_id).is_dir() for run_id in run_ids) if folder.is_dir() else 0
