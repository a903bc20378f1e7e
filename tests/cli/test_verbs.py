"""The verbs on a finished championship: what they answer, as text and as JSON, and how they end."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from podium.cli.verbs import app

VERBS = [command.name or command.callback.__name__ for command in app.registered_commands]
ALL_HELP = """
from podium.cli.verbs import run
for verb in [""] + {verbs!r}:
    print(f"$ podium {{verb}} --help".replace("  ", " "))
    run([*filter(None, [verb]), "--help"])
    print()
"""


@pytest.fixture(scope="module")
def helps(tmp_path_factory) -> str:
    """The help of every verb on a terminal of eighty columns."""
    environment = {"COLUMNS": "80", "LOGNAME": "ann", "PATH": "", "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    code = ALL_HELP.format(verbs=VERBS)
    folder = tmp_path_factory.mktemp("help")
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout


def test_help_is_as_it_was(golden, helps):
    """Word for word, for every verb."""
    golden("cli-help.txt", helps)


def test_help_fits_into_eighty_columns_and_nothing_is_cut_off(helps):
    """No line is longer, no sentence ends in dots."""
    lines = helps.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if line.endswith("...") and not line.startswith("Usage")] == []


@pytest.mark.parametrize("verb", VERBS)
def test_h_is_help(podium, verb):
    """`-h` works everywhere, with exit code 0."""
    said = podium(verb, "-h")
    assert said.exit_code == 0
    assert said.out.startswith(f"Usage: podium {verb} ")


def test_the_version_is_the_installed_one(podium):
    """`podium --version` names program and version."""
    from importlib.metadata import version

    assert podium("--version").out == f"podium {version('podium')}\n"


@pytest.fixture
def here(own_championship) -> Path:
    """A championship to write into."""
    return own_championship


def test_no_verb_is_help(podium):
    """`podium` alone shows what there is."""
    said = podium()
    assert said.exit_code == 0
    assert "The championship:" in said.out


def test_every_verb_stands_in_one_group(helps):
    """The help of `podium` lists each verb once, under the heading of what it is for."""
    first = helps.split("$ podium ", 2)[1]
    assert [len(re.findall(rf"^  {verb}  ", first, re.MULTILINE)) for verb in VERBS] == [1] * len(VERBS)
    assert first.index("The championship:") < first.index("  train") < first.index("Serving:") < first.index("  ab ")


def test_a_shell_completes_verbs_and_choices(shell, tmp_path):
    """The installed completion offers the verbs that begin so, and the words that a flag takes."""
    for typed, offered in {"podium sta": ["status"], "podium evaluate --policy ": ["rmse", "significant"]}.items():
        asked = {"COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" ")), "_PODIUM_COMPLETE": "complete_bash"}
        assert shell(tmp_path, "podium", **asked).stdout.split() == offered


def test_completion_installs(shell, tmp_path):
    """`--install-completion` writes what bash reads into the user's home, and says so."""
    named = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # else it is the shell that started the tests
    said = shell(tmp_path, "podium", "--install-completion", "bash", HOME=str(tmp_path), **named)
    assert said.exit_code == 0
    assert "podium" in (tmp_path / ".bashrc").read_text()


def test_settings_tell_where_they_come_from(podium, monkeypatch, workdir):
    """`podium settings`: value and origin of each, as lines and as JSON; an old name is told."""
    Path("podium.toml").write_text("window = 20\n")
    monkeypatch.setenv("PODIUM_SERVE_PORT", "9000")
    said = podium("settings", "--seed", "7")
    lines = said.out.splitlines()
    for line in ("n_lags = 20  (podium.toml line 1)", "seed = 7  (flag --seed)", "registry_uri = not set  (default)"):
        assert line in lines
    assert said.err == "note: podium.toml line 1: window is now n_lags; the old name is read in this release only\n"
    told = podium("settings", "--json").json
    assert told["serve.port"] == {"value": 9000, "from": "variable PODIUM_SERVE_PORT"}
    assert told["seed"] == {"value": 42, "from": "default"}


def test_old_flags_are_taken_with_a_note(podium, workdir):
    """`--window` of the last release is `--n-lags`; help does not show it."""
    said = podium("settings", "--window", "20", "--json")
    assert said.json["n_lags"]["value"] == 20
    assert said.err == "note: --window is now --n-lags; the old name is read in this release only\n"
    assert "--window" not in podium("settings", "--help").out


def test_the_steps_answer_in_json(podium, here):
    """One document each of ingest and preprocess, naming the same series."""
    ingested, made = podium("ingest", "--json").json, podium("preprocess", "--json").json
    assert ingested["data_version"] == made["data_version"]
    assert ingested["n_days"] > 7000
    assert made["n_origins"] == ingested["n_days"] - 32


def test_evaluate_and_status_tell_the_same(podium, here):
    """Both documents hold the ranking and the verdict; the pointer agrees."""
    decided, stands = podium("evaluate", "--json"), podium("status", "--json")
    assert (decided.exit_code, stands.exit_code) == (0, 0)
    assert decided.json["ranking"] == stands.json["ranking"]
    assert stands.json["pointer_agrees"] is True
    assert set(stands.json["aliases"]) == {"champion", "challenger", "candidate"}


def test_strict_makes_unproven_an_error(podium, here):
    """Exit code 3 where the verdict is unproven and --strict was given; the document is printed all the same."""
    said = podium("evaluate", "--strict", "--json")
    assert said.exit_code == (3 if said.json["verdict"] == "unproven" else 0)


def test_forecast_answers_in_json(podium, here):
    """One document; the range holds the forecast."""
    told = podium("forecast", "--json").json
    assert told["lower_95"] < told["lower_80"] < told["forecast_rate"] < told["upper_80"] < told["upper_95"]


def test_a_title_moves_back_and_forth(podium, here):
    """promote, promote again, rollback, evaluate, evaluate --unpin: each says what it did and the history keeps it."""
    first = podium("status", "--json").json["champion"]
    moved = podium("promote", "--why", "a test", "--json").json
    assert moved["changed"]
    assert moved["pinned"]
    assert moved["from"].startswith(f"models:/{first}/")
    assert podium("promote", moved["model_name"].removeprefix("EURUSD_"), "--json").json == {"changed": False}
    assert podium("evaluate").exit_code == 0
    assert podium("status", "--json").json["champion"] == moved["model_name"]
    back = podium("rollback", "--json").json
    assert back["model_name"] == first
    assert podium("evaluate", "--unpin").exit_code == 0
    history = podium("history", "--json").json
    assert [title["model_name"] for title in history][:3] == [first, moved["model_name"], first]
    assert json.loads(Path("models/best_model_info.json").read_text())["model_name"] == first


@pytest.mark.parametrize("wanted", ["Oracle", "LSTM/99", "@nobody"])
def test_only_what_is_registered_can_be_promoted(podium, here, wanted):
    """Exit code 2 and the versions that there are."""
    said = podium("promote", wanted)
    assert said.exit_code == 2
    assert "EURUSD_LSTM/1" in said.err


def test_who_was_never_dethroned_cannot_be_brought_back(podium, here):
    """Exit code 5: nobody held the title before."""
    said = podium("rollback")
    assert said.exit_code == 5
    assert said.err.count("\n") == 1
