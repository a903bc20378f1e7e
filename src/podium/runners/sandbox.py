"""What a process may not look up: from one moment on it cannot read some places, for good, and asking is told.

Two guards, since neither is whole. Python's audit hook (PEP 578) sees what Python opens, and what it asks of a
database or the network; it refuses and writes down. Landlock (Linux 5.13 and later) refuses what libraries in C open
and what other programs do, without a word. Where the kernel has no Landlock the hook is alone.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # system calls, the same on every architecture
WRITE_FILE, READ_FILE = 1 << 1, 1 << 2  # linux/landlock.h
WRITING = os.O_WRONLY | os.O_RDWR  # in the flags of a file that is opened
PATH_BENEATH, NO_NEW_PRIVILEGES = 1, 38
NETWORK = frozenset({"socket.connect", "socket.getaddrinfo", "socket.sendto"})
PROGRAMS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"})
ANYBODYS = ("/dev/", "/proc/")  # to write to them keeps nothing


def enclose(folder: Path, hidden: Sequence[Path]) -> list[str]:
    """From here on this thread reads nothing at or below `hidden`, writes only below `folder`, and asks no network.

    Args:
        folder: an empty one of its own.
        hidden: files and folders, resolved.

    Returns:
        What is asked for and refused, in the order of time; it grows.
    """
    told: list[str] = []
    sys.addaudithook(_guard(folder, {str(path) for path in hidden}, told))
    _landlock(folder, hidden)
    return told


def _guard(folder: Path, hidden: set[str], told: list[str]) -> Callable[[str, tuple[Any, ...]], None]:
    def refuse(what: str) -> None:
        told.append(what)
        raise PermissionError(f"a contestant {what}, which it must not")

    def guard(event: str, args: tuple[Any, ...]) -> None:
        if event in {"open", "sqlite3.connect"} and isinstance(args[0], str | bytes | os.PathLike):
            path = os.path.realpath(os.fsdecode(args[0]).removeprefix("file:").partition("?")[0])
            if any(path == one or path.startswith(one + os.sep) for one in hidden):
                refuse(f"opens {path}")
            if (event != "open" or args[2] & WRITING) and not _forgotten(path, folder):
                refuse(f"writes to {path}")
        elif event in PROGRAMS and any(one in str(args) for one in hidden):
            refuse(f"starts {args[0]} on the rates")
        elif event in NETWORK and not isinstance(args[-1], str | bytes):  # an address of this machine's own is a text
            refuse("asks the network")

    return guard


def _forgotten(path: str, folder: Path) -> bool:
    """Whether what is written there goes with the trial, or is byte code; what stays could be read by the next fit."""
    return path.startswith((str(folder), *ANYBODYS)) or "__pycache__" in path


def _landlock(folder: Path, hidden: Sequence[Path]) -> None:
    """Allow this thread, and what it starts, to read all but the hidden places; nothing where the kernel has none."""
    if sys.platform != "linux":
        return
    call = ctypes.CDLL(None, use_errno=True).syscall
    handled = struct.pack("=Q", READ_FILE | WRITE_FILE)
    ruleset = call(CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0)
    if ruleset < 0:
        return
    try:
        ways = [(READ_FILE, path) for path in _beside(Path("/"), hidden)]
    except OSError:  # a folder on the way whose places may not be listed
        return
    for rights, path in [*ways, (READ_FILE | WRITE_FILE, folder), (READ_FILE | WRITE_FILE, Path("/dev"))]:
        try:
            place = os.open(path, os.O_PATH)
        except OSError:  # it is gone meanwhile, or nobody's to open
            continue
        call(ADD_RULE, ruleset, PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
        os.close(place)
    ctypes.CDLL(None).prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    call(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _beside(top: Path, hidden: Sequence[Path]) -> Iterator[Path]:
    """Every place that has nothing hidden in it, as high up as possible; links are left out, their targets are not."""
    above = {parent for path in hidden for parent in path.parents}
    for place in (Path(entry.path) for entry in os.scandir(top) if not entry.is_symlink()):
        if place in above:
            yield from _beside(place, hidden)
        elif place not in hidden:
            yield place
