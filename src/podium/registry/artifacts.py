"""Where artifacts lie, and how much of them is read: a writer of the registry chooses addresses, files and sizes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from podium.errors import RegistryError
from podium.registry.local_files import local_path

if TYPE_CHECKING:
    from mlflow.entities import FileInfo
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

MOST_BYTES = 256 * 1024 * 1024  # of a model, or of a file of a run
MOST_FILES = 1_000
LONGEST = 200  # letters of a file's path
DEEPEST = 12  # folders
STORES = frozenset({"s3", "gs"})  # whose hosts come from the environment, and not from the address


def repository(address: str, servers: Iterable[str]) -> ArtifactRepository:
    """What reads the artifacts at an address of the registry.

    Args:
        address: of a run's or a model's artifacts.
        servers: the addresses that the settings name, the tracking server's first; of artifacts too.

    Raises:
        RegistryError: it is on a host that no setting names. A request would take our token along.
    """
    servers = list(servers)
    if not _is_known(address, servers):
        raise RegistryError(f"{address[:100]!r} is on a host that no setting names; nothing is read from there")
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    return get_artifact_repository(address, tracking_uri=servers[0])


def weigh(place: ArtifactRepository, path: str) -> None:
    """See how much there is before any of it is read.

    Raises:
        RegistryError: it is too much, too deep, or its names are too long.
    """
    size = 0
    for number, file in enumerate(walk(place, path), 1):
        size += file.file_size or 0
        if number > MOST_FILES:
            raise RegistryError(f"it has more than {MOST_FILES} files")
        if len(file.path) > LONGEST or file.path.count("/") > DEEPEST:
            raise RegistryError(f"{file.path[:60]!r}... is too deep or too long a name")
    check_size(size)


def walk(place: ArtifactRepository, path: str | None = None) -> Iterator[FileInfo]:
    """Every file and folder below a path, a folder before what is in it."""
    left = [path]
    while left:
        for file in place.list_artifacts(left.pop()):
            yield file
            if file.is_dir:
                left.append(file.path)


def download(place: ArtifactRepository, path: str, folder: Path | None) -> Path:
    """A file, or a folder with everything in it, as a local path; without a place to put it where it lies, if here."""
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    return Path(place.download_artifacts(path, str(folder) if folder else None))  # type: ignore[no-untyped-call]


def read(place: ArtifactRepository, path: str, folder: Path) -> bytes:
    """A file that was listed, by way of a folder; `download_artifacts` would ask first whether it is a folder."""
    file = folder / Path(path).name
    place._download_file(path, str(file))  # type: ignore[no-untyped-call]
    return file.read_bytes()


def check_size(size: int | None) -> None:
    """See that so many bytes may be read.

    Raises:
        RegistryError: they are too many.
    """
    if (size or 0) > MOST_BYTES:
        raise RegistryError(f"it has {(size or 0) / 2**20:,.0f} MB, and at most {MOST_BYTES / 2**20:,.0f} are read")


def _is_known(address: str, servers: list[str]) -> bool:
    try:
        parts, known = urlsplit(address), [urlsplit(server) for server in servers]
    except ValueError:
        return False
    hosts = {(one.scheme, host) for one in known for host in (one.netloc, one.netloc.rpartition("@")[2])}
    if parts.scheme == "mlflow-artifacts":
        return parts.netloc in {"", *(host for _, host in hosts)}
    named = (parts.scheme, parts.netloc) in hosts  # `r2://bucket@host/path` and Azure's too
    return named or parts.scheme in STORES or local_path(address) is not None
