"""What the release 0.1.0 left in a folder goes on under this one: it opens, evaluates, serves, settles, reports.

`fixtures/release-0.1.0.tar.xz` was made by that release: three contestants on 690 days of the ECB's EUR/USD,
`podium serve --split champion=60,challenger=40 --shadow` asked at six origins, and `podium settle` five days later.
`newer.csv` holds those days and ten more. The pictures of the runs are left out.
"""

from __future__ import annotations

import json
import signal
import tarfile
from pathlib import Path

import pytest

from tests.support import HOST, body, free_port, running

ARCHIVE = Path(__file__).parent / "fixtures" / "release-0.1.0.tar.xz"
ITS_FOLDER = "/srv/podium"  # where it was written; MLflow keeps full paths


@pytest.fixture
def folder(readdress, tmp_path) -> Path:
    """The release's folder, as if it had been written here."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    readdress(folder / "mlflow.db", ITS_FOLDER, str(folder))
    (folder / "podium.toml").write_text('source = "csv:newer.csv"\ntest_fraction = 0.3\n')  # as it was run
    return folder


@pytest.fixture
def podium(shell, folder):
    """`podium("status")`: a verb in that folder that must end well; what it prints."""

    def run(*words: str) -> str:
        ran = shell(folder, "podium", *words)
        assert (ran.exit_code, ran.stderr) == (0, ""), ran.stdout
        return ran.stdout

    return run


def test_it_opens(podium):
    """Champion, aliases, title, verdict and every figure of the ranking are read as that release wrote them."""
    told = json.loads(podium("status", "--json"))
    assert (told["champion"], told["champion_version"], told["verdict"]) == ("EURUSD_LSTM", 1, "unproven")
    assert told["aliases"]["challenger"] == ["models:/EURUSD_ARIMA/1"]
    assert told["pointer_agrees"] is True
    text = podium("status")
    assert "on data up to 2026-05-29, by" in text
    assert "LSTM              1.0007  -0.13%      46.1%  0.547  0.261  0.759" in text
    assert "EURUSD_LSTM" in podium("history")
    assert json.loads(podium("forecast", "--json"))["origin"] == "2026-05-29"


def test_it_is_evaluated_again(podium, folder):
    """On the same series the champion stays and no version is made; on newer rates the next championship is held."""
    before = json.loads((folder / "models" / "best_model_info.json").read_text())
    podium("evaluate")
    after = json.loads((folder / "models" / "best_model_info.json").read_text())
    assert after["pinned_uri"] == before["pinned_uri"] == "models:/EURUSD_LSTM/1"
    assert after["metrics"] == before["metrics"]
    podium("ingest")
    podium("preprocess")
    podium("train", "--contestants", "LinearRegression,ARIMA")
    podium("evaluate")
    held = json.loads(podium("status", "--json"))["aliases"]
    assert set(held["champion"] + held["challenger"]) == {"models:/EURUSD_ARIMA/2", "models:/EURUSD_LinearRegression/2"}


@pytest.mark.servers
def test_it_serves_and_settles(podium, shell, folder, environment):
    """The champion answers, its ledger takes the forecast, and what was waiting is settled beside what already was.

    All of it was made months after its days, and is compared with nothing.
    """
    podium("ingest")
    podium("preprocess")
    port = free_port()
    address = f"http://{HOST}:{port}"
    command = ["podium", "serve", "--port", str(port), "--shadow"]
    with running(command, lambda: body(f"{address}/ping"), folder, environment) as server:
        answer = json.loads(body(f"{address}/v1/forecast/EURUSD"))
        server.send_signal(signal.SIGINT)
        server.wait(60)
    assert (answer["origin"], answer["model"]) == ("2026-06-12", "EURUSD_LSTM")
    settled = json.loads(podium("settle", "--json"))
    assert settled["new"] == 1
    assert settled["unchanged"] == 5
    assert settled["waiting"] == 1
    lines = [json.loads(line) for line in podium("ledger").splitlines()]
    assert len(lines) == 18 * 3 + 3
    assert {line["origin"] for line in lines if line["actual"] is None} == {"2026-06-12"}
    assert "made after its day's rate was set" in shell(folder, "podium", "ab").stderr


def test_it_is_reported(podium, folder):
    """One page, from what that release recorded."""
    podium("report")
    (page,) = (folder / "reports").glob("*.html")
    assert "EURUSD_LSTM" in page.read_text(encoding="utf-8")
