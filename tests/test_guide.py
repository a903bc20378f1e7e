"""The guide's commands and snippets, run as printed, in directories as a user has them."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from podium.registry.quiet import ENVIRONMENT
from tests.support import HOST, body, free_port, running

ROOT = Path(__file__).parent.parent

FROM_THE_POINTER = """\
import json
import mlflow

# Load deployment info
with open('models/best_model_info.json', 'r') as f:
    info = json.load(f)

# Load the champion model
model_uri = info['model_uri']  # e.g., "models:/EURUSD_LSTM@champion"
model = mlflow.pyfunc.load_model(model_uri)

# Make predictions
predictions = model.predict(X_test)
"""
BY_THE_ALIAS = """\
import mlflow

# Always loads the current champion, regardless of which model type it is
model = mlflow.pyfunc.load_model("models:/EURUSD_LSTM@champion")
"""
A_AND_B = """\
# Load champion and challenger for comparison
champion = mlflow.pyfunc.load_model("models:/EURUSD_LSTM@champion")
challenger = mlflow.pyfunc.load_model("models:/EURUSD_LinearRegression@challenger")

# Route 90% traffic to champion, 10% to challenger
if random.random() < 0.9:
    prediction = champion.predict(X)
else:
    prediction = challenger.predict(X)
"""
# What stands around them in a user's script: X, the imports that the guide takes for granted, a look at the answer.
BEFORE = """\
import random
from pathlib import Path
import numpy as np
from podium.data.store import load_features
from podium.features import frame

X = X_test = frame(load_features(Path("data/processed/EURUSD.parquet")))[-5:]

def look(forecasts):
    forecasts = np.asarray(forecasts, dtype=float).ravel()
    print(forecasts.shape == (5,) and bool(np.isfinite(forecasts).all()) and np.abs(forecasts).max() < 0.01)
"""


@pytest.fixture(scope="module")
def guides_podium(copy_championship, shell, tmp_path_factory) -> Path:
    """A championship with the guide's podium: the LSTM leads, LinearRegression challenges."""
    folder = copy_championship(tmp_path_factory.mktemp("guide") / "championship")
    moved = shell(folder, "podium", "promote", "LSTM", "--why", "as in the guide")
    assert moved.exit_code == 0, moved.stderr
    return folder


def run_code(shell, folder: Path, *parts: str) -> list[str]:
    """Run a script of the user's in a process of its own; what it found of each look."""
    ran = shell(folder, "python", "-c", "\n".join([BEFORE, *parts]), **ENVIRONMENT)
    assert ran.exit_code == 0, ran.stderr
    return re.findall(r"^(?:True|False)$", ran.stdout, re.MULTILINE)  # Keras shows its progress between


def test_the_champion_loads_as_the_readme_shows(shell, championship):
    """The README's snippets, the guide's option 1 among them as printed, one after another in the run's directory."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert FROM_THE_POINTER in blocks
    shown = [block for block in blocks if "load_" in block]
    assert any("load_champion" in block for block in shown)
    assert any("@challenger" in block for block in shown)
    *loaded, compared = shown
    looks = "look(predictions), look(champion.predict(X)), look(challenger.predict(X))"
    said = run_code(shell, championship.folder, *(f"{block}look(predictions)" for block in loaded), compared, looks)
    assert said == ["True"] * 5


@pytest.mark.tensorflow
def test_the_champion_loads_by_its_alias_and_beside_the_challenger(shell, guides_podium):
    """Option 2 and the A/B snippet as printed: one X suits both architectures, whichever side is drawn."""
    looks = "look(prediction), look(champion.predict(X)), look(challenger.predict(X))"
    said = run_code(shell, guides_podium, BY_THE_ALIAS, "look(model.predict(X_test))", A_AND_B, looks)
    assert said == ["True"] * 4


QUIETLY = """
import os
import podium

champion = podium.load_champion("EURUSD")
look(champion.predict(X))

import keras

set_for_good = sorted({"TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS"} & set(os.environ))
print(set_for_good, keras.utils.is_interactive_logging_enabled())
"""


@pytest.mark.tensorflow
def test_the_champion_is_loaded_and_asked_without_a_word(shell, guides_podium):
    """An LSTM that leads: no start-up chatter, no progress bar, and no switch or variable of the user's is changed."""
    ran = shell(guides_podium, "python", "-c", f"{BEFORE}{QUIETLY}")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "True\n[] True\n", "")


def test_the_scripts_are_the_steps(shell, tmp_path, few_rates):
    """Step 3 in an empty directory takes steps 1 and 2 first; step 4 then ranks; steps 1 and 2 alone work too."""
    few = {"PODIUM_CONTESTANTS": "LinearRegression,ARIMA", "PODIUM_SOURCE": f"csv:{few_rates}"}
    script = {path.name[:2]: str(path) for path in (ROOT / "src").glob("0*.py")}
    trained = shell(tmp_path, "python", script["03"], **few)
    assert (trained.exit_code, trained.stderr) == (0, "note: no rates yet: ingesting first\n")
    said = [line.split(":")[0] for line in trained.stdout.splitlines()]
    assert said[:2] == ["EURUSD", "EURUSD"]
    assert sorted(said[2:]) == ["ARIMA", "LinearRegression"]
    ranked = shell(tmp_path, "python", script["04"], **few)
    assert (ranked.exit_code, ranked.stderr) == (0, "")
    assert "*** CHAMPIONSHIP RANKING (Lower RMSE is Better) ***" in ranked.stdout
    for step, told in (("01", trained.stdout.splitlines()[0]), ("02", trained.stdout.splitlines()[1])):
        done = shell(tmp_path, "python", script[step], **few)
        assert (done.exit_code, done.stdout.strip(), done.stderr) == (0, told, "")


@pytest.mark.parametrize(
    "command",
    [
        ("mlflow", "ui", "--backend-store-uri", "sqlite:///mlflow.db", "--port"),
        ("podium", "ui", "--port"),
    ],
    ids=["mlflow ui", "podium ui"],
)
def test_the_pages_open_and_close(guides_podium, environment, command):
    """Step 3 of the guide and its verb: MLflow answers on loopback, and Ctrl-C ends it with nothing left behind."""
    alone = {
        "MLFLOW_WORKERS": "1",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }  # the command as printed, less to start
    port = free_port()
    url, env = f"http://{HOST}:{port}/health", {**environment, "PYTHONWARNINGS": "ignore", **alone}
    with running([*command, str(port)], lambda: body(url) == b"OK", guides_podium, env) as server:
        os.killpg(server.pid, signal.SIGINT)
        exit_code = server.wait(30)
        with pytest.raises(ProcessLookupError):
            os.killpg(server.pid, 0)
    if command[0] == "podium":
        assert exit_code == 0
        said = (guides_podium / "server.log").read_text()
        assert f"MLflow on http://127.0.0.1:{port}" in said
        assert "Traceback" not in said
