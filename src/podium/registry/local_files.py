"""What a SQLite championship says of the files on this machine; read with sqlite3 alone, without MLflow."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

# What MLflow makes in the artifact folder of an experiment beside a folder for each run.
MLFLOWS_OWN = frozenset({"models", "traces", "meta.yaml", "tags"})
READERS_OWN = frozenset({"__pycache__", "registered_model_meta"})  # what loading and fetching a model leave beside it


@dataclass(frozen=True, slots=True)
class Championship:
    """What a database holds.

    Attributes:
        run_ids: of all runs, deleted ones too.
        locations: artifact folders of its experiments that lie on this machine.
        elsewhere: addresses of those that do not, `s3://bucket/1`.
    """

    run_ids: frozenset[str] = frozenset()
    locations: tuple[Path, ...] = ()
    elsewhere: tuple[str, ...] = ()

    def artifacts(self) -> list[Path]:
        """Folders that MLflow filled for this database and that are there.

        An experiment's folder as a whole where nothing else is in it; where somebody keeps other things beside, only
        those of its runs and models.
        """
        return [path for location in self.locations if location.is_dir() for path in self._in(location)]

    def _in(self, location: Path) -> list[Path]:
        inside = list(location.iterdir())
        ours = [path for path in inside if path.name in self.run_ids | MLFLOWS_OWN]
        return [location] if len(ours) == len(inside) and not location.is_symlink() else ours


def read(database: Path) -> Championship:
    """What the database holds; nothing where it is not there, or is not MLflow's."""
    address = f"file:{quote(str(database.absolute()))}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            run_ids = frozenset(run_id for (run_id,) in connection.execute("SELECT run_uuid FROM runs"))
            places = [place for (place,) in connection.execute("SELECT artifact_location FROM experiments")]
    except sqlite3.Error:
        return Championship()
    found = {place: local_path(place) for place in places if place}
    here = tuple(dict.fromkeys(path for path in found.values() if path is not None))
    return Championship(run_ids, here, tuple(place for place, path in found.items() if path is None))


def local_path(address: str) -> Path | None:
    """The folder on this machine that an artifact address names; None for one in a store elsewhere."""
    parts = urlsplit(address)
    if parts.scheme == "":
        return Path(address)
    return Path(unquote(parts.path)) if parts.scheme == "file" and parts.netloc in {"", "localhost"} else None


def digest(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's files, whatever readers have left beside them."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        name = path.relative_to(folder)
        if path.is_file() and not READERS_OWN & set(name.parts):
            found.update(f"{name.as_posix()}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return found.hexdigest()
