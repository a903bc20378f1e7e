"""What the processes of one server tell each other by files in its folder: who lives, who wishes a look, who rests."""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from contextlib import suppress
from pathlib import Path

from podium.data.files import atomic_write

MANIFEST = "manifest.json"
REQUESTS = "requests"  # folder of wishes for a look at once; the reader takes one away when it is answered
SILENCE = 8.0  # seconds after which a process that says nothing is taken to be gone, or to stand still
ANEW = 600.0  # seconds after which even a registry that shows no change is read again
READ = "read"  # file with the mark of the registry as it was last read, empty where there was trouble
READING = "reading"  # file that the registry's reader touches while it gets on
RESTARTED = "restarted"  # file that says why the registry's reader was started again, as long as that is news
IN_SERVICE = "in-service"  # folder in which each serving process says which reading it serves


def request_look(cache: Path) -> Path:
    """Wish that the registry is read at once.

    Returns:
        A file that is gone when a manifest from a reading that began after the wish is in place.
    """
    wish = cache / REQUESTS / uuid.uuid4().hex
    wish.parent.mkdir(parents=True, exist_ok=True)
    wish.touch()
    return wish


def requested_looks(cache: Path) -> list[Path]:
    """Wishes that nobody has answered yet."""
    return list((cache / REQUESTS).glob("*"))


def tell_in_service(cache: Path, reads: int) -> None:
    """This process lives, and serves what the reading of this number found; to be said every second.

    Raises:
        SettingError: the disk takes no number; that it lives is said all the same.
    """
    place, told = cache / IN_SERVICE / str(os.getpid()), str(reads).encode()
    with suppress(OSError):  # not there yet
        os.utime(place)  # a file replaced every second waits for the disk, and whoever commits waits with it
        if place.read_bytes() == told:
            return
    atomic_write(place, told)


def forget_in_service(cache: Path) -> None:
    """This process ends."""
    (cache / IN_SERVICE / str(os.getpid())).unlink(missing_ok=True)


def in_service(cache: Path) -> dict[int, tuple[float, int]]:
    """When each process that serves from here was last heard of, and which reading it serves, by its id."""
    found: dict[int, tuple[float, int]] = {}
    for place in (cache / IN_SERVICE).glob("[0-9]*"):
        try:
            found[int(place.name)] = (place.stat().st_mtime, int(place.read_bytes() or 0))
        except (OSError, ValueError):
            continue
    return found


def all_serve(cache: Path, reads: int) -> bool:
    """Whether every process that serves from here has this reading, or a later one, in service.

    Who has not been heard of for a while is gone, and another process may have its number by now.
    """
    living = True
    for number, (heard, known) in in_service(cache).items():
        if abs(time.time() - heard) > SILENCE:  # or the clock was set, and it is heard of again in a moment
            (cache / IN_SERVICE / str(number)).unlink(missing_ok=True)
        else:
            living = living and known >= reads
    return living


def is_current(cache: Path, mark: str, since: float) -> bool:
    """Whether the manifest is what would be read now; if so its time says that it was looked at.

    Args:
        cache: folder of the manifest.
        mark: of the registry, as it is now.
        since: seconds since the epoch; a manifest that was looked at later need not be told so.
    """
    try:
        if not mark or mark != (cache / READ).read_text(encoding="utf-8") or requested_looks(cache):
            return False
        if (cache / MANIFEST).stat().st_mtime < since:
            os.utime(cache / MANIFEST)
    except OSError:
        return False
    return True


def address_digest(*addresses: str | None) -> str:
    """Names a registry, and what is served of it, without passwords."""
    return hashlib.sha256("\n".join(address or "" for address in addresses).encode()).hexdigest()[:16]
