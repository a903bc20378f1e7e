"""The fourth step: rank the contestants, give the aliases, write the pointer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from filelock import FileLock

from podium.errors import MissingError
from podium.evaluate.baselines import RANDOM_WALK, baseline_scores
from podium.evaluate.ranking import ALIASES, best_per_type, comparable, rank
from podium.evaluate.walkforward import split
from podium.models.roster import known
from podium.pipeline.prepare import load_table
from podium.records import CommonWindow, RunRecord, VersionRecord
from podium.registry import pointer
from podium.registry.mlflow_store import MlflowStore
from podium.registry.pointer import Place
from podium.settings import Settings


@dataclass(frozen=True, slots=True)
class Championship:
    """The outcome of one championship.

    Attributes:
        pair: six capital letters.
        data_version: the series it was decided on.
        window: the scored origins.
        places: in rank order; alias is empty from the fourth place on.
        baselines: metrics by baseline.
    """

    pair: str
    data_version: str
    window: CommonWindow
    places: tuple[Place, ...]
    baselines: Mapping[str, Mapping[str, float]]

    @property
    def champion(self) -> Place:
        """Who holds the title."""
        return self.places[0]

    @property
    def ratio_to_random_walk(self) -> float:
        """Theil's U: the champion's RMSE over the random walk's; below one is better than no forecast."""
        return self.champion.run.rmse / self.baselines[RANDOM_WALK]["rmse"]


def evaluate(settings: Settings) -> Championship:
    """Rank the best run of each type on the stored series and give the aliases.

    Only completed runs with the same data version and common window take part. Doing it again with nothing new
    changes nothing.

    Raises:
        MissingError: nobody has been trained on this series.
    """
    settings.models_dir.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.models_dir / ".evaluate.lock"):
        return _evaluate(settings, MlflowStore(settings))


def _evaluate(settings: Settings, store: MlflowStore) -> Championship:
    table = load_table(settings)
    days = split(table, settings.window, settings.test_fraction)
    window = days.common_window(table)
    scored = slice(days.first_scored, days.n_known)
    baselines = baseline_scores(table.target[scored], table.values[scored, table.names.index("lag_0")])
    runs = rank(best_per_type(comparable(store.completed_runs(table.data_version, window), table.data_version, window)))
    if not runs:
        raise MissingError(
            f"no contestant has been trained on {table.data_version} and scored on {window}; run `podium train`"
        )
    versions = [register(store, run) for run in runs]
    aliases = [*ALIASES[: len(runs)], *[""] * (len(runs) - len(ALIASES))]
    places = tuple(Place(run, version, alias) for run, version, alias in zip(runs, versions, aliases, strict=True))
    store.assign(settings.pair, {place.alias: place.version for place in places if place.alias})
    title(store, places[0], table.data_version)
    content = pointer.build(places, baselines=baselines, data_version=table.data_version, scored_window=str(window))
    pointer.write(content, settings.models_dir)
    return Championship(settings.pair, table.data_version, window, places, baselines)


def register(store: MlflowStore, run: RunRecord) -> VersionRecord:
    """The run's version in the registry, described for people."""
    point = known().get(run.model_type)
    about = point.load().description if point else ""
    return store.register(
        run,
        description=f"RMSE {run.rmse:.5f} on {run.tags['scored_window']} of {run.tags['data_version']}.",
        model_description=f"{run.model_type} forecast of the next daily log return of {store.settings.pair}. {about}",
    )


def title(store: MlflowStore, winner: Place, data_version: str) -> None:
    """Enter a change of champion into the history."""
    why = f"lowest RMSE, {winner.run.rmse:.5f}, on {winner.run.tags['scored_window']}"
    store.record_title(winner.version, why=why, verdict="promoted", data_version=data_version)
