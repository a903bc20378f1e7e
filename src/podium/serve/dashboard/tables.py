"""Rows of the page's tables and lists, as words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from podium.evaluate.judgement import Standing
from podium.records import ModelName, rate_digits
from podium.report.charts import number, percent
from podium.report.scene import RANDOM_WALK, told_day
from podium.report.verdict import places
from podium.serve.dashboard import words
from podium.serve.dashboard.figures import inks
from podium.serve.dashboard.links import Links
from podium.serve.dashboard.state import PairState
from podium.serve.hotswap.lineup import ServedModel
from podium.serve.web.service import Service

DASH: Final = "\u2013"
TITLES_SHOWN: Final = 12
Row = dict[str, Any]


def tiles(state: PairState) -> list[Row]:
    """The few numbers on top; one that is not known has no tile."""
    found = (_tile_ahead(state), _tile_rates(state), _tile_trained(state), _tile_title(state))
    return [tile for tile in found if tile is not None]


def _tile_ahead(state: PairState) -> Row | None:
    if state.next_day is None:
        return None
    write, rates = number(rate_digits(state.next_day.close)), state.next_day.rates
    return {
        "name": f"95% range for {told_day(state.next_day.target_date)}",
        "value": f"{write(rates['lower_95'])} {DASH} {write(rates['upper_95'])}" if rates else "none",
        "note": f"last rate {write(state.next_day.close)}",
    }


def _tile_rates(state: PairState) -> Row | None:
    if state.close is None:
        return None
    return {
        "name": "Newest stored rate",
        "value": told_day(state.close.origin),
        "note": words.day_age(state.close.origin, state.now),
    }


def _tile_trained(state: PairState) -> Row | None:
    at = state.lineup.champion.card.created_at
    if not at:
        return None
    return {
        "name": "Champion trained",
        "value": told_day(datetime.fromtimestamp(at, UTC).date()),
        "note": f"{words.age(state.now.timestamp() - at)} ago",
    }


def _tile_title(state: PairState) -> Row | None:
    if state.crowned is None:
        return None
    at = datetime.fromisoformat(state.crowned.at)
    return {
        "name": "Holds the title since",
        "value": told_day(at.astimezone(UTC).date()),
        "note": f"{words.age((state.now - at).total_seconds())} ago, by {state.crowned.by}",
    }


def steps(state: PairState, links: Links) -> list[Row]:
    """The podium: who holds which alias now."""
    colours = inks(state)
    return [
        {
            "arm": arm,
            "name": model.card.family,
            "version": model.card.version,
            "ink": colours[model.card.family],
            "place": place,
            "url": links.version(model.card.name, model.card.version),
        }
        for place, (arm, model) in enumerate(state.lineup.arms.items(), start=1)
    ]


def standings(state: PairState, links: Links) -> list[Row]:
    """Every rank with its figures of the last championship, then those without a rank, then the random walk."""
    rows = [_served(state, arm, model, links) for arm, model in state.lineup.arms.items()]
    judgement = state.judgement
    if judgement is None:
        return rows
    held = {(model.card.name, model.card.version) for model in state.lineup.arms.values()}
    others = [row for row in judgement.ranking if (row.model_name, row.model_version) not in held]
    rows += [_unserved(state, row, links) for row in others]
    walk = judgement.baselines.get("random_walk", {}).get("rmse")
    return rows if walk is None else [*rows, _walk(state, walk)]


def _served(state: PairState, arm: str, model: ServedModel, links: Links) -> Row:
    card = model.card
    return {
        "arm": arm,
        "name": card.family,
        "ink": inks(state)[card.family],
        "version": card.version,
        "version_url": links.version(card.name, card.version),
        "run_url": links.run(card),
        "trained": f"{words.age(state.now.timestamp() - card.created_at)} ago" if card.created_at else "not known",
        **_figures(state, state.standing(model)),
    }


def _unserved(state: PairState, standing: Standing, links: Links) -> Row:
    return {
        "arm": "",
        "name": standing.family,
        "ink": inks(state)[standing.family],
        "version": standing.model_version,
        "version_url": links.version(standing.model_name, standing.model_version),
        "run_url": "",
        "trained": DASH,
        **_figures(state, standing),
    }


def _walk(state: PairState, rmse: float) -> Row:
    inside = state.judgement is not None and state.judgement.random_walk_in_mcs
    tied = inside and any(row.skill.in_mcs for row in (state.judgement.ranking if state.judgement else ()))
    return {
        "arm": "",
        "name": RANDOM_WALK,
        "ink": "walk",
        "version": None,
        "version_url": "",
        "run_url": "",
        "trained": DASH,
        **_figures(state, None),
        "place": "1=" if tied else "1" if inside else DASH,
        "rmse": number(6)(rmse),
        "ratio": number(4)(1.0),
        "r2": percent(2)(0.0),
    }


def _figures(state: PairState, standing: Standing | None) -> dict[str, str]:
    if standing is None or state.scene is None:
        return dict.fromkeys(("place", "rmse", "ratio", "r2", "direction", "p", "coverage"), DASH)

    def told(value: float | None, write: Callable[[float], str]) -> str:
        return DASH if value is None else write(value)

    return {
        "place": places(state.scene)[state.scene.judgement.ranking.index(standing)],
        "rmse": number(6)(standing.skill.rmse),
        "ratio": told(standing.skill.ratio_to_random_walk, number(4)),
        "r2": told(standing.skill.r2_oos, percent(2, sign=True)),
        "direction": told(standing.skill.directional_accuracy, percent(1)),
        "p": told(standing.skill.diebold_mariano.p_value, number(3)),
        "coverage": told(standing.intervals.coverage_95 if standing.intervals else None, percent(1)),
    }


def arms(state: PairState) -> list[Row]:
    """Each arm over its own settled days and, where there is a comparison, over the shared ones, and random walk."""
    found = state.live.report
    shared = {side.arm: side.rmse for side in (found.champion, found.challenger)} if found else {}
    rows = [
        {
            "arm": arm.arm,
            "name": ModelName.parse(arm.model_name).family,
            "ink": inks(state).get(ModelName.parse(arm.model_name).family, "main"),
            "versions": ", ".join(f"v{version}" for version in arm.versions),
            "answers": f"{arm.answers:,}",
            "shadows": f"{arm.shadows:,}",
            "days": f"{arm.n_days:,}",
            "rmse": number(6)(arm.rmse),
            "shared": number(6)(shared[arm.arm]) if arm.arm in shared else DASH,
        }
        for arm in state.live.arms
    ]
    if found is None:
        return rows
    walk = dict.fromkeys(("versions", "answers", "shadows", "days", "rmse"), DASH)
    shown = {"arm": "", "name": RANDOM_WALK, "ink": "walk", "shared": number(6)(found.random_walk_rmse)}
    return [*rows, {**walk, **shown}]


def history(state: PairState, links: Links) -> Row:
    """Changes of the title, newest first, and how many more there are."""
    newest_first = [title for title in reversed(state.titles) if title.alias == "champion"]
    shown = [
        {
            "at": datetime.fromisoformat(title.at),
            "name": ModelName.parse(title.name).family,
            "version": title.version,
            "url": links.version(title.name, title.version),
            "before": _short(title.previous, state.lineup.pair),
            "why": title.why,
            "verdict": title.verdict,
            "by": title.by,
            "data": str(title.data_version or ""),
            "pinned": title.pinned,
        }
        for title in newest_first[:TITLES_SHOWN]
    ]
    return {"shown": shown, "more": len(newest_first) - len(shown)}


def _short(uri: str, pair: str) -> str:
    """`LSTM v3` of `models:/EURUSD_LSTM/3`."""
    return uri.removeprefix(f"models:/{pair}_").replace("/", " v")


def traffic(service: Service, state: PairState) -> dict[str, str]:
    """How requests are shared out, and how far the ledger is."""
    live = state.live
    return {
        "split": ", ".join(part.replace("=", " ") + "%" for part in str(service.selection.split).split(",")),
        "shadow": "every rank is scored on every request" if service.options.shadow else "off",
        "experiment": service.options.ab_test,
        "asked": f"up to {told_day(live.asked_until)}" if live.asked_until else "none yet",
        "settled": f"up to {told_day(live.settled_until)}" if live.settled_until else "none yet",
    }
