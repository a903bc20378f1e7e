"""`podium contestants`: what is asked for wrongly is refused in one line, and one broken package hides nobody."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint

import pytest

from podium.models import roster


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("new",), "podium contestants new NAME"),
        (("check",), "podium contestants check NAME"),
        (("new", "my_model"), "cannot name a family"),
        (("new", "LSTM"), "installed already"),
        (("check", "Prophet"), "contestant 'Prophet' is not known; choose from ARIMA, "),
    ],
)
def test_a_wrong_word_is_one_line(podium, workdir, words, line):
    """What is missing or cannot be is named, with exit code 2, and nothing is written."""
    said = podium("contestants", *words)
    assert (said.exit_code, said.err.count("\n")) == (2, 1)
    assert line in said.err
    assert list(workdir.iterdir()) == []


def test_a_folder_that_is_there_is_not_written_over(podium, workdir):
    """What somebody wrote stays."""
    assert podium("contestants", "new", "Boosting").exit_code == 0
    (workdir / "podium-boosting" / "podium_boosting.py").write_text("mine")
    again = podium("contestants", "new", "Boosting")
    assert (again.exit_code, "podium-boosting is there already" in again.err) == (2, True)
    assert (workdir / "podium-boosting" / "podium_boosting.py").read_text() == "mine"


def test_one_that_cannot_be_loaded_hides_nobody(podium, workdir, monkeypatch):
    """Beside a package that is broken the others are listed with their options, and it says what is wrong."""
    broken = EntryPoint("Broken", "nowhere_to_be_found:Broken", roster.GROUP)
    both = {"ARIMA": roster.known()["ARIMA"], "Broken": broken}
    monkeypatch.setattr(roster, "known", lambda: both)
    said = podium("contestants", "--json")
    arima, wrong = json.loads(said.out)
    assert [option["name"] for option in arima["options"]] == ["max_p", "max_q", "order"]
    assert arima["options"][2] == {
        "name": "order",
        "type": "[integer, integer] or none",
        "range": ">= 0, <= 10",
        "default": None,
        "description": "autoregressive and moving-average order, if not to be chosen",
    }
    assert "cannot be loaded, ModuleNotFoundError" in wrong["error"]
