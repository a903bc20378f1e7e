"""`podium alarm`: what is not over with what to do, and whether those who are to hear of it can be told."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from podium.alerts import Facts, raise_and_tell
from podium.ledger import Ledger
from podium.settings import Settings
from tests.support import HOST, free_port


@pytest.fixture(autouse=True)
def _here(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working directory, no proxy before loopback, no time between two tries."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)


def test_what_is_not_over_is_told_with_what_to_do(podium):
    """Severity, pair, name and since when; what was found; what to do. As JSON the same."""
    with closing(Ledger.open("data/ledger.db")) as ledger:
        facts = Facts(pair="EURUSD", day=date(2026, 10, 30), late="no rate of 2026-10-29 yet", free=0.01)
        raise_and_tell(Settings(), ledger, facts, datetime(2026, 10, 30, 18, 5, tzinfo=UTC))
    assert podium("alarm").out.splitlines() == [
        "warning: EURUSD rates-late, since 2026-10-30 18:05 UTC, told to nobody",
        "    no rate of 2026-10-29 yet",
        "    see whether the source has it; `podium daily` again then",
        "critical: all pairs disk-nearly-full, since 2026-10-30 18:05 UTC, told to nobody",
        "    1.0% of the disk is free",
        "    `podium prune --keep DAYS` frees some; else a larger disk",
    ]
    first, _ = podium("alarm", "list", "--json").json
    assert first["alarm"]["name"] == "rates-late"
    assert (first["first_at"], first["told_at"]) == ("2026-10-30T18:05:00+00:00", None)


def test_nothing_is_wrong(podium):
    """An empty list says so."""
    Ledger.open("data/ledger.db").close()
    said = podium("alarm")
    assert (said.exit_code, said.out) == (0, "no alarm\n")
    assert podium("alarm", "--json").json == []


def test_a_registry_that_is_away_is_an_alarm(podium):
    """`podium daily` of all pairs, none of which can be asked for: exit code 6, and it is told."""
    assert podium("daily", "--tracking-uri", f"http://{HOST}:{free_port()}").exit_code == 6
    (one,) = podium("alarm", "--json").json
    assert one["alarm"]["name"] == "registry-unreachable"


def test_a_ledger_that_is_away_too_is_told_first(podium):
    """Neither registry nor ledger answers: exit code 6 as for the registry alone, and the ledger is told of at once."""
    port = free_port()
    away = ("--tracking-uri", f"http://{HOST}:{port}", "--ledger-address", f"postgresql://{HOST}:{port}/x")
    assert podium("daily", *away).exit_code == 6
    (one,) = podium("alarm", "--ledger-address", "data/alarms.db", "--json").json
    assert one["alarm"]["name"] == "ledger-unreachable"


def test_the_test_says_who_took_it(podium, httpserver: HTTPServer, monkeypatch):
    """Each channel by name; exit code 1 where one did not take it, and no secret in what is said."""
    httpserver.expect_request("/hunter22").respond_with_data("")
    monkeypatch.setenv("PODIUM_ALERTS_WEBHOOK", httpserver.url_for("/hunter22"))
    said = podium("alarm", "test")
    assert (said.exit_code, said.out) == (0, "webhook: took it\n")
    address = f"json://user:hunter22@{HOST}:{free_port()}/"
    monkeypatch.setenv("PODIUM_ALERTS_CHANNELS", address)
    said = podium("alarm", "test")
    assert said.exit_code == 1
    assert said.out.startswith("json:")
    assert said.out.endswith("webhook: took it\n")
    assert "hunter22" not in said.out + said.err


def test_an_address_of_no_service_is_one_line(podium, monkeypatch):
    """The setting and the place in it, exit code 2."""
    monkeypatch.setenv("PODIUM_ALERTS_CHANNELS", "nosuch://hunter22")
    said = podium("alarm", "test")
    assert said.exit_code == 2
    assert "setting alerts.channels, address 1 (nosuch://***)" in said.err
    assert "hunter22" not in said.err
