"""Prometheus's own tool holds the rules: each alert fires on its planted fault, and none on a healthy day."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from podium.alerts.gauges import Run, figures
from podium.alerts.rules import Facts
from podium.serve.web.telemetry import Telemetry

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
DASHBOARD = DEPLOY / "grafana" / "podium.json"

HEALTHY = {
    'podium_daily_last_run_timestamp_seconds{pair="EURUSD"}': "0",
    'podium_daily_last_success_timestamp_seconds{pair="EURUSD"}': "0",
    'podium_daily_rates_timestamp_seconds{pair="EURUSD"}': "0",
    'podium_daily_result{pair="EURUSD",result="done"}': "1",
    'podium_daily_verdict{pair="EURUSD",verdict="held"}': "1",
    'podium_alarm{pair="EURUSD",name="rates-late",severity="warning"}': "0",
    'up{job="podium",instance="a"}': "1",
    'podium_problems{instance="a"}': "0",
    'podium_requests_total{instance="a",status="200"}': "0+60",
    'podium_requests_total{instance="a",status="503"}': "0+1",
    'podium_ledger_failures_total{instance="a"}': "0",
    'podium_registry_age_seconds{instance="a"}': "2",
    'podium_swap_failures{instance="a",pair="EURUSD"}': "0",
}
"""Values a minute of every series; that of a timestamp began at 0."""

FAULTS: dict[str, tuple[str, dict[str, str]]] = {
    "PodiumDailyMissing": ("27h", {}),
    "PodiumDailyNeverRan": ("2h", {'podium_daily_last_run_timestamp_seconds{pair="EURUSD"}': ""}),
    "PodiumDailyFailed": ("1h", {'podium_daily_result{pair="EURUSD",result="failed"}': "1"}),
    "PodiumNeedsAPerson": ("1h", {'podium_daily_verdict{pair="EURUSD",verdict="amber"}': "1"}),
    "PodiumRatesOld": ("150h", {'podium_daily_last_success_timestamp_seconds{pair="EURUSD"}': "0+60"}),
    "PodiumAlarm": ("1h", {'podium_alarm{pair="EURUSD",name="rates-late",severity="warning"}': "1"}),
    "PodiumServingDown": ("1h", {'up{job="podium",instance="a"}': "0"}),
    "PodiumServingProblems": ("1h", {'podium_problems{instance="a"}': "2"}),
    "PodiumServingErrors": ("1h", {'podium_requests_total{instance="a",status="503"}': "0+10"}),
    "PodiumLedgerFailures": ("1h", {'podium_ledger_failures_total{instance="a"}': "0+1"}),
    "PodiumRegistryUnread": ("1h", {'podium_registry_age_seconds{instance="a"}': "400"}),
    "PodiumSwapFailed": ("1h", {'podium_swap_failures{instance="a",pair="EURUSD"}': "0+1"}),
}
"""When it is looked, and what is another then; a series without values is not there."""

FIRING = 'count by (alertname) (ALERTS{alertstate="firing"})'


@pytest.fixture(scope="module")
def promtool() -> str:
    """The tool of Debian's package prometheus, or where PODIUM_TEST_PROMTOOL says."""
    found = os.environ.get("PODIUM_TEST_PROMTOOL") or shutil.which("promtool")
    if found is None:
        pytest.skip("there is no promtool here; PODIUM_TEST_PROMTOOL names it")
    return found


def planted(name: str, at: str, change: dict[str, str], firing: list[str]) -> dict[str, object]:
    """A test as promtool reads it: exactly these alerts fire at that time."""
    minutes = int(at.removesuffix("h")) * 60 + 5
    series = {key: values for key, values in {**HEALTHY, **change}.items() if values}
    samples = [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in firing]
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": key, "values": f"{values}x{minutes}"} for key, values in series.items()],
        "promql_expr_test": [{"expr": FIRING, "eval_time": at, "exp_samples": samples}],
    }


def test_each_alert_fires_on_its_fault_and_none_on_a_healthy_day(promtool: str, tmp_path: Path):
    """Every rule has its fault, and a fault fires its own alert alone."""
    tests = [planted("a healthy day", "1h", {}, [])]
    tests += [planted(alert, at, change, [alert]) for alert, (at, change) in FAULTS.items()]
    whole = {"rule_files": [str(RULES)], "evaluation_interval": "5m", "tests": tests}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(whole))
    config = ["check", "config", "--syntax-only", RULES.with_name("prometheus.yml")]
    for command in (config, ["check", "rules", RULES], ["test", "rules", tmp_path / "tests.yml"]):
        done = subprocess.run([promtool, *map(str, command)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_its_planted_fault_and_says_what_to_do():
    """A new alert needs a fault here, a severity, and two sentences."""
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    assert [rule["alert"] for rule in rules] == list(FAULTS)
    assert [rule["alert"] for rule in rules if {"summary", "action"} - rule["annotations"].keys()] == []
    assert [rule["alert"] for rule in rules if "severity" not in rule["labels"]] == []


def test_rules_and_dashboard_ask_only_for_what_is_measured():
    """Every name in an expression is a metric of the server or of the daily run, or of Prometheus itself."""
    from datetime import UTC, date, datetime

    day = Facts(pair="EURUSD", day=date(2026, 10, 30), verdict="held", hits={0.8: {date(2026, 10, 30): True}})
    now = datetime(2026, 10, 30, tzinfo=UTC)
    daily = figures(day, Run(result="done", succeeded=True, newest=now.date()), [], now, now)
    measured = {"up"} | {
        name
        for family in [*daily.collect(), *Telemetry().registry.collect()]
        for name in (family.name, f"{family.name}_total", f"{family.name}_bucket")
    }
    rules = [rule["expr"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    page = json.loads(DASHBOARD.read_text())
    panels = [target["expr"] for panel in page["panels"] for target in panel["targets"]]
    choices = [one["query"]["query"] for one in page["templating"]["list"] if one["type"] == "query"]
    asked = set(re.findall(r"\b(?:podium_\w+|up)\b", " ".join(rules + panels + choices)))
    assert len(asked) > 15
    assert asked - measured == set()
