"""What a person sees of a championship in MLflow's own pages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import HOST, body, free_port, running, shell_environment

pytestmark = [pytest.mark.browser, pytest.mark.tensorflow]

# MLflow opens with its pages for language models and hides the registry behind an advertisement.
SETTLED = """
localStorage.setItem('mlflow.workflowType_v1', '"machine_learning"');
localStorage.setItem('_mlflow_model_registry_promo_modal_dismissed_v1', 'true');
localStorage.setItem('mlflow.assistant.panelOpen_v1', 'false');
localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true');
"""
PATIENCE = 60_000  # milliseconds


@pytest.fixture(scope="module")
def mlflow_ui(championship, tmp_path_factory) -> Iterator[str]:
    """The guide's command, on a free port, where the championship was run."""
    port = free_port()
    command = ["mlflow", "ui", "--backend-store-uri", f"sqlite:///{championship.folder / 'mlflow.db'}"]
    quiet = {"PYTHONWARNINGS": "ignore", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    address, folder = f"http://{HOST}:{port}", tmp_path_factory.mktemp("ui")
    command += ["--port", str(port), "--workers", "1"]
    with running(command, lambda: body(f"{address}/health"), folder, shell_environment(**quiet)):
        yield address


@pytest.fixture
def page(chromium, mlflow_ui):
    """A wide page, so that the table of runs shows its metrics."""
    context = chromium.new_context(viewport={"width": 2200, "height": 640})
    context.add_init_script(SETTLED)
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE)
    yield opened
    context.close()


def test_the_experiment_shows_three_runs_with_their_metrics(page, mlflow_ui):
    """The runs page lists one run a contestant, each with rmse, mae and directional accuracy."""
    page.goto(f"{mlflow_ui}/#/experiments/1/runs")
    for family in ("LinearRegression", "ARIMA", "LSTM"):
        page.get_by_role("link", name=f"{family} ecb-").first.wait_for()
    assert "3 matching runs" in page.inner_text("body")
    _keep(page, "runs.png")
    page.get_by_role("link", name="LSTM ecb-").first.click()
    page.get_by_text("directional_accuracy").first.wait_for()
    shown = page.inner_text("body")
    assert {"rmse", "mae", "directional_accuracy", "status"} <= set(shown.split())
    _keep(page, "run.png")


def test_the_registry_shows_three_models_with_their_aliases(page, mlflow_ui):
    """The models page lists EURUSD_LinearRegression, EURUSD_ARIMA and EURUSD_LSTM, and each alias once."""
    page.goto(f"{mlflow_ui}/#/models")
    for family in ("LinearRegression", "ARIMA", "LSTM"):
        page.get_by_role("link", name=f"EURUSD_{family}", exact=True).wait_for()
    page.get_by_text("@ champion").first.wait_for()
    shown = " ".join(page.inner_text("body").split())
    assert [shown.count(f"@ {alias} :") for alias in ("champion", "challenger", "candidate")] == [1, 1, 1]
    page.set_viewport_size({"width": 1200, "height": 400})
    _keep(page, "models.png")


def _keep(page, name: str) -> None:
    """Keep a picture where PODIUM_TEST_SCREENSHOTS says, for people to look at."""
    folder = os.environ.get("PODIUM_TEST_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / name)
