"""Messages between processes over a pipe: a length of eight bytes, then so many bytes."""

from __future__ import annotations

import os
from typing import IO

LENGTH = 8


def first_line(handle: int) -> bytes:
    """The bytes up to the first line's end, and not one more: whoever waits for the handle shall see the rest."""
    line = bytearray()
    while (byte := os.read(handle, 1)) not in {b"", b"\n"}:
        line += byte
    return bytes(line)


def write_frame(pipe: IO[bytes] | None, content: bytes) -> None:
    """Send one message."""
    if pipe is None or pipe.closed:
        raise BrokenPipeError
    pipe.write(len(content).to_bytes(LENGTH, "big") + content)
    pipe.flush()


def read_frame(pipe: IO[bytes] | None) -> bytes | None:
    """Wait for one message; None when the other side is gone."""
    if pipe is None or pipe.closed:
        return None
    head = pipe.read(LENGTH)
    if len(head) < LENGTH:
        return None
    size = int.from_bytes(head, "big")
    content = pipe.read(size)
    return content if len(content) == size else None
