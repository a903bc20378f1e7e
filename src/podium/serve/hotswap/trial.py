"""A graph is tried in a process of its own before it is served: where it hangs, swells or crashes, that alone ends."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, cast

import msgspec

from podium.environment import child_environment
from podium.serve.hotswap.lineup import load_model
from podium.serve.hotswap.manifest import ModelCard
from podium.serve.hotswap.scorer import ScoringError

SECONDS = 10  # of CPU
COMMAND = "from podium.serve.hotswap.trial import main; main()"
MEMORY = 2 * 2**30  # bytes


class _Ended(msgspec.Struct):
    """How a trial ended: its exit code, negative for a signal, and what it said."""

    code: int
    said: str


class Trials:
    """Tries models one after the other; none on Windows, which knows no limits.

    A process that has imported what a model needs begins a process for each of them. It takes as much memory as one
    that serves: close it when all have been tried; the next one begins it again.

    Args:
        cache: folder of the models.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Let it import, unless it has."""
        if self._process is None and sys.platform != "win32":
            self._process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, str(self._cache)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=child_environment(),
                start_new_session=True,
            )  # fmt: skip

    def try_out(self, card: ModelCard) -> None:
        """Load a model as the serving processes will, and see that it forecasts.

        Raises:
            ScoringError: it is not as it should be, or takes more time or memory than any model needs.
        """
        self.begin()
        if self._process is None:
            return
        given, told = cast("IO[bytes]", self._process.stdin), cast("IO[bytes]", self._process.stdout)
        try:
            given.write(msgspec.json.encode(card) + b"\n")
            given.flush()
            ended = msgspec.json.decode(told.readline(), type=_Ended)
        except TimeoutError:
            self.close()  # a late answer would be taken for the next one's
            raise
        except (OSError, msgspec.DecodeError):
            self.close()
            ended = _Ended(1, "")
        if ended.code or ended.said:
            reason = ended.said or f"the process in which it was tried {_how(ended.code)}"
            raise ScoringError(f"{card.name} version {card.version} is not served: {reason}")

    def close(self) -> None:
        """End the process, and with it a trial under way."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with contextlib.suppress(BrokenPipeError), process:  # closes the pipes, and waits
                pass


def _how(code: int) -> str:
    if code >= 0:
        return "ended"
    if -code == signal.SIGXCPU:
        return f"computed for more than {SECONDS} s"
    return f"was ended by {signal.Signals(-code).name}"


def main() -> None:
    """The process: a card a line on standard input, how its trial ended a line on standard output."""
    import onnxruntime  # noqa: F401  each trial has it then

    begin = multiprocessing.get_context("fork")
    for line in sys.stdin.buffer:
        ours, theirs = begin.Pipe(duplex=False)
        trial = begin.Process(target=_try, args=(line, theirs), daemon=True)
        trial.start()
        theirs.close()
        said = ""
        with contextlib.suppress(EOFError):
            said = ours.recv_bytes().decode()
        trial.join()
        sys.stdout.buffer.write(msgspec.json.encode(_Ended(trial.exitcode or 0, said)) + b"\n")
        sys.stdout.flush()


def _try(line: bytes, told: Connection) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    said = ""
    try:
        load_model(msgspec.json.decode(line, type=ModelCard), Path(sys.argv[1]))
    except (ScoringError, MemoryError) as error:
        said = str(error) or "it takes more memory than any model needs"
    told.send_bytes(said.encode())
