"""`import podium` in a notebook or a job: what it answers, and that it leaves the caller's process as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import podium
from podium.errors import SettingError

# A job without `if __name__ == "__main__"`, inside a running event loop, with an MLflow of its own under way.
JOB = """
import asyncio
import json
import logging
import os
import sys

import mlflow
from mlflow import MlflowClient
from sklearn.linear_model import LinearRegression

OURS = dict(source="csv:" + sys.argv[1], contestants=["LinearRegression", "ARIMA"], workers=int(sys.argv[2]))


def state():
    run = mlflow.active_run()
    kept = MlflowClient().get_run(run.info.run_id).data
    return {
        "addresses": [mlflow.get_tracking_uri(), mlflow.get_registry_uri()],
        "run": [run.info.run_id, dict(kept.params), dict(kept.metrics), dict(kept.tags)],
        "variables": {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")},
    }


async def main():
    import podium

    logging.getLogger("mlflow").setLevel("ERROR")  # it tells of its new database
    mlflow.set_tracking_uri("sqlite:///mine.db")
    mlflow.set_experiment("mine")
    mlflow.autolog(silent=True)
    with mlflow.start_run():
        before = state()
        judgement = podium.run(**OURS)
        again = podium.evaluate(**OURS)
        X = podium.features(podium.read_series(OURS["source"])).to_frame()
        forecasts = podium.load_champion().predict(X)
        told = podium.forecast(**OURS).to_frame()
        after = state()
    mine = MlflowClient().search_runs([mlflow.get_experiment_by_name("mine").experiment_id])
    mlflow.sklearn.autolog(silent=True)
    LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    logged = MlflowClient().search_runs([mlflow.get_experiment_by_name("mine").experiment_id])
    return {
        "same": before == after,
        "mine": [len(mine), len(logged)],
        "experiments": sorted(found.name for found in MlflowClient().search_experiments()),
        "finite": bool(abs(forecasts).max() < 1) and len(forecasts) == len(X),
        "champions": [judgement.champion, again.champion, podium.status(**OURS).champion.name],
        "rows": [len(judgement.to_frame()), len(told)],
    }


print(json.dumps(asyncio.run(main())))
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_job_with_an_mlflow_of_its_own_keeps_it(shell, tmp_path, few_rates, workers):
    """Addresses, active run, variables and autologging stay, nothing is printed, and the script runs once.

    Whether contestants learn in this process or in others.
    """
    (tmp_path / "job.py").write_text(JOB)
    ran = shell(tmp_path, "python", "job.py", str(few_rates), str(workers))
    assert (ran.exit_code, ran.stderr) == (0, ""), ran.stdout
    said = json.loads(ran.stdout)
    assert said["same"] is True
    assert said["mine"] == [1, 2]
    assert said["experiments"] == ["Default", "mine"]
    assert said["finite"] is True
    assert len(set(said["champions"])) == 1
    assert said["rows"] == [2, 1]
    assert (tmp_path / "models" / "best_model_info.json").exists()


def test_rooms_do_not_hide_the_functions():
    """`podium.evaluate` and `podium.features` stay functions when the rooms of the same names have been imported."""
    from podium.evaluate import metrics
    from podium.features import frame

    assert metrics.__name__ == "podium.evaluate.metrics"
    assert frame.__module__ == "podium.features"
    assert callable(podium.evaluate)
    assert callable(podium.features)


def test_everything_offered_is_there():
    """Each name of `__all__` can be had, and no other."""
    assert {name: getattr(podium, name, None) for name in podium.__all__ if getattr(podium, name, None) is None} == {}
    assert podium.__version__.count(".") == 2
    assert podium.Settings.__name__ == "Settings"
    with pytest.raises(AttributeError, match="no attribute 'champion'"):
        _ = podium.champion


def test_results_are_tables_in_a_notebook(championship, monkeypatch):
    """Status, judgement, series, features and forecasts show themselves as HTML tables."""
    monkeypatch.chdir(championship.folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{championship.folder / 'mlflow.db'}")
    status, series = podium.status(), podium.read_series()
    shown = [status, status.judgement, series, podium.features(series), podium.forecast([1])]
    assert all(value._repr_html_().count("<table") == 1 for value in shown)
    assert list(status.judgement.to_frame().index) == [row.family for row in status.judgement.ranking]
    assert list(podium.features(series, n_lags=6).to_frame()) == [*(f"lag_{age}" for age in range(6)), "ma_5"]
    assert series.to_frame()["close"].iloc[-1] == series.closes[-1]


def test_a_setting_that_does_not_exist_is_named(tmp_path: Path, monkeypatch):
    """As the verbs say it, before anything is done."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingError, match="lags_back"):
        podium.run(lags_back=3)
    assert list(tmp_path.iterdir()) == []
