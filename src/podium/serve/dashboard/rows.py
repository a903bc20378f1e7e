"""Rows of the page's tables and lists, as words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from markupsafe import Markup

from podium.evaluate.judgement import Standing
from podium.records import ModelName, rate_digits, slashed
from podium.registry.history import taken
from podium.report.championship import next_day_tile
from podium.report.marks import number
from podium.report.scene import RANDOM_WALK, told_day
from podium.report.tables import DASH, Sheet, SheetRow, Tile, ranked, standings
from podium.serve.dashboard import words
from podium.serve.dashboard.figures import inks
from podium.serve.dashboard.links import Links
from podium.serve.dashboard.state import PairState


def tiles(state: PairState) -> Iterator[Tile]:
    """The few numbers on top; one that is not known has no tile."""
    if state.next_day:
        yield next_day_tile(state.next_day)
    if state.close:
        day = state.close.origin
        yield Tile("Newest stored rate", told_day(day), words.day_age(day, state.now))
    if at := state.lineup.champion.card.created_at:
        age = words.age(state.now.timestamp() - at)
        yield Tile("Champion trained", told_day(datetime.fromtimestamp(at, UTC).date()), f"{age} ago")
    if title := taken(state.lineup.titles, state.lineup.champion.card.pinned_uri):
        since = datetime.fromisoformat(title.at)
        data = f", on data up to {told_day(title.data_version.last_day)}" if title.data_version else ""
        note = f"{words.age((state.now - since).total_seconds())} ago, by {title.by}{data}"
        yield Tile("Holds the title since", told_day(since.astimezone(UTC).date()), note)


def places(state: PairState) -> dict[tuple[str, int], str]:
    """The place of each model and version in the last championship; those that tie share one."""
    scored = ranked(state.scene) if state.scene else []
    return {(row.model_name, row.model_version): place for row, place in scored if row}


def scores(state: PairState, links: Links) -> Sheet | None:
    """The report's table of the last championship, with links to what is in service; None without a championship."""
    if state.scene is None:
        return None
    cards = {(model.card.name, model.card.version): model.card for model in state.lineup.arms.values()}

    def about(row: Standing) -> list[str | Markup]:
        key = (row.model_name, row.model_version)
        alias = state.scene.alias_of(row) if state.scene else ""
        named = _linked(links.version(*key), f"{f'@{alias} ' if alias else ''}v{row.model_version}")
        card = cards.get(key)
        if card is None or not card.created_at:
            return [named]
        trained = f"trained {words.age(state.now.timestamp() - card.created_at)} ago"
        return [named, _linked(links.run(card.run_id), trained)]

    return standings(state.scene, about)


def _linked(href: str, text: str) -> str | Markup:
    return Markup('<a href="{}">{}</a>').format(href, text) if href else text


def arms(state: PairState) -> Sheet:
    """Each arm over its own settled days and, where there is a comparison, over the shared ones, and random walk."""
    found = state.live.report
    shared = {side.arm: side.rmse for side in (found.champion, found.challenger)} if found else {}
    rows = []
    for arm in state.live.arms:
        name = ModelName.parse(arm.model_name).family
        versions = ", ".join(f"v{version}" for version in arm.versions)
        cells = [f"{arm.answers:,}", f"{arm.shadows:,}", f"{arm.n_days:,}", number(6)(arm.rmse)]
        cells += [number(6)(shared[arm.arm]) if arm.arm in shared else DASH] if found else []
        rows.append(SheetRow(name, cells, inks(state).get(name, "main"), (f"@{arm.arm}", versions)))
    over = ""
    if found:
        rows.append(SheetRow(RANDOM_WALK, (*(DASH,) * 4, number(6)(found.random_walk_rmse)), "walk"))
        over = f", and over the {found.n_days:,} settled days on which champion and challenger both made a forecast"
    head = ("Arm", "Answers", "Shadows", "Days", "RMSE", *(["on shared days"] if found else []))
    caption = f"Each arm over its own settled days{over}; a day counts once, however many requests it had."
    return Sheet(caption, head, rows)


def overview(states: Iterable[PairState], here: str) -> Sheet:
    """A line a pair."""
    rows = []
    for state in states:
        ahead, champion, pair = state.next_day, state.lineup.champion.card, state.lineup.pair
        write = number(rate_digits(ahead.close)) if ahead else number(4)
        rates = ahead.rates if ahead else {}
        cells = (
            f"{champion.family} v{champion.version}",
            words.verdict_badge(state)[0],
            told_day(ahead.target_date) if ahead else DASH,
            write(ahead.forecast_rate) if ahead else DASH,
            f"{write(rates['lower_95'])} {DASH} {write(rates['upper_95'])}" if rates else DASH,
            told_day(state.close.origin) if state.close else DASH,
        )
        title = slashed(pair) if pair == here else _linked(f"?pair={pair}", slashed(pair))
        rows.append(SheetRow(title, cells))
    head = ("Pair", "Champion", "Verdict", "For", "Forecast", "95% interval", "Rates up to")
    return Sheet("Who holds each title, and the next business day.", head, rows, sentences=("Champion", "Verdict"))
