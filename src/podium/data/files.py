"""Files that are replaced whole; needed by processes that read no series too."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from podium.errors import SettingError


def atomic_write(path: Path, data: bytes) -> None:
    """Replace the file at `path`: at every instant it is the old one or the new one, whole; folders are made.

    Raises:
        SettingError: the file cannot be written; the old one is untouched.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise SettingError(f"{path} cannot be written ({error.strerror or error}); choose a folder that can") from error


def _sync_folder(folder: Path) -> None:
    """Make the new name itself last through a power cut, where folders can be opened (not on Windows)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
