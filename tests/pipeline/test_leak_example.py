"""The demonstration in examples/leak, run as a reader would: installed, on its own series, from the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "leak"
PODIUM = "import sys; from podium.cli.verbs import main; main(sys.argv[1:])"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The example's package, built into a wheel and laid out as an installer does."""
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(EXAMPLE, folder / "source", ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    build = "import setuptools.build_meta as backend; backend.build_wheel('..')"
    subprocess.run([sys.executable, "-c", build], cwd=folder / "source", check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


@pytest.mark.parametrize(("words", "verdict"), [((), "leak"), (("--honest",), "unproven")])
def test_the_leak_is_refused_and_the_honest_file_is_not(settings, site, words, verdict):
    """High and low of the next day: exit code 3, the columns named, no champion. Of the same day: nothing special."""
    environment = {**os.environ, "PYTHONPATH": str(site), "MLFLOW_TRACKING_URI": settings.tracking_uri}

    def python(*arguments):
        return subprocess.run(
            [sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=300, check=False
        )

    assert python(str(EXAMPLE / "make_series.py"), "rates.csv", *words).returncode == 0
    flags = ("--source", "csv:rates.csv", "--contestants", "LinearRegression,HighLow", "--workers", "1", "--json")
    ran = python("-c", PODIUM, "run", *flags)
    told = json.loads(ran.stdout)
    assert told["verdict"] == verdict, ran.stderr
    leader = told["ranking"][0]
    if verdict == "leak":
        assert ran.returncode == 3
        assert (told["champion"], leader["family"]) == (None, "HighLow")
        assert leader["skill"]["directional_accuracy"] == pytest.approx(0.82, abs=0.02)  # as in real files of this kind
        assert "columns to suspect: high_log_ratio (correlation +0.79), low_log_ratio" in told["leaks"][0]["message"]
        assert not Path("models/best_model_info.json").exists()
    else:
        assert (ran.returncode, told["leaks"]) == (0, [])
        assert told["champion"] is not None
