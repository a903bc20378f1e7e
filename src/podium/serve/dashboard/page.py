"""The page as HTML: every part is rendered from plain values; charts are drawn again only when they change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, FileSystemLoader
from markupsafe import Markup

from podium.records import slashed
from podium.report import verdict
from podium.report.charts import no_figure
from podium.report.interval_figures import fan_figure
from podium.report.pages import environment
from podium.report.skill import SKILL_TITLE, skill_figure
from podium.serve.dashboard import figures, rows, words
from podium.serve.dashboard.gather import Gatherer
from podium.serve.dashboard.links import Links
from podium.serve.dashboard.live_comparisons import LiveComparisons
from podium.serve.dashboard.state import PairState
from podium.serve.web.assets import asset_url
from podium.serve.web.closes import Closes
from podium.serve.web.health import HealthReporter
from podium.serve.web.schemas import Health
from podium.serve.web.selection import Selection
from podium.settings import Settings

HERE = Path(__file__).parent
Draw = Callable[[PairState], Markup]


@cache
def templates() -> Environment:
    """The report's templates with the dashboard's in front; everything is escaped."""
    shared = environment()
    own = FileSystemLoader(HERE / "templates")
    found = shared.overlay(loader=ChoiceLoader([own, *([shared.loader] if shared.loader else [])]))
    found.globals["asset"] = asset_url
    found.filters["slashed"] = slashed
    return found


class Pages:
    """Renders pages of one service; call it in a thread, one call at a time.

    Args:
        settings: how it serves, and where its ledger is.
        cache: folder of the models served.
        selection: the models in service.
        closes: stored closes.
        health: what is not as it should be.
    """

    def __init__(
        self, settings: Settings, cache: Path, selection: Selection, closes: Closes, health: HealthReporter
    ) -> None:
        self._options, self._selection, self._health = settings.serve, selection, health
        self._gatherer = Gatherer(cache, closes, LiveComparisons(settings))
        self._links = Links(settings.serve.mlflow_ui)
        self._drawn: dict[tuple[str, str], tuple[tuple[object, ...], tuple[object, ...], Markup]] = {}

    def render(self, pair: str | None) -> str | None:
        """The page of a pair, of the default pair when none is asked for; None when the pair is not served."""
        lineups, default = self._selection.lineups, self._selection.default_pair
        wanted = pair or default
        if pair is not None and pair not in {*lineups, default}:
            return None
        states = {name: self._gatherer.pair(lineup) for name, lineup in lineups.items()}
        state = states.get(wanted)
        _, health = self._health.report()
        return (
            templates()
            .get_template("dashboard.html")
            .render(
                pair=wanted,
                states=states,
                state=state,
                options=self._options,
                split=self._selection.split,
                health=health,
                pill=self._pill(health),
                verdict=verdict,
                links=self._links,
                words=words,
                rows=rows,
                charts=figures,
                figures=self._figures(state) if state else {},
                now=datetime.now(UTC),
            )
        )

    def _figures(self, state: PairState) -> dict[str, Markup]:
        def fan(state: PairState) -> Markup:
            return fan_figure(figures.fan_of(state))

        said = (state.next_day, state.untold, words.is_over(state))
        return {
            "next_day": self._figure("next_day", state, fan, said, (state.past,)),
            "skill": self._figure("skill", state, skill_of, (), (state.judgement, state.past)),
            "live": self._figure("live", state, figures.live_figure, (), (state.live,)),
        }

    def _figure(
        self, name: str, state: PairState, draw: Draw, says: tuple[object, ...], shows: tuple[object, ...]
    ) -> Markup:
        """A chart, as it was drawn for an earlier page if it would say the same and show the very same objects."""
        key = (*says, *((arm, model.card.identity) for arm, model in state.lineup.arms.items()))
        known = self._drawn.get((state.lineup.pair, name))
        if known is None or known[0] != key or any(a is not b for a, b in zip(known[1], shows, strict=True)):
            known = self._drawn[state.lineup.pair, name] = (key, shows, draw(state))
        return known[2]

    def _pill(self, health: Health) -> tuple[str, str]:
        """How the server is doing, for the style sheet and in words."""
        n_problems = len(health.problems)
        if health.status == "ok":
            return "ok", "All well"
        if self._selection.default_pair not in self._selection.lineups:
            return health.status, "No champion yet"
        return health.status, f"{n_problems} problem{'' if n_problems == 1 else 's'}"


def skill_of(state: PairState) -> Markup:
    """The report's figure, where there is a championship to draw."""
    if state.scene is None:
        return no_figure("skill", SKILL_TITLE, "no championship is recorded with the models in service")
    return skill_figure(state.scene)
