"""Where files lie, as MLflow's database has it: absolute addresses in five columns, which follow nobody who moves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


def rewrite(connection: sa.Connection, old: str, new: str) -> int:
    """Replace an address, and what lies below it, wherever the database names it.

    Returns:
        How many values were changed.
    """
    changed = 0
    for table, name in COLUMNS:
        column: sa.ColumnClause[str] = sa.column(name)
        # Compared letter by letter: to SQLite's LIKE capital letters are small ones, and _ is any letter.
        below = sa.func.substr(column, 1, len(old) + 1) == f"{old}/"
        moved = sa.literal(new).concat(sa.func.substr(column, len(old) + 1))
        statement = sa.update(sa.table(table, column)).where(sa.or_(column == old, below)).values({name: moved})
        changed += connection.execute(statement).rowcount
    return changed


def readdress(database: Path, places: Mapping[str, str]) -> None:
    """Rewrite a SQLite database for files that lie elsewhere now: new addresses by old ones."""
    with engine(f"sqlite:///{database}").begin() as connection:
        for old, new in places.items():
            rewrite(connection, old, new)


def experiments(connection: sa.Connection) -> dict[int, str]:
    """Where each experiment keeps its artifacts, by its id."""
    rows = connection.execute(sa.text("SELECT experiment_id, artifact_location FROM experiments ORDER BY 1"))
    return {int(number): str(location) for number, location in rows if location}


def moved(database: Path) -> dict[str, str]:
    """Addresses of experiments whose files lie beside their SQLite database now, each with where that is.

    A folder that was moved is gone from where the database says; one that was copied is still there, and what is
    recorded in the copy would go to the original. Either way the runs lie at the same place below the database's own
    folder, or below this one.
    """
    with engine(f"sqlite:///{database}").connect() as connection:
        addresses = experiments(connection)
        runs: dict[int, list[str]] = {}
        for number, run_id in connection.execute(sa.text("SELECT experiment_id, run_uuid FROM runs")):
            runs.setdefault(int(number), []).append(str(run_id))
    places = {number: path for number, address in addresses.items() if (path := local_path(address))}
    roots = {root for number, path in places.items() if (root := _root(path, database, runs.get(number, [])))}
    found: dict[str, str] = {}
    for number, path in places.items():
        for old, new in ((old, new) for old, new in roots if path.is_relative_to(old)):
            here = new / path.relative_to(old)
            if _held(here, runs.get(number, [])) >= _held(path, runs.get(number, [])):
                found[addresses[number]] = here.as_uri() if "://" in addresses[number] else str(here)
    return found


def _root(path: Path, database: Path, run_ids: list[str]) -> tuple[Path, Path] | None:
    """What stood in place of a folder when the database was written, and that folder; None for files not here."""
    for at in range(1, len(path.parts)):
        for base in (database.absolute().parent, Path.cwd()):
            new = base.joinpath(*path.parts[at:])
            if new != path and (held := _held(new, run_ids)) and held >= _held(path, run_ids):
                return Path(*path.parts[:at]), base
    return None


def _held(folder: Path, run_ids: Iterable[str]) -> int:
    return sum((folder / run_id).is_dir() for run_id in run_ids) if folder.is_dir() else 0
