"""Channels: what is sent, how it is signed, and what happens while nobody answers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from datetime import UTC, datetime

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from podium.alerts import try_channels
from podium.alerts.channels import Event, Webhook, channels_of, tell
from podium.alerts.rules import Alarm
from podium.errors import SettingError
from podium.settings import AlertSettings, Settings
from tests.support import free_port

NOW = datetime(2026, 10, 30, 18, tzinfo=UTC)
ALARM = Alarm("rates-late", "EURUSD", "warning", "no rate of 2026-10-29 yet", "see whether the source has it")
RAISED = Event("a-raised", "raised", ALARM, NOW, NOW)
SECRET = "whsec_" + base64.b64encode(b"between us").decode()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time between two tries, and no proxy before loopback."""
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)
    monkeypatch.setenv("NO_PROXY", "*")


def test_a_webhook_gets_a_signed_document(httpserver: HTTPServer):
    """The body is the alarm; whoever knows the secret finds the same signature over id, time and body."""
    httpserver.expect_request("/hook", method="POST").respond_with_data("")
    assert Webhook(httpserver.url_for("/hook"), SECRET).send([RAISED]) == ""
    request, _ = httpserver.log[0]
    body = request.get_data()
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(b"between us", signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{expected}"
    (event,) = json.loads(body)["events"]
    assert (event["name"], event["state"], event["pair"]) == ("rates-late", "raised", "EURUSD")


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        ([503, 429, 204], ""),
        ([500, 500, 500], "it answered 500"),
        ([404], "it answered 404"),
        ([302], "it answered 302"),
    ],
)
def test_a_busy_receiver_is_asked_again_and_one_that_refuses_is_not(httpserver: HTTPServer, statuses, said):
    """Up to three tries with the same id; a refusal or a redirection is the answer."""
    for status in statuses:
        httpserver.expect_ordered_request("/hook").respond_with_response(Response("", status, {"Location": "/else"}))
    assert Webhook(httpserver.url_for("/hook"), SECRET).send([RAISED]) == said
    assert len({request.headers["webhook-id"] for request, _ in httpserver.log}) == 1
    assert len(httpserver.log) == len(statuses)


def test_a_receiver_that_is_away_is_a_line(monkeypatch):
    """A closed port: the reason, no exception, and no address in it."""
    hook = Webhook(f"http://127.0.0.1:{free_port()}/secret-path", None)
    assert hook.send([RAISED]) == "it cannot be reached (ConnectionError)"


def test_apprise_takes_the_message(httpserver: HTTPServer):
    """An address of apprise gets title and lines; a port where nobody listens is that channel's failure alone."""
    httpserver.expect_request("/notify", method="POST").respond_with_data("")
    up = f"json://127.0.0.1:{httpserver.port}/notify"
    down = f"json://user:hunter22@127.0.0.1:{free_port()}/notify"
    channels = channels_of(AlertSettings(channels=(up, down)))
    failures = tell({channel: [RAISED] for channel in channels})
    assert failures == {channels[1].name: "A Connection error occurred sending JSON notification to 127.0.0.1."}
    sent = httpserver.log[0][0].get_json()
    assert sent["title"] == "Podium: EURUSD rates-late"
    assert sent["message"].startswith("warning: EURUSD rates-late: no rate of 2026-10-29 yet. What to do: see")


def test_a_channel_that_never_answers_is_given_up(monkeypatch):
    """The wait for all of them together is bounded."""
    monkeypatch.setattr("podium.alerts.channels.PATIENCE_S", 0.05)
    over = threading.Event()

    class Silent(Webhook):
        def send(self, events):
            over.wait()
            return ""

    assert tell({Silent("http://127.0.0.1", None): [RAISED]}) == {"webhook": "no answer within 0 s"}
    over.set()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"channels": "nonsense"}, "setting alerts.channels.* = \\*\\*\\*: an address such as mailto://"),
        (
            {"webhook": "http://example.org/secret"},
            "setting alerts.webhook = \\*\\*\\*: an address that begins with https",
        ),
    ],
)
def test_an_address_that_does_not_parse_is_one_line(given, words):
    """The setting is named, and the secret is not."""
    with pytest.raises(SettingError, match=f"^{words}"):
        Settings.load({"alerts": given})


def test_an_address_of_no_service_is_one_line():
    """Apprise knows no such service: its place in the list, its scheme, and no more of it."""
    with pytest.raises(SettingError, match=r"address 2 \(nosuch://\*\*\*\)"):
        channels_of(AlertSettings(channels=("json://localhost", "nosuch://hunter22@host")))


def test_a_test_message_says_who_took_it(httpserver: HTTPServer):
    """Every channel is asked, and each has its answer."""
    httpserver.expect_request("/hook").respond_with_data("")
    address = f"json://127.0.0.1:{free_port()}/"
    settings = Settings(alerts=AlertSettings(channels=(address,), webhook=httpserver.url_for("/hook")))
    found = try_channels(settings, NOW)
    assert found["webhook"] == ""
    assert len(found) == 2
    assert sum(map(bool, found.values())) == 1
    assert httpserver.log[0][0].get_json()["events"][0]["state"] == "test"
