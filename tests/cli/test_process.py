"""What only a process of its own shows: interrupts, closed pipes, terminals, standard streams."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest

from tests.support import made_once, until

PODIUM = str(Path(sys.executable).with_name("podium"))
FEW = ("--contestants", "LinearRegression,ARIMA")
INTERRUPTED = "podium: interrupted; what was completed is kept, and running the same verb again goes on from there\n"


@pytest.fixture(scope="module")
def rates_and_features(shell, tmp_path_factory, few_rates) -> Path:
    """Both, and nothing trained, made once."""

    def make(folder: Path) -> None:
        for verb in (["ingest", "--source", f"csv:{few_rates}"], ["preprocess"]):
            assert shell(folder, "podium", *verb).exit_code == 0

    return made_once(tmp_path_factory, "rates-and-features", make)


@pytest.fixture
def prepared(rates_and_features, tmp_path) -> Path:
    """A copy to train in."""
    return Path(shutil.copytree(rates_and_features, tmp_path / "prepared"))


def _completed(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'tags'").fetchone():
            return 0
        (found,) = database.execute("SELECT count(*) FROM tags WHERE key = 'status' AND value = 'completed'").fetchone()
    return int(found)


def _busy_for(seconds: float, process: subprocess.Popen[str]) -> list[psutil.Process]:
    """All processes below it, once one of them has used more CPU time than that; nobody before."""
    children, used = [], [-1.0]
    with suppress(psutil.NoSuchProcess):
        children = psutil.Process(process.pid).children(recursive=True)
    for child in children:
        with suppress(psutil.NoSuchProcess):
            used.append(sum(child.cpu_times()[:2]))
    return children if max(used) > seconds else []


@pytest.mark.parametrize(
    "seconds", [-0.5, 0.05, 0.3], ids=["while workers are begun", "as they start", "as they import"]
)
@pytest.mark.parametrize("whom", ["the group, as a terminal does", "the process alone"])
def test_an_interrupt_ends_training_with_one_line(prepared, environment, whom, seconds):
    """Ctrl-C: exit code 130, one line and no word from a worker; no process is left, and no run counts."""
    process = subprocess.Popen(
        [PODIUM, "train", *FEW],
        cwd=prepared,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    children = until(lambda: _busy_for(seconds, process), f"a process that was busy for {seconds} seconds")
    if whom.startswith("the group"):
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, INTERRUPTED)
    _, left = psutil.wait_procs(children, timeout=30)
    assert [child for child in left if child.status() != psutil.STATUS_ZOMBIE] == []
    assert _completed(prepared) == 0


INTERRUPTED_WHILE_IMPORTING = """
import os, signal, sys
from podium.cli import main

class Interrupter:
    def find_spec(self, name, path, target=None):
        if name == "podium.cli.verbs":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupter())
main(["--version"])
"""


def test_an_interrupt_of_the_first_moment_says_nothing(tmp_path, environment):
    """Ctrl-C while the verbs are imported ends the process as a shell expects, without a traceback."""
    command = [sys.executable, "-c", INTERRUPTED_WHILE_IMPORTING]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_a_terminal_without_umlauts_gets_the_rest(shell, tmp_path):
    """Where standard output is ASCII, lines show what they can, and JSON is JSON with every letter."""
    variables = {"PYTHONIOENCODING": "ascii", "PODIUM_DEVELOPER": "J\u00fcrgen"}
    said = shell(tmp_path, "podium", "settings", **variables)
    assert (said.exit_code, said.stderr) == (0, "")
    assert "developer = J\\xfcrgen  (variable PODIUM_DEVELOPER)" in said.stdout
    told = json.loads(shell(tmp_path, "podium", "settings", "--json", **variables).stdout)
    assert told["developer"]["value"] == "J\u00fcrgen"


def test_a_reader_that_leaves_early_is_no_error(championship, environment):
    """`podium status | head -1` says nothing on standard error."""
    command = f"{PODIUM} status | head -1; exit ${{PIPESTATUS[0]}}"
    for verb in ("status", "--help"):
        done = subprocess.run(
            ["bash", "-c", command.replace("status", verb)],
            cwd=championship.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        assert done.stdout.count("\n") == 1
        assert done.returncode in {0, 1}


def test_a_closed_pipe_ends_a_verb_quietly(championship, environment):
    """Standard output closed before the first line: no traceback, not exit code 0."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [PODIUM, "history"], cwd=championship.folder, env=environment, stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
@pytest.mark.parametrize("word", ["history", "--help", "--version"])
def test_a_full_disk_is_one_line(championship, environment, word):
    """Standard output that takes nothing: exit code 1, one line, no traceback at the end of the process either."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [PODIUM, word], cwd=championship.folder, env=environment, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
    assert done.stderr.decode() == (
        "podium: the answer or a file cannot be written (No space left on device); see where standard output goes\n"
    )


def test_progress_is_shown_on_a_terminal_and_wiped_away(prepared, environment):
    """On a terminal a line says who is being trained, in place; it is gone at the end. The answer stays plain."""
    screen, exit_code = _on_a_terminal([PODIUM, "train", *FEW], prepared, environment)
    assert exit_code == 0
    assert "training LinearRegression, ARIMA" in screen
    assert "\x1b[?25h" in screen  # the cursor is given back
    assert "\x1b[2K" in screen
    said = _shown(screen)
    assert sorted(line.split(":")[0] for line in said) == ["ARIMA", "LinearRegression"], said
    assert "Warning" not in screen


def _shown(screen: str) -> list[str]:
    """Lines that are still there at the end: those that no erasing followed."""
    lines = [line.rsplit("\x1b[2K", 1)[-1].rsplit("\r", 1)[-1] for line in screen.replace("\r\n", "\n").split("\n")]
    plain = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).strip() for line in lines]
    return [line for line in plain if line and "training" not in line]


def _on_a_terminal(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[str, int]:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, cwd=folder, env={**environment, "TERM": "xterm", "COLUMNS": "200"},
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    while True:
        if not select.select([ours], [], [], 120)[0]:
            process.kill()
            raise AssertionError(f"nothing was shown for two minutes after {seen!r}")
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # Linux says so when the other side is closed
            chunk = b""
        if not chunk:
            break
        seen += chunk
    os.close(ours)
    return seen.decode(), process.wait(60)


@pytest.mark.parametrize("verb", [("status",), ("forecast",), ("history",), ("status", "--json")], ids=" ".join)
def test_reading_is_quiet_and_writes_nothing(championship, shell, verb):
    """No colour, no warning, nothing on standard error, and the championship's files as they were."""
    before = _files(championship.folder)
    said = shell(championship.folder, "podium", *verb)
    assert (said.exit_code, said.stderr) == (0, "")
    assert "\x1b" not in said.stdout
    assert _files(championship.folder) == before


def _files(folder: Path) -> dict[str, int]:
    kept = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return {str(path): path.stat().st_mtime_ns for path in kept}
