"""alarm: what is wrong now and what to do, and whether those who are to hear of it can be told."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from podium.cli.console import answer, working_on
from podium.cli.flags import Json, takes_settings
from podium.cli.lines.cells import plain
from podium.errors import SettingError
from podium.settings import Settings

if TYPE_CHECKING:
    from podium.alerts import Standing


Act = Literal["list", "test"]


@takes_settings("ledger_address", "data_dir")
def alarm(
    settings: Settings,
    *,
    act: Annotated[Act, typer.Argument(help="list the alarms that are not over; test every channel.")] = "list",
    as_json: Json = False,
) -> None:
    """What is wrong now, since when, and what to do; `test` sends every channel a message.

    Exit code 1 of `test`: a channel did not take it.
    """
    if act == "test":
        _test(settings, as_json)
        return
    from podium.alerts import standing
    from podium.ledger import Ledger

    with closing(Ledger.open(settings.ledger, create=False)) as ledger:
        found = standing(ledger)
    lines = [line for one in found for line in (_head(one), f"    {one.alarm.found}", f"    {one.alarm.remedy}")]
    answer(as_json, [plain(one) for one in found], lines or ["no alarm"])


def _head(one: Standing) -> str:
    where, told = one.alarm.pair or "all pairs", "" if one.told_at else ", told to nobody"
    return f"{one.alarm.severity}: {where} {one.alarm.name}, since {one.first_at:%Y-%m-%d %H:%M} UTC{told}"


def _test(settings: Settings, as_json: bool) -> None:
    from podium.alerts import try_channels

    if not settings.alerts.channels and not settings.alerts.webhook:
        raise SettingError("nobody is told anything yet; name alerts.channels or alerts.webhook in podium.toml")
    with working_on("sending"):
        found = try_channels(settings, datetime.now(UTC))
    answer(as_json, found, [f"{name}: {why or 'took it'}" for name, why in found.items()])
    if any(found.values()):
        raise typer.Exit(1)
