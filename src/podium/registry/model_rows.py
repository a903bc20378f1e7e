"""Registered models as a database has them, at a cost to which no age of the registry adds.

MLflow's search looks at every version for the newest of each model, in statements within statements. Five short ones
tell the models, their tags and aliases, and the versions that hold an alias with theirs.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from podium.records import VersionRecord
from podium.registry.entities import Model, holding

WORKSPACE = "default"  # of every database that MLflow does not divide
DELETED = "Deleted_Internal"  # stage of a version that nobody shall find


def read(session: Any, prefix: str) -> list[Model]:
    """Every registered model whose name begins so, with the versions that hold an alias."""
    from mlflow.store.model_registry.dbmodels import models as tables

    alias = tables.SqlRegisteredModelAlias.__table__
    tags, aliases = defaultdict[Any, dict[str, str]](dict), defaultdict[str, dict[str, int]](dict)
    along = defaultdict[str, dict[int, VersionRecord]](dict)
    # Titles before aliases, as they were at one moment: an alias moves before its title is written.
    for row in _rows(session, tables.SqlRegisteredModelTag.__table__, prefix):
        tags[row.name][row.key] = row.value
    for row in _rows(session, alias, prefix):
        aliases[row.name][row.alias] = row.version
    for row in _rows(session, tables.SqlModelVersionTag.__table__, prefix, alias):
        tags[row.name, row.version][row.key] = row.value
    for row in _rows(session, tables.SqlModelVersion.__table__, prefix, alias):
        if row.current_stage != DELETED:
            along[row.name][row.version] = VersionRecord(
                name=row.name,
                version=row.version,
                run_id=row.run_id or "",
                aliases=holding(row.version, aliases[row.name]),
                tags=tags[row.name, row.version],
                created_at=row.creation_time or 0,
                description=row.description or "",
            )
    return [
        Model(name, row.description or "", row.last_updated_time or 0, tags[name], aliases[name], along[name])
        for row in _rows(session, tables.SqlRegisteredModel.__table__, prefix)
        if (name := row.name)
    ]


def _rows(session: Any, table: Any, prefix: str, alias: Any = None) -> Any:
    """Of models whose name begins so; with a table of aliases only of versions that hold one, perhaps twice.

    Compared as text: with LIKE SQLite begins at the versions, and goes through all.
    """
    from sqlalchemy import func, select

    by = table if alias is None else alias
    query = select(table).where(by.c.workspace == WORKSPACE, func.substr(by.c.name, 1, len(prefix)) == prefix)
    if alias is not None:
        query = query.where(*(by.c[name] == table.c[name] for name in ("workspace", "name", "version")))
    return session.execute(query)
