"""Of which MLflow a database is: another one's is refused, and brought to this one's only when somebody asks for it.

MLflow itself migrates a database of an older one without a word or a copy, after which the older one cannot read it.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from podium.environment import child_environment
from podium.errors import RegistryError, SettingError
from podium.registry.databases import sqlite_path
from podium.settings.wording import mask

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory


def check(uri: str) -> None:
    """See that a database has this MLflow's schema, or none yet.

    Raises:
        RegistryError: it has an older or a newer one; the message says what to do.
    """
    if is_older(uri):
        path = sqlite_path(uri)
        way = "back it up, then run `mlflow db upgrade` on it"
        raise RegistryError(
            f"{mask(uri)} is the database of an older MLflow; "
            f"{'run `podium upgrade`, which backs it up first' if path else way}"
        )


def is_older(uri: str) -> bool:
    """Whether a database has to be upgraded before this MLflow can use it.

    Raises:
        RegistryError: it is a newer MLflow's, which this one cannot use at all.
    """
    if uri.startswith("http"):
        return False  # its server sees to it
    from alembic.util import CommandError

    found, known = _revision(uri), _revisions()
    if found is None or found == known.get_current_head():
        return False
    try:
        known.get_revision(found)
    except CommandError:
        from mlflow import __version__

        raise RegistryError(
            f"{mask(uri)} has been migrated by a newer MLflow than {__version__}, which is installed here; "
            "install the newer one, or a newer Podium with it"
        ) from None
    return True


def must_be_file(uri: str) -> Path:
    """The file behind an address.

    Raises:
        SettingError: it is no SQLite file, and has to be backed up with its server's own tools.
    """
    path = sqlite_path(uri)
    if path is None:
        raise SettingError(f"`podium upgrade` is for SQLite files; back {mask(uri)} up, then run `mlflow db upgrade`")
    return path


def upgrade(uri: str) -> Path | None:
    """Bring a SQLite database to this MLflow's schema: in a copy, which takes its place when it is whole.

    Nobody else may use the database meanwhile.

    Args:
        uri: its address.

    Returns:
        The backup of the database as it was; None where nothing had to be done.

    Raises:
        SettingError: it is no SQLite file, and has to be backed up with its server's own tools.
        RegistryError: it is a newer MLflow's, or cannot be upgraded; it is as it was then.
    """
    path = must_be_file(uri)
    if not path.exists() or not is_older(uri):
        return None
    backup = path.with_name(f"{path.name}.{int(time.time())}.backup")
    aside = path.with_name(f".{path.name}.upgrade.tmp")
    try:
        _copy(path, backup)
        _copy(backup, aside)
        command = [sys.executable, "-m", "mlflow", "db", "upgrade", f"sqlite:///{aside.absolute()}"]
        done = subprocess.run(command, env=child_environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
            raise RegistryError(f"{path} cannot be upgraded and is as it was: {last}")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return backup


def _copy(source: Path, target: Path) -> None:
    target.touch(mode=source.stat().st_mode & 0o777)
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.execute("PRAGMA journal_mode = DELETE")  # no log is left beside the file that is about to be replaced
        old.backup(new)


def _revision(uri: str) -> str | None:
    """The schema's name in the database; None where it has none."""
    import sqlalchemy
    from alembic.migration import MigrationContext

    with sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


@lru_cache(maxsize=1)
def _revisions() -> ScriptDirectory:
    """The schemas that this MLflow knows."""
    import mlflow.store.db_migrations
    from alembic.script import ScriptDirectory

    return ScriptDirectory(next(iter(mlflow.store.db_migrations.__path__)))
