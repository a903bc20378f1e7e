"""What a person or a program reads: plain lines and JSON on standard output, the rest on standard error."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any

GLUE = "\N{NO-BREAK SPACE}"
# Control characters but tab and line break, and those that turn the direction of what follows.
_ORDERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def columns(stream: IO[str] | None = None) -> int | None:
    """Width to write in: the variable COLUMNS, else the terminal's; None where there is none, and lines stay whole."""
    said = os.environ.get("COLUMNS", "").strip()
    if said.isdigit() and int(said) > 0:
        return int(said)
    return shutil.get_terminal_size().columns if (stream or sys.stdout).isatty() else None


def folded(line: str, width: int | None) -> list[str]:
    """A line that is longer than the width, between its words; what is not a word, such as a path, stays whole."""
    if width is None or len(line) <= width:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def inert(text: str) -> str:
    """Text that anybody may have written into the registry, without orders to a terminal, such as to clear itself."""
    return _ORDERS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def say(line: str = "") -> None:
    """One line of the answer, for people: on a terminal folded to its width."""
    print(*folded(inert(line), columns()), sep="\n", flush=True)


def say_whole(text: str) -> None:
    """Text that programs read, or people copy, as it is."""
    print(text, flush=True)


def note(line: str) -> None:
    """Something worth knowing that is not the answer."""
    _beside(f"note: {line}")


def complain(message: str) -> None:
    """Why the verb failed, on one line."""
    _beside(f"podium: {' '.join(message.split())}")


def _beside(line: str) -> None:
    width = columns(sys.stderr) if sys.stderr.isatty() else None  # whoever reads a log wants whole lines
    print(*folded(inert(line), width), sep="\n", file=sys.stderr, flush=True)


def say_json(value: Any) -> None:
    """The answer for programs: one JSON document; numbers that do not exist are null, never NaN."""
    plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    print(inert(json.dumps(value, indent=2, ensure_ascii=plain, allow_nan=False)), flush=True)


def answer(as_json: bool, document: Any, lines: Iterable[str]) -> None:
    """The answer of a verb, for programs or for people.

    Args:
        as_json: for programs.
        document: for them.
        lines: for people; not made for programs where they are made one at a time.
    """
    if as_json:
        say_json(document)
        return
    for line in lines:
        say(line)


def table(rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Rows as lines with columns aligned, numbers to the right; as blocks where the terminal is too narrow for them."""
    cells = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    width = columns()
    if width is not None and sum(widths) + 2 * len(widths) - 2 > width:
        yield from _blocks(cells, width)
        return
    numeric = [all(_is_number(text) for text in column[1:]) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()


def _blocks(cells: list[list[str]], width: int) -> Iterator[str]:
    """A heading a row, below it each of its values with the name of its column; a pair stays on one line."""
    (_, *heads), *rows = cells
    for name, *values in rows:
        yield name
        pairs = (f"{head} {value}".replace(" ", GLUE) for head, value in zip(heads, values, strict=True))
        lines = textwrap.wrap(", ".join(pairs), width, initial_indent="  ", subsequent_indent="  ")
        yield from (line.replace(GLUE, " ") for line in lines)


def _is_number(text: str) -> bool:
    return text.strip("+-%. ").replace(".", "").replace(",", "").isdigit() or text in {"", "-"}


@contextmanager
def working_on(doing: str, names: Iterable[str] = ()) -> Iterator[Progress]:
    """Show what is under way and for how long, on a terminal that can; elsewhere nothing is written."""
    progress = Progress(doing, list(names))
    if not sys.stderr.isatty() or os.environ.get("TERM") in {"dumb", "unknown"}:
        yield progress
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), get_renderable=progress.render, refresh_per_second=8, transient=True):
        yield progress


class Progress:
    """One line with a spinner: what is being done, to whom, for how long."""

    def __init__(self, doing: str, names: list[str]) -> None:
        self._doing = doing
        self._left = dict.fromkeys(names, True)
        self._began = time.monotonic()

    def done(self, name: str) -> None:
        """Take a piece of work off the display."""
        self._left.pop(name, None)

    def now(self, doing: str) -> None:
        """Say what is being done from here on."""
        self._doing = doing

    def render(self) -> Any:
        """The line as it is now."""
        from rich.spinner import Spinner

        if not hasattr(self, "_spinner"):
            self._spinner = Spinner("dots")
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        self._spinner.update(text=f" {self._doing} {', '.join(self._left)} {minutes}:{seconds:02}".replace("  ", " "))
        return self._spinner
