"""The verbs. The only room that prints, sets up logging, and turns errors into exit codes."""

from __future__ import annotations

import signal
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb and leave the process with its exit code."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)  # an import that is interrupted would tell where it was
    from podium.cli import verbs

    signal.signal(signal.SIGINT, before)
    verbs.main(arguments)


__all__ = ["main"]
