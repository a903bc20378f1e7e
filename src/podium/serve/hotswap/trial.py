"""A graph is tried in a process of its own before it is served: where it hangs, swells or crashes, that alone ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import msgspec

from podium.environment import child_environment
from podium.serve.hotswap.lineup import load_model
from podium.serve.hotswap.manifest import ModelCard
from podium.serve.hotswap.scorer import ScoringError

SECONDS = 10  # of CPU, of which importing takes one
COMMAND = "from podium.serve.hotswap.trial import main; main()"
MEMORY = 2 * 2**30  # bytes


def try_out(card: ModelCard, cache: Path) -> None:
    """Load a model as the serving processes will, and see that it forecasts; not on Windows, which knows no limits.

    Raises:
        ScoringError: it is not as it should be, or takes more time or memory than any model needs.
    """
    if sys.platform == "win32":
        return
    command, given = [sys.executable, "-c", COMMAND, str(cache)], msgspec.json.encode(card)
    done = subprocess.run(command, input=given, capture_output=True, env=child_environment(), check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        name, ended = (
            f"{card.name} version {card.version}",
            "ended" if done.returncode > 0 else _signal(-done.returncode),
        )
        reason = said[-1] if said and done.returncode == 1 else f"the process in which it was tried {ended}"
        raise ScoringError(f"{name} is not served: {reason}")


def _signal(number: int) -> str:
    if number == signal.SIGXCPU:
        return f"computed for more than {SECONDS} s"
    return f"was ended by {signal.Signals(number).name}"


def main() -> None:
    """The process: a card on standard input, the reason on standard error."""
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        load_model(msgspec.json.decode(sys.stdin.buffer.read(), type=ModelCard), Path(sys.argv[1]))
    except (ScoringError, MemoryError) as error:
        sys.exit(str(error) or "it takes more memory than any model needs")
