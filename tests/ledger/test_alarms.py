"""Each alarm is told once, and once more when it is over, whatever happens in between; on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from podium import alerts
from podium.alerts import Facts, raise_and_tell, standing
from podium.alerts.channels import Channel, Event
from podium.alerts.owed import claim
from podium.errors import LedgerError
from podium.ledger import Ledger
from podium.ledger.retention import prune
from podium.ledger.schema import alarms as alarms_table
from podium.registry.history import Title
from podium.settings import Settings

NOW = datetime(2026, 10, 30, 18, tzinfo=UTC)
DAY = timedelta(days=1)


class Heard(Channel):
    """A channel that remembers, and can be down."""

    def __init__(self, name: str) -> None:
        self.name, self.lines, self.down, self.asked = name, list[str](), "", 0

    def send(self, events: list[Event]) -> str:
        self.asked += 1
        self.lines += [] if self.down else [f"{event.alarm.name} {event.state}" for event in events]
        return self.down


@pytest.fixture
def channels(monkeypatch: pytest.MonkeyPatch) -> tuple[Heard, Heard]:
    """Two channels in place of those that settings name."""
    found = Heard("mail"), Heard("chat")
    monkeypatch.setattr(alerts, "channels_of", lambda settings: list(found))
    return found


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A data folder of its own."""
    return Settings(data_dir=tmp_path / "data")


def given_title(at: str) -> Title:
    """A change of champion at that moment."""
    return Title(at, "champion", "EURUSD_LSTM", 1, "r", "", "lowest RMSE", "new", None, "ann")


def facts(**changes: object) -> Facts:
    """A day on which all is well, with the fields given changed."""
    well = {"late": "", "verdict": "held", "failure": "", "missing": (), "free": 0.5, "registry": ""}
    return Facts(pair="EURUSD", day=date(2026, 10, 30), **{**well, **changes})  # type: ignore[arg-type]


def test_an_alarm_is_told_once_and_once_more_when_it_is_over(ledger, settings, channels):
    """Ten runs while the rates are late tell it once; the run after tells that it is over; then silence."""
    mail, chat = channels
    for minutes in range(10):
        told = raise_and_tell(settings, ledger, facts(late="no rate"), NOW + timedelta(minutes=minutes))
        assert [alarm.name for alarm in told.new] == (["rates-late"] if minutes == 0 else [])
    assert [one.first_at for one in standing(ledger)] == [NOW]
    for hours in (1, 2):
        told = raise_and_tell(settings, ledger, facts(), NOW + timedelta(hours=hours))
        assert [alarm.name for alarm in told.over] == (["rates-late"] if hours == 1 else [])
    assert mail.lines == chat.lines == ["rates-late raised", "rates-late over"]
    assert standing(ledger) == []


def test_an_alarm_that_comes_back_is_told_again(ledger, settings, channels):
    """Late, in time, late: two alarms, each with its own first time."""
    for day, late in enumerate(("no rate", "", "no rate")):
        raise_and_tell(settings, ledger, facts(late=late), NOW + day * DAY)
    assert channels[0].lines == ["rates-late raised", "rates-late over", "rates-late raised"]
    assert [one.first_at for one in standing(ledger)] == [NOW + 2 * DAY]


def test_what_is_not_known_is_neither_raised_nor_over(ledger, settings, channels):
    """A run that fails before it knows the verdict leaves the alarm of the verdict as it is."""
    raise_and_tell(settings, ledger, facts(verdict="leak"), NOW)
    raise_and_tell(settings, ledger, facts(verdict=None, failure="no memory"), NOW + DAY)
    assert [one.alarm.name for one in standing(ledger)] == ["verdict-leak", "daily-failed"]


def test_one_pair_says_nothing_of_another(ledger, settings, channels):
    """Each pair has its own alarms; what concerns all is raised once, whichever pair's run finds it."""
    raise_and_tell(settings, ledger, facts(late="no rate", free=0.01), NOW)
    other = Facts(pair="GBPJPY", day=date(2026, 10, 30), late="", free=0.01)
    assert raise_and_tell(settings, ledger, other, NOW).new == ()
    assert [(one.alarm.name, one.alarm.pair) for one in standing(ledger)] == [
        ("rates-late", "EURUSD"),
        ("disk-nearly-full", ""),
    ]
    assert [one.alarm.name for one in standing(ledger, "GBPJPY")] == ["disk-nearly-full"]


def test_a_title_is_told_once_and_is_never_over(ledger, settings, channels):
    """The same change found twice is one event; another change is another one."""
    change = given_title("2026-10-29T07:00:00Z")
    for _ in range(2):
        raise_and_tell(settings, ledger, facts(titles=(change,)), NOW)
    raise_and_tell(settings, ledger, facts(), NOW + DAY)
    raise_and_tell(settings, ledger, facts(titles=(given_title("2026-10-30T07:00:00Z"),)), NOW + DAY)
    assert channels[0].lines == ["title-changed raised", "title-changed raised"]
    assert standing(ledger) == []


