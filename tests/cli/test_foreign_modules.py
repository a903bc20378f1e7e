"""A folder whose own modules have the names of Python's and of libraries is a folder like any other."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

NAMES = ("signal", "types", "socket", "select", "json", "numpy", "logging", "ssl", "mlflow", "random", "podium")


@pytest.fixture
def repository(tmp_path) -> Path:
    """A trading repository that has a module for each of these names, none of which does what it should."""
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text('raise SystemExit("this is not the module that was meant")\n')
    return tmp_path


def begun(folder: Path, environment: dict[str, str], *words: str) -> tuple[int, str]:
    """A server that is ended as soon as it has told its address and somebody answers there, or by itself."""
    command = [str(Path(sys.executable).with_name("podium")), *words]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        told = []
        for line in process.stdout:
            told.append(line)
            if "serving on" in line or "Application startup complete" in line:
                process.send_signal(signal.SIGINT)
        return process.wait(60), "".join(told)


def test_the_folders_modules_are_not_taken_for_pythons(shell, repository, environment, few_rates):
    """Workers of `run`, `serve` with its children and `ui` do what they do anywhere else."""
    rates = ("--source", f"csv:{few_rates}", "--contestants", "LinearRegression,ARIMA", "--workers", "2")
    ran = shell(repository, "podium", "run", *rates)
    assert ran.exit_code == 0, ran.stderr
    for words, address in ((("serve", "--port", "0"), "serving on"), (("ui",), "startup complete")):
        exit_code, told = begun(repository, environment, *words)
        assert (exit_code, address in told) == (0, True), told
