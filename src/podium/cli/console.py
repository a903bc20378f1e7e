"""What a person or a program reads: plain lines and JSON on standard output, the rest on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any


def say(line: str = "") -> None:
    """One line of the answer."""
    print(line, flush=True)


def note(line: str) -> None:
    """Something worth knowing that is not the answer."""
    print(f"note: {line}", file=sys.stderr, flush=True)


def complain(message: str) -> None:
    """Why the verb failed, on one line."""
    print(f"podium: {' '.join(message.split())}", file=sys.stderr, flush=True)


def say_json(value: Any) -> None:
    """The answer for programs: one JSON document; numbers that do not exist are null, never NaN."""
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False), flush=True)


def table(rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Rows as lines with columns aligned; columns that hold numbers are aligned right."""
    cells = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    numeric = [all(_is_number(text) for text in column[1:]) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()


def _is_number(text: str) -> bool:
    return text.strip("+-%. ").replace(".", "").replace(",", "").isdigit() or text in {"", "-"}


@contextmanager
def working_on(names: Iterable[str]) -> Iterator[Progress]:
    """Show what is under way, on a terminal only; elsewhere nothing is written."""
    progress = Progress(list(names))
    if not sys.stderr.isatty():
        yield progress
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), get_renderable=progress.render, refresh_per_second=8, transient=True):
        yield progress


class Progress:
    """A line for each piece of work, with a spinner until it is done."""

    def __init__(self, names: list[str]) -> None:
        self._left = dict.fromkeys(names, True)

    def done(self, name: str) -> None:
        """Take a piece of work off the display."""
        self._left.pop(name, None)

    def render(self) -> Any:
        """What is still under way, with the time that it has taken."""
        from rich.spinner import Spinner

        if not hasattr(self, "_spinner"):
            self._spinner = Spinner("dots")
        self._spinner.update(text=f" training {', '.join(self._left)}" if self._left else "")
        return self._spinner
