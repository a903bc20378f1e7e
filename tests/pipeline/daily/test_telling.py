"""What the routine tells people, and how often."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from podium.alerts.channels import Webhook
from podium.pipeline.day import DONE
from podium.pipeline.telling import changes
from podium.registry.history import Title
from podium.settings import AlertSettings
from tests.pipeline.daily.desk import N_KNOWN


def test_the_message_of_the_day_goes_to_channels_once(desk, monkeypatch):
    """Where it is wanted each day's message is told once, later where a channel was down, which stops no day."""
    taken, answers = [], ["it is away"]

    def send(self: Webhook, events: Any) -> str:
        why = answers.pop() if answers else ""
        taken.extend(event for event in events if not why)
        return why

    monkeypatch.setattr(Webhook, "send", send)
    wanted = AlertSettings(webhook="https://example.org/hook", message=True)
    desk.settings = desk.settings.model_copy(update={"alerts": wanted})
    (down,) = desk.day(N_KNOWN + 1)
    assert (down.result, taken) == (DONE, [])
    desk.day(N_KNOWN + 1)
    desk.day(N_KNOWN + 2)
    told = [event for event in taken if event.alarm.name == "message-of-the-day"]
    assert [event.alarm.key for event in told] == [str(day) for day in desk.rates.dates[N_KNOWN : N_KNOWN + 2]]
    assert told[0].line.splitlines()[0].startswith(told[0].alarm.found.splitlines()[0])
    desk.settings = desk.settings.model_copy(update={"alerts": wanted.model_copy(update={"message": False})})
    desk.day(N_KNOWN + 3)
    assert [event for event in taken if event.alarm.name == "message-of-the-day"] == told


def test_only_changes_of_champion_are_told():
    """A renewal, a proposal, a pin, and what is older are none."""
    entry = Title(
        at="2026-10-20T10:00:00.000000Z", alias="champion", name="EURUSD_LSTM", version=2, run_id="r",
        previous="models:/EURUSD_ARIMA/1", why="better", verdict="promoted", data_version=None, by="ann",
    )  # fmt: skip
    others = (
        replace(entry, previous="models:/EURUSD_LSTM/1"),
        replace(entry, alias="proposal", verdict="proposed"),
        replace(entry, previous="models:/EURUSD_LSTM/2"),
        replace(entry, at="2026-10-19T10:00:00.000000Z"),
    )
    since = datetime(2026, 10, 20, tzinfo=UTC)
    (told,) = changes((entry, *others), since)
    assert (told.previous, told.pinned_uri) == ("models:/EURUSD_ARIMA/1", "models:/EURUSD_LSTM/2")
    assert changes((entry,), None) == ()
