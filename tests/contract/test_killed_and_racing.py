"""Whatever a championship leaves behind when it is killed, or when two run at once, the next one mends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from podium.evaluate.metrics import score
from podium.evaluate.walkforward import scored_rows
from podium.pipeline.contest import evaluate
from podium.pipeline.prepare import ingest, load_table, preprocess
from podium.records import Forecasts
from podium.registry.log_items import example_rows
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings

SCENES = Path(__file__).with_name("scenes.py")
N_DAYS = 600
# Noise in each family's forecasts, in standard deviations of the returns: the less, the better it is.
FIRST = {"LinearRegression": 12, "ARIMA": 16, "LSTM": 20}
SECOND = {"LinearRegression": 11, "LSTM": 8}


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """The working directory, for fixtures that outlive a test."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def settings() -> Settings:
    """Everything in the working directory; by its full path, since a process keeps a database by its address open."""
    flags = {"developer": "tester", "source": "csv:rates.csv", "allow": ["other_level"]}
    return Settings.load(flags | {"tracking_uri": f"sqlite:///{Path.cwd() / 'mlflow.db'}"})


@pytest.fixture(scope="session")
def prepared(tmp_path_factory) -> Path:
    """A working directory with the series and its features, and nothing in MLflow."""
    folder = tmp_path_factory.mktemp("prepared")
    closes = 1.1 * np.exp(np.cumsum(np.random.default_rng(5).normal(0, 0.005, N_DAYS)))
    days = np.busday_offset("2024-01-01", np.arange(N_DAYS), roll="forward")
    lines = [f"{day},{close:.6f}" for day, close in zip(days, closes, strict=True)]
    (folder / "rates.csv").write_text("\n".join(["date,close", *lines]))
    with inside(folder):
        ingest(settings())
        preprocess(settings())
    return folder


def _log(noises: dict[str, int], make_result, context) -> None:
    """Record results whose forecasts know the future a little, and are scored as any others."""
    table = load_table(settings())
    days = scored_rows(table, settings().n_lags, settings().test_fraction)
    here = replace(context, table=table, scored_days=days.scored_days(table))
    scored = days.rows
    actual, chance = table.target[scored], np.random.default_rng(3).standard_normal(days.n_known - days.first_scored)
    chance -= actual * (chance @ actual) / (actual @ actual)  # nothing of the future in it, so less of it is better
    for family, noise in noises.items():
        forecast = (actual + noise * actual.std() * chance / chance.std()) / (1 + noise**2)
        forecasts = Forecasts(table.origins[scored], table.target_dates[scored], actual, forecast)
        result = make_result(family, given=table, forecasts=forecasts, metrics=score(actual, forecast))
        MlflowStore(settings()).log_run(result, here)


@pytest.fixture(scope="session")
def trained(prepared, tmp_path_factory, blank_database, make_result, context) -> Path:
    """A working directory after the first training: three runs, nothing registered."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copytree(prepared, folder, dirs_exist_ok=True)
    shutil.copyfile(blank_database, folder / "mlflow.db")
    with inside(folder):
        _log(FIRST, make_result, context)
    return folder


@pytest.fixture(scope="session")
def overtaken(trained, tmp_path_factory, make_result, context) -> Path:
    """A championship is over, and better runs have come since: every title is about to move."""
    folder = tmp_path_factory.mktemp("overtaken")
    shutil.copytree(trained, folder, dirs_exist_ok=True)
    with inside(folder):
        evaluate(settings())
        _log(SECOND, make_result, context)
    return folder


def play(scene: str, template: Path, out: Path) -> list[dict]:
    """Run one scene; what it prints, line by line."""
    command = [sys.executable, str(SCENES), scene, str(template), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    errors = [path.read_text() for path in out.rglob("error-*.txt")]
    assert not errors, errors[0]
    return [json.loads(line) for line in done.stdout.splitlines()]


def as_it_should_be(template: Path, out: Path, check_podium):
    """What an undisturbed evaluate makes of the template."""
    shutil.copytree(template, out)
    with inside(out):
        evaluate(settings())
        return check_podium(MlflowStore(settings()), Path("models"), example_rows(load_table(settings())))


def _shape(verdict) -> tuple:
    """What must agree; version numbers may skip one that a twin had."""
    holders = {alias: name for alias, (name, _) in verdict.aliases.items()}
    return holders, len(verdict.versions), verdict.pointer["run_id"]


@pytest.mark.parametrize("before", ["trained", "overtaken"])
def test_evaluate_killed_before_any_write_is_mended_by_the_next(before, request, tmp_path, check_podium):
    """SIGKILL before each write in turn: a champion leads meanwhile, and the next evaluate leaves what it should."""
    template = request.getfixturevalue(before)
    expected = as_it_should_be(template, tmp_path / "expected", check_podium)
    assert expected.champion[0] == {"trained": "EURUSD_LinearRegression", "overtaken": "EURUSD_LSTM"}[before]
    scenes = play("kill", template, tmp_path)
    assert len([scene for scene in scenes if scene["killed"]]) >= 8
    for scene in scenes:
        killed, mended = (tmp_path / f"{scene['write']:02d}-{state}" for state in ("killed", "mended"))
        with inside(killed):
            store = MlflowStore(settings())
            if before == "overtaken":
                store.load(store.champion().pinned_uri)  # somebody leads at every instant
            if Path("models/best_model_info.json").exists():
                json.loads(Path("models/best_model_info.json").read_text())
        assert scene["mended"], scene
        with inside(mended):
            verdict = check_podium(MlflowStore(settings()), Path("models"))
        assert _shape(verdict) == _shape(expected), scene


def test_two_evaluates_at_once_leave_one_championship(overtaken, tmp_path, check_podium):
    """Two processes that share a registry but no pointer: the same aliases, no version twice, no title twice."""
    expected = as_it_should_be(overtaken, tmp_path / "expected", check_podium)
    for scene in play("race", overtaken, tmp_path):
        assert scene["statuses"] == [0, 0]
        with inside(tmp_path / f"{scene['turn']:02d}"):
            for folder in ("models1", "models2"):
                verdict = check_podium(MlflowStore(settings()), Path(folder))
                assert _shape(verdict) == _shape(expected)
            assert len(MlflowStore(settings()).titles()) == 2


def test_six_first_runs_at_once_all_succeed(prepared, tmp_path):
    """On a directory without a database one process makes it while five wait; all six runs are completed."""
    (scene,) = play("train", prepared, tmp_path)
    assert scene["statuses"] == [0] * 6
    with inside(tmp_path / "six"):
        table = load_table(settings())
        window = scored_rows(table, settings().n_lags, settings().test_fraction).scored_days(table)
        assert len(MlflowStore(settings()).completed_runs(table.data_version, window)) == 6
