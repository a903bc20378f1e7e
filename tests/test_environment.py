"""Nothing is told to others, and no module of the working folder is taken for Python's own."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

import pytest

from podium.environment import TELEMETRY, child_environment, keep_private, lent, put_off


@pytest.mark.parametrize("blank", [{}, {"MLFLOW_DISABLE_TELEMETRY": "", "ORT_DISABLE_TELEMETRY": " "}])
def test_nobody_is_told_anything(blank):
    """Where the user has said nothing, or left a variable blank, all telemetry is off."""
    environment = dict(blank)
    keep_private(environment)
    assert environment == {**TELEMETRY, "DO_NOT_TRACK": "true"}


def test_the_users_word_stays():
    """Who wants to tell MLflow's makers does, and no second variable contradicts; the others stay off."""
    environment = {"MLFLOW_DISABLE_TELEMETRY": "false"}
    keep_private(environment)
    assert environment == {**TELEMETRY, "MLFLOW_DISABLE_TELEMETRY": "false"}


def test_a_child_is_private_and_looks_for_modules_elsewhere(monkeypatch):
    """A child has the user's variables, what is special to it, and Python's safe path."""
    monkeypatch.setenv("TRADERS_OWN", "1")
    found = child_environment(PORT="80")
    assert (found["TRADERS_OWN"], found["PORT"], found["PYTHONSAFEPATH"]) == ("1", "80", "1")
    assert found["ORT_DISABLE_TELEMETRY"] == "1"
    assert "PORT" not in os.environ


def test_what_is_lent_is_given_back(monkeypatch):
    """What the user has set is kept inside and after; what was lent is gone, after an error too."""
    monkeypatch.setenv("MINE", "1")
    monkeypatch.delenv("THEIRS", raising=False)
    with suppress(RuntimeError), lent({"MINE": "2", "THEIRS": "2"}):
        assert (os.environ["MINE"], os.environ["THEIRS"]) == ("1", "2")
        raise RuntimeError
    assert os.environ["MINE"] == "1"
    assert "THEIRS" not in os.environ


def test_what_is_put_off_runs_when_it_is_asked_for(tmp_path, monkeypatch):
    """A module that is put off is imported without running, and runs at the first question; others run at once."""
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("podium_later", "podium_now"):
        (tmp_path / f"{name}.py").write_text("import sys\nsys.ran_for_podium.append(__name__)\nanswer = 42\n")
    ran: list[str] = []
    monkeypatch.setattr(sys, "ran_for_podium", ran, raising=False)
    with put_off("podium_later"):
        import podium_later  # type: ignore[import-not-found]
        import podium_now  # type: ignore[import-not-found]  # noqa: F401
    assert ran == ["podium_now"]
    assert podium_later.answer == 42
    assert ran == ["podium_now", "podium_later"]
