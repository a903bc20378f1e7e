"""CONTRIBUTING's contestant, entered as the page says: its file, its entry point, its checks, its championship."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")


def block(language: str, word: str) -> str:
    """The page's one block in that language that holds the word."""
    (found,) = [text for text in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if word in text]
    return found


@pytest.fixture
def site(shell, tmp_path) -> Path:
    """The package of the page, installed by its command into a folder of its own rather than this environment."""
    package = tmp_path / "my_ridge"
    package.mkdir()
    (package / "my_ridge.py").write_text(block("python", "class RidgeContestant"))
    (package / "pyproject.toml").write_text(block("toml", "podium.contestants"))
    program, *words = shlex.split(block("sh", "pip install").replace("--editable .", "--quiet --target ../site ."))
    assert program == "python"
    installed = shell(package, sys.executable, *words)
    assert installed.exit_code == 0, installed.stderr
    return tmp_path / "site"


def test_the_pages_contestant_takes_part(shell, site, tmp_path, few_rates):
    """Written, installed, checked and trained as printed, it is ranked with the others, and its option is checked."""
    path = {"PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}
    checked = shell(tmp_path, "python", "-c", block("python", "check_contestant("), **path)
    assert (checked.exit_code, checked.stdout) == (0, ""), checked.stderr
    (command,) = re.findall(r"`(podium train --contestants \S*Ridge)`", PAGE)
    rates = ("--source", f"csv:{few_rates}")
    assert shell(tmp_path, "podium", "ingest", *rates).exit_code == 0
    trained = shell(tmp_path, *command.replace("LinearRegression,ARIMA,LSTM", "LinearRegression").split(), **path)
    assert trained.exit_code == 0, trained.stderr
    ranked = shell(tmp_path, "podium", "evaluate", **path)
    assert ranked.exit_code == 0, ranked.stderr
    assert "EURUSD_Ridge" in ranked.stdout
    (tmp_path / "podium.toml").write_text('[options.Ridge]\nalpha = "much"\n')
    refused = shell(tmp_path, *command.split(), **path)
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "options.Ridge.alpha = 'much'" in refused.stderr