def test_what_a_channel_missed_it_hears_when_it_is_back(ledger, settings, channels):
    """The other channel hears at once, also that this one is down; later this one hears all of it, once."""
    mail, chat = channels
    chat.down = "no route"
    told = raise_and_tell(settings, ledger, facts(late="no rate"), NOW)
    assert (told.untold, chat.asked) == ({"chat": "no route"}, 1)
    assert mail.lines == ["rates-late raised", "channel-down raised"]
    raise_and_tell(settings, ledger, facts(), NOW + DAY)
    assert mail.lines[2:] == ["rates-late over"]
    chat.down = ""
    told = raise_and_tell(settings, ledger, facts(), NOW + 2 * DAY)
    assert chat.lines == ["rates-late raised", "rates-late over", "channel-down raised", "channel-down over"]
    assert mail.lines[3:] == ["channel-down over"]
    raise_and_tell(settings, ledger, facts(), NOW + 3 * DAY)
    assert (len(mail.lines), len(chat.lines), standing(ledger)) == (4, 4, [])


def test_a_channel_that_is_no_longer_named_is_not_down(ledger, settings, channels, monkeypatch):
    """Taken out of the settings, it is owed nothing, and the word that it is down is over."""
    mail, chat = channels
    chat.down = "no route"
    raise_and_tell(settings, ledger, facts(late="no rate"), NOW)
    monkeypatch.setattr(alerts, "channels_of", lambda settings: [mail])
    raise_and_tell(settings, ledger, facts(late="no rate"), NOW + DAY)
    assert [one.alarm.name for one in standing(ledger)] == ["rates-late"]
    assert mail.lines == ["rates-late raised", "channel-down raised", "channel-down over"]


def test_a_channel_that_fails_in_its_own_code_stops_nothing(ledger, settings, channels, monkeypatch):
    """An exception inside a channel is a channel that is down."""

    def broken(events):
        raise RuntimeError("inside")

    monkeypatch.setattr(channels[0], "send", broken)
    told = raise_and_tell(settings, ledger, facts(late="no rate"), NOW)
    assert told.untold == {"mail": "it failed (RuntimeError)"}
    assert channels[1].lines[0] == "rates-late raised"


def test_two_runs_at_once_tell_it_once(ledger, settings, channels):
    """What one run has claimed the other leaves; a claim of one that was killed lapses, and then it is told."""
    down = [channels[0].name]
    channels[0].down = channels[1].down = "no route"
    raise_and_tell(settings, ledger, facts(late="no rate"), NOW)
    claimed = claim(ledger, down, NOW)
    assert [one.standing.alarm.name for one in claimed] == ["rates-late", "channel-down", "channel-down"]
    assert claim(ledger, down, NOW + timedelta(minutes=9)) == []
    assert len(claim(ledger, down, NOW + timedelta(minutes=11))) == 3


def test_a_ledger_that_is_away_is_told_once_and_over_when_it_is_back(ledger, settings, channels, monkeypatch):
    """Three runs without a ledger tell that alone and once; the run that has it again tells what else there is."""
    raise_and_tell(settings, ledger, facts(late="no rate"), NOW)
    for day in (1, 2):
        raise_and_tell(settings, None, facts(late="no rate", free=0.01, ledger="no route"), NOW + day * DAY)
    with monkeypatch.context() as away:
        away.setattr(alerts, "_bring_home", refuse)
        assert raise_and_tell(settings, ledger, facts(free=0.01), NOW + 3 * DAY).new == ()
    assert channels[0].lines == ["rates-late raised", "ledger-unreachable raised"]
    raise_and_tell(settings, ledger, facts(late="no rate", free=0.01), NOW + 4 * DAY)
    assert channels[0].lines[2:] == ["ledger-unreachable over", "disk-nearly-full raised"]
    assert list(settings.data_dir.glob("alarms*")) == []
    assert [one.alarm.name for one in standing(ledger)] == ["rates-late", "disk-nearly-full"]


def refuse(settings: Settings, ledger: Ledger) -> None:
    """As a database that has gone away since it was opened."""
    raise LedgerError("no route")


def test_what_is_over_and_told_goes_with_its_time(ledger, settings, channels):
    """Pruning leaves what is not over, and what somebody has yet to hear."""
    mail, _ = channels
    raise_and_tell(settings, ledger, facts(late="no rate", free=0.01), NOW)
    raise_and_tell(settings, ledger, facts(free=0.01), NOW + DAY)
    mail.down = "no route"
    raise_and_tell(settings, ledger, facts(free=0.01, verdict="leak"), NOW + 2 * DAY)
    raise_and_tell(settings, ledger, facts(free=0.01), NOW + 3 * DAY)
    prune(ledger, NOW + 4 * DAY)
    with ledger.reading() as connection:
        left = sorted(connection.scalars(sa.select(alarms_table.c.name)))
    assert left == ["channel-down", "disk-nearly-full", "verdict-leak"]


def test_without_channels_alarms_are_still_kept(ledger, settings, monkeypatch):
    """Nobody is named: `podium alarm` has them; who is named later is told what is still so, not what is over."""
    monkeypatch.setattr(alerts, "channels_of", lambda settings: [])
    raise_and_tell(settings, ledger, facts(late="no rate", free=0.01), NOW)
    assert [(one.alarm.name, one.told_at) for one in standing(ledger)] == [
        ("rates-late", None),
        ("disk-nearly-full", None),
    ]
    later = Heard("mail")
    monkeypatch.setattr(alerts, "channels_of", lambda settings: [later])
    for _ in range(2):
        raise_and_tell(settings, ledger, facts(late="no rate"), NOW + DAY)
    assert later.lines == ["rates-late raised"]
