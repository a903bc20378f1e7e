"""promote, rollback, titles, history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from podium.cli.console import answer
from podium.cli.flags import ADDRESSES, FOLDERS, AcceptLeak, Json, takes_settings
from podium.cli.lines import since
from podium.errors import SettingError
from podium.settings import Settings

if TYPE_CHECKING:
    from podium.registry.history import Title

TITLES = ("pair", "developer", *ADDRESSES, *FOLDERS)
Why = Annotated[str, typer.Option("--why", help="Reason, for the history.")]


@takes_settings(*TITLES)
def promote(
    settings: Settings,
    model: Annotated[
        str, typer.Argument(help="An alias (challenger), a family (ARIMA) or a version (ARIMA/2).")
    ] = "challenger",
    why: Why = "promoted by hand",
    *,
    accept_leak: AcceptLeak = False,
    as_json: Json = False,
) -> None:
    """Give the title to a version by hand and pin it there, until `podium evaluate --unpin`."""
    from podium.pipeline.titles import promote as act

    _tell(act(settings, model, why, accept_leak), as_json)


@takes_settings(*TITLES)
def rollback(settings: Settings, why: Why = "rolled back", as_json: Json = False) -> None:
    """Give the title back to the champion before this one, at once, and pin it there."""
    from podium.pipeline.titles import rollback as act

    _tell(act(settings, why), as_json)


Act = Literal["list", "approve", "reject"]


@takes_settings(*TITLES, "approval_days")
def titles(
    settings: Settings,
    *,
    act: Annotated[Act, typer.Argument(help="list all, approve one, reject one.")] = "list",
    number: Annotated[int, typer.Argument(help="Of the proposal.", show_default=False)] = 0,
    why: Annotated[str, typer.Option("--why", help="Reason, for the history.", show_default=False)] = "",
    as_json: Json = False,
) -> None:
    """Titles that championships proposed; `approve N` gives one, `reject N` does not, by another than the proposer.

    Championships propose where the setting `approval` is `required`, and a proposal can be approved for
    `approval_days`. What is approved is not pinned: the next championship decides, or proposes, anew.
    """
    from podium.pipeline import approval

    if act == "list":
        found = approval.all_proposals(settings)
        answer(as_json, [one.as_dict() for one in found], since.proposal_lines(settings.pair, found))
        return
    if not number or not why.strip():
        raise SettingError(f'say which and why: `podium titles {act} N --why "..."`')
    if act == "approve":
        _tell(approval.approve(settings, number, why), as_json)
        return
    title = approval.reject(settings, number, why)
    line = f"proposal {number} is rejected ({why}); the title stays with {title.previous}"
    answer(as_json, {"changed": False, **since.title_json(title)}, [line])


@takes_settings(*TITLES)
def history(
    settings: Settings,
    verify: Annotated[
        bool, typer.Option("--verify", help="See whether an entry was changed, taken out or put in.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Every change of the title: when, who, from, to, why, on what data.

    Each entry holds the digest of the one before it. Exit code 1: --verify found that the chain is broken.
    """
    from podium.pipeline.titles import history as ask
    from podium.pipeline.titles import verify as check

    if verify:
        n_entries, breaks = check(settings)
        document = {"entries": n_entries, "whole": not breaks, "breaks": breaks}
        answer(as_json, document, since.verified_lines(settings.pair, n_entries, breaks))
        raise typer.Exit(bool(breaks))
    titles = ask(settings)
    answer(as_json, [since.title_json(title) for title in titles], since.title_lines(settings.pair, titles))


def _tell(title: Title | None, as_json: bool) -> None:
    if title is None:
        answer(as_json, {"changed": False}, ["nothing to change: it holds the title, pinned, already"])
        return
    pinned = ", pinned" if title.pinned else ""
    line = f"champion: {title.previous or 'nobody'} -> {title.pinned_uri}{pinned} ({title.why})"
    answer(as_json, {"changed": True, **since.title_json(title)}, [line])
