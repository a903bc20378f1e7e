"""MLflow's database as tables: carried whole into another, compared row by row, and cleared of what is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from podium.errors import SettingError
from podium.registry import mlflow_schema, quiet
from podium.registry.databases import DEFAULT_ARTIFACTS, copy_sqlite, make_database, sqlite_path
from podium.registry.locations import engine

PAGE = 2_000  # rows at a time
OWN = frozenset({"alembic_version"})
SEEDED = frozenset({"workspaces", "experiments"})  # of which a new database has a row each
REGISTRY = ("registered_model", "model_version")  # how the names of the registry's tables begin


def snapshot(uri: str, path: Path) -> str:
    """A database as it is at this moment, as a SQLite file; who writes into it meanwhile is not held up.

    Returns:
        Address of the file.

    Raises:
        SettingError: it is behind an MLflow server.
    """
    if uri.startswith("http"):
        raise SettingError("this is an MLflow server; give --tracking-uri or --registry-uri its database's address")
    source = sqlite_path(uri)
    if source is not None:
        copy_sqlite(source, path)
    else:
        make(f"sqlite:///{path}")
        copy(uri, f"sqlite:///{path}")
    return f"sqlite:///{path}"


def make(uri: str) -> None:
    """The schema of this MLflow in a database, where it is not there yet."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    quiet.quiet_logs(quiet.secrets_of(uri))
    make_database(uri)
    if sqlite_path(uri) is None:
        SqlAlchemyStore(uri, DEFAULT_ARTIFACTS).engine.dispose()  # type: ignore[no-untyped-call]
    mlflow_schema.check(uri)


def is_empty(uri: str) -> bool:
    """Whether a database has nothing but what a new one has."""
    with engine(uri).connect() as connection:
        for table in _tables(connection):
            rows = connection.execute(sa.select(table).limit(2)).all()
            if len(rows) > (table.name in SEEDED) or any(row[0] not in {0, "default"} for row in rows):
                return False
    return True


def copy(source_uri: str, target_uri: str, only: tuple[str, ...] = ("",)) -> None:
    """Every row of one database in place of those of another, in one transaction; both have the same schema.

    Args:
        source_uri: the one.
        target_uri: the other.
        only: how the names of the tables begin.
    """
    with engine(source_uri).connect() as source, engine(target_uri).begin() as target:
        if source.dialect.name == "postgresql":
            source.execution_options(isolation_level="REPEATABLE READ")  # one state of all tables
        ours = {table.name: table for table in _tables(target) if table.name.startswith(only)}
        for table in reversed(ours.values()):
            target.execute(sa.delete(table))
        for table in (table for table in _tables(source) if table.name in ours):
            for rows in source.execution_options(yield_per=PAGE).execute(sa.select(table)).mappings().partitions():
                target.execute(sa.insert(ours[table.name]), [dict(row) for row in rows])
        if target.dialect.name == "postgresql":
            _set_sequences(target, ours.values())


def _set_sequences(target: sa.Connection, tables: Iterable[sa.Table]) -> None:
    """What PostgreSQL hands out next comes after what was carried over."""
    for table in tables:
        for column in (column for column in table.primary_key if isinstance(column.type, sa.Integer)):
            name = target.scalar(sa.select(sa.func.pg_get_serial_sequence(table.name, column.name)))
            if name is not None:
                last = sa.select(sa.func.coalesce(sa.func.max(column), 0) + 1).scalar_subquery()
                target.execute(sa.select(sa.func.setval(name, last, False)))


def differences(one_uri: str, other_uri: str) -> list[str]:
    """Tables that do not have the same rows in both databases, each with how many have no twin."""
    found = []
    with engine(one_uri).connect() as one, engine(other_uri).connect() as other:
        theirs = {table.name: table for table in _tables(other)}
        for table in _tables(one):
            ours, others = _rows(one, table), _rows(other, theirs[table.name])
            if ours != others:
                found.append(f"{table.name} ({sum((ours - others).values()) + sum((others - ours).values())} rows)")
    return found


def _rows(connection: sa.Connection, table: sa.Table) -> Counter[str]:
    columns = sorted(table.columns, key=lambda column: column.name)
    return Counter(repr(tuple(row)) for row in connection.execute(sa.select(*columns)))


def _tables(connection: sa.Connection) -> list[sa.Table]:
    """MLflow's tables, those that others refer to first, and none of ours that lie beside them."""
    found = sa.MetaData()
    found.reflect(connection, only=lambda name, _: name not in OWN and not name.startswith("ledger_"))
    return found.sorted_tables


def count(uri: str) -> dict[str, int]:
    """Rows by table, of those that have any."""
    with engine(uri).connect() as connection:
        found = {
            table.name: int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)
            for table in _tables(connection)
        }
    return {name: number for name, number in found.items() if number}


def addresses(uri: str) -> Iterator[str]:
    """Where the files of each run and of each logged model lie."""
    with engine(uri).connect() as connection:
        for query in ("SELECT artifact_uri FROM runs", "SELECT artifact_location FROM logged_models"):
            yield from dict.fromkeys(str(place) for (place,) in connection.execute(sa.text(query)) if place)


# Columns that name what an erased thing was: a run, a logged model.
RUN_COLUMNS = ("run_uuid", "run_id", "source_run_id", "source_id", "destination_id")
MODEL_COLUMNS = ("model_id", "source_id", "destination_id")
ERASED = ("metrics", "latest_metrics", "params", "tags", "inputs", "runs")
ERASED_MODELS = ("logged_model_metrics", "logged_model_params", "logged_model_tags", "inputs", "logged_models")


def erase(uri: str, run_ids: Iterable[str], model_ids: Iterable[str]) -> None:
    """Take away the rows of deleted runs and logged models, and what deleted versions left.

    MLflow itself keeps logged models, datasets that no run has, and the tags of deleted versions. The newest version
    of a registered model stays, even as a deleted one, so that its number is not given again.
    """
    with engine(uri).begin() as connection:
        tables = {table.name: table for table in _tables(connection)}
        for names, columns, ids in (
            (ERASED_MODELS, MODEL_COLUMNS, [{"gone": one} for one in model_ids]),
            (ERASED, RUN_COLUMNS, [{"gone": one} for one in run_ids]),
        ):
            for table in (tables[name] for name in names if ids):
                for column in (table.c[name] for name in columns if name in table.c):
                    connection.execute(sa.delete(table).where(column == sa.bindparam("gone")), ids)
        _erase_left(connection, tables)


def _erase_left(connection: sa.Connection, tables: dict[str, Any]) -> None:
    versions, tags, inputs, datasets = (
        tables[name] for name in ("model_versions", "model_version_tags", "inputs", "datasets")
    )
    gone = versions.c.current_stage == "Deleted_Internal"
    same = sa.and_(*(tags.c[name] == versions.c[name] for name in ("workspace", "name", "version")))
    connection.execute(sa.delete(tags).where(sa.exists().where(same, gone)))
    newer = versions.alias()
    later = sa.exists().where(
        newer.c.workspace == versions.c.workspace, newer.c.name == versions.c.name, newer.c.version > versions.c.version
    )
    connection.execute(sa.delete(versions).where(gone, later))
    used = sa.select(inputs.c.source_id).where(inputs.c.source_type == "DATASET")
    connection.execute(sa.delete(datasets).where(datasets.c.dataset_uuid.not_in(used)))
    tagged = tables["input_tags"]
    connection.execute(sa.delete(tagged).where(tagged.c.input_uuid.not_in(sa.select(inputs.c.input_uuid))))
