"""The figures of a daily run, for Prometheus: written, pushed, and never in the way."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pytest_httpserver import HTTPServer

from podium.alerts import Alarm, Facts, Run, Standing, publish
from podium.settings import AlertSettings

NOW = datetime(2026, 10, 30, 18, tzinfo=UTC)
FACTS = Facts(
    pair="EURUSD",
    day=NOW.date(),
    verdict="held",
    hits={0.8: {date(2026, 1, 1) + timedelta(days=n): n % 4 > 0 for n in range(300)}},
)
RUN = Run(result="done", succeeded=True, seconds={"rates": 0.2, "judge": 1.5}, newest=date(2026, 10, 29))
LATE = Standing("a", Alarm("rates-late", "EURUSD", "warning", "no rate", "wait"), NOW, NOW, None)


def read(text: str) -> dict[tuple[str, ...], float]:
    """Value by name and labels other than the pair."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            assert sample.labels["pair"] == "EURUSD"
            rest = [value for name, value in sorted(sample.labels.items()) if name != "pair"]
            found[(sample.name, *rest)] = sample.value
    return found


def test_a_run_is_a_file(tmp_path: Path):
    """Result, seconds by step, verdict, coverage, newest rate, and each alarm as 0 or 1."""
    assert publish(AlertSettings(metrics_dir=tmp_path / "node"), FACTS, RUN, [LATE], NOW) == []
    (file,) = (tmp_path / "node").iterdir()
    assert file.name == "podium_daily_EURUSD.prom"
    found = read(file.read_text())
    assert found["podium_daily_last_success_timestamp_seconds",] == NOW.timestamp()
    assert found["podium_daily_result", "done"] == 1
    assert (found["podium_daily_step_seconds", "rates"], found["podium_daily_step_seconds", "judge"]) == (0.2, 1.5)
    assert found["podium_daily_rates_timestamp_seconds",] == datetime(2026, 10, 29, tzinfo=UTC).timestamp()
    assert found["podium_daily_verdict", "held"] == 1
    assert found["podium_daily_coverage", "0.8"] == pytest.approx(0.75, abs=0.004)
    assert found["podium_alarm", "rates-late", "warning"] == 1
    assert found["podium_alarm", "coverage-off", "warning"] == 0


def test_a_run_that_fails_keeps_the_last_success(tmp_path: Path):
    """What the file said before stays; where there is no file, nothing is said."""
    settings, failed = AlertSettings(metrics_dir=tmp_path), Run(result="failed", succeeded=False)
    file = tmp_path / "podium_daily_EURUSD.prom"
    publish(settings, FACTS, failed, [], NOW)
    assert ("podium_daily_last_success_timestamp_seconds",) not in read(file.read_text())
    publish(settings, FACTS, RUN, [], NOW)
    publish(settings, FACTS, failed, [], NOW + timedelta(days=1))
    found = read(file.read_text())
    assert found["podium_daily_last_success_timestamp_seconds",] == NOW.timestamp()
    assert found["podium_daily_last_run_timestamp_seconds",] == (NOW + timedelta(days=1)).timestamp()
    assert ("podium_daily_result", "done") not in found


def test_a_run_is_pushed(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch):
    """By POST, under the job and the pair, so that a failed run leaves the last success where it is."""
    monkeypatch.setenv("NO_PROXY", "*")
    httpserver.expect_request("/metrics/job/podium_daily/pair/EURUSD", method="POST").respond_with_data("", 202)
    settings = AlertSettings(pushgateway=httpserver.url_for("/"))
    assert publish(settings, FACTS, Run(result="failed", succeeded=False), [LATE], NOW) == []
    found = read(httpserver.log[0][0].get_data(as_text=True))
    assert found["podium_alarm", "rates-late", "warning"] == 1
    assert ("podium_daily_last_success_timestamp_seconds",) not in found


def test_places_that_take_nothing_are_told_and_stop_nothing(tmp_path: Path, httpserver: HTTPServer, monkeypatch):
    """A file in place of the folder and a gateway that refuses: a line each."""
    monkeypatch.setenv("NO_PROXY", "*")
    (tmp_path / "file").touch()
    httpserver.expect_request("/metrics/job/podium_daily/pair/EURUSD").respond_with_data("", 400)
    settings = AlertSettings(metrics_dir=tmp_path / "file" / "x", pushgateway=httpserver.url_for("/"))
    folder, gateway = publish(settings, FACTS, RUN, [], NOW)
    assert "cannot be written (Not a directory)" in folder
    assert gateway == "the Pushgateway did not take the figures (HTTPError)"
