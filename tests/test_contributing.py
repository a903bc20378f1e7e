"""CONTRIBUTING's contestant, entered as the page says, gets the same of everything as those that ship."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
AFFINE = """
from dataclasses import dataclass

from podium.models.estimator import AffineModel
from podium_boosting import BoostingContestant


@dataclass(frozen=True)
class RidgeContestant(BoostingContestant):
    family = "Ridge"

    def fit(self, X, y):
        from sklearn.linear_model import Ridge

        return AffineModel(Ridge().fit(X, y))
"""


def blocks(language: str) -> list[str]:
    """The page's blocks in that language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def package(shell, tmp_path) -> Path:
    """The package that the page's first command writes, its files as the page prints them."""
    new, _ = blocks("sh")
    written = shell(tmp_path, *new.split())
    assert written.exit_code == 0, written.stderr
    folder = tmp_path / "podium-boosting"
    assert [(folder / "podium_boosting.py").read_text()] == blocks("python")
    assert [(folder / "pyproject.toml").read_text()] == blocks("toml")
    return folder


@pytest.fixture
def site(shell, package, tmp_path) -> dict[str, str]:
    """The package installed by the page's command, into a folder of its own rather than this environment."""
    _, install = blocks("sh")
    program, *words = shlex.split(install.replace("--editable .", "--quiet --target ../site ."))
    assert program == "python"
    installed = shell(package, sys.executable, *words)
    assert installed.exit_code == 0, installed.stderr
    return {"PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")])}


def test_a_new_contestant_is_admitted_and_takes_part(shell, package, site, tmp_path, few_rates):
    """Written, tested, listed, checked and trained as printed, it is ranked with the others; its option is checked."""
    rates = ("--source", f"csv:{few_rates}")
    tested = shell(package, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", **site)
    assert tested.exit_code == 0, tested.stdout
    listed = json.loads(shell(tmp_path, "podium", "contestants", "--json", **site).stdout)
    (boosting,) = [one for one in listed if one["family"] == "Boosting"]
    assert (boosting["package"], boosting["takes_part"]) == ("podium-boosting 1.0", False)
    assert [(o["name"], o["type"], o["range"], o["default"]) for o in boosting["options"]] == [
        ("trees", "integer", ">= 1, <= 1000", 30),
        ("learning_rate", "number", "> 0, <= 1", 0.05),
    ]
    assert shell(tmp_path, "podium", "ingest", *rates).exit_code == 0
    checked = shell(tmp_path, "podium", "contestants", "check", "Boosting", **site)
    assert (checked.exit_code, set(re.findall("^[a-z]+", checked.stdout, re.MULTILINE))) == (0, {"passed"})
    (command,) = re.findall(r"`(podium train --contestants \S*Boosting)`", PAGE)
    trained = shell(tmp_path, *command.replace("LinearRegression,ARIMA,LSTM", "LinearRegression").split(), **site)
    assert trained.exit_code == 0, trained.stderr
    ranked = shell(tmp_path, "podium", "evaluate", **site)
    assert ranked.exit_code == 0, ranked.stderr
    assert "EURUSD_Boosting" in ranked.stdout
    (tmp_path / "podium.toml").write_text('[options.Boosting]\ntrees = "many"\n')
    refused = shell(tmp_path, *command.split(), **site)
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "options.Boosting.trees" in refused.stderr


def test_who_comes_from_outside_gets_the_same_of_everything(shell, package, site, tmp_path, few_rates):
    """One that is affine has its ONNX graph, named columns, a place in the report and a title, as those that ship."""
    (tmp_path / "site" / "podium_ridge.py").write_text(AFFINE)
    (about,) = (tmp_path / "site").glob("podium_boosting-*.dist-info/entry_points.txt")
    about.write_text(about.read_text() + "Ridge = podium_ridge:RidgeContestant\n")
    who = ("--contestants", "Ridge,Boosting", "--workers", "2")
    ran = shell(tmp_path, "podium", "run", "--source", f"csv:{few_rates}", *who, **site)
    assert ran.exit_code == 0, ran.stderr
    assert "EURUSD_Ridge" in ran.stdout
    assert len(list((tmp_path / "mlruns").rglob("forecast.onnx"))) == 1
    for described in (tmp_path / "mlruns").rglob("MLmodel"):
        assert "ma_5" in described.read_text()
    reported = shell(tmp_path, "podium", "report", **site)
    assert reported.exit_code == 0, reported.stderr
    page = next(path for path in tmp_path.rglob("*.html") if "mlruns" not in path.parts).read_text(encoding="utf-8")
    assert page.count("Ridge") > 2
    assert page.count("Boosting") > 2
    said = json.loads(shell(tmp_path, "podium", "forecast", "--json", **site).stdout)
    assert "EURUSD_" in json.dumps(said)
