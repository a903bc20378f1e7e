"""How any contestant walks forward: by itself, or after the others whose forecasts it mixes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from podium.errors import AdmissionError
from podium.evaluate.walkforward import ScoredRows, Stopwatch, WalkForward, walk_forward, walk_together
from podium.models.combiner import Combiner, Mixture
from podium.models.roster import enter, members
from podium.records import FeatureTable, Forecasts, RunRecord
from podium.registry.log_items import FORECASTS, read_forecasts
from podium.registry.mlflow_store import MlflowStore
from podium.registry.packing import ONNX_FILE
from podium.settings import Settings


@dataclass(frozen=True, slots=True)
class Member:
    """A contestant as one that mixes sees it.

    Attributes:
        forecasts: out-of-sample, on the scored days.
        graph: of its model fitted on every day, as ONNX.
    """

    forecasts: Forecasts
    graph: bytes


def walk(settings: Settings, family: str, table: FeatureTable, days: ScoredRows, horizon: int = 1) -> WalkForward:
    """Walk a contestant forward, and before it those whose forecasts it mixes.

    Args:
        settings: with its options, and theirs.
        family: of the contestant.
        table: with the target of the horizon.
        days: what is scored.
        horizon: trading days from origin to outcome.
    """
    contestant = dataclasses.replace(enter(family, settings), horizon=horizon)
    if not isinstance(contestant, Combiner):
        return walk_forward(contestant, table, days, settings.refit_every)
    walks = {other: walk(settings, other, table, days, horizon) for other in members(settings)}
    graphs = {other: walked.future.onnx(table.names) for other, walked in walks.items()}
    return mixed(contestant, {o: Member(walks[o].forecasts, graph) for o, graph in graphs.items() if graph}, table)


def recorded(store: MlflowStore, runs: Mapping[str, RunRecord]) -> dict[str, Member]:
    """The members as their completed runs recorded them; one whose model has no graph is left out."""
    found = {}
    for family in members(store.settings):
        graph = store.fetch(runs[family].model_uri) / ONNX_FILE
        parquet = store.read_file(runs[family].run_id, FORECASTS)
        if graph.is_file() and parquet is not None:
            found[family] = Member(read_forecasts(parquet), graph.read_bytes())
    return found


def mixed(combiner: Combiner, among: Mapping[str, Member], table: FeatureTable) -> WalkForward:
    """Mix the members' forecasts, and their models with the last weights.

    Raises:
        AdmissionError: there is nobody whose model has a graph.
    """
    if not among:
        raise AdmissionError(f"{combiner.family}: nobody whose model has an ONNX graph takes part; enter one more")
    fitting, forecasting = Stopwatch(), Stopwatch()
    with forecasting:
        forecasts, weights = walk_together(combiner, {name: member.forecasts for name, member in among.items()})
    with fitting:
        future = Mixture({name: member.graph for name, member in among.items()}, weights, table.names)
    return WalkForward(forecasts, future, combiner, fitting.seconds, forecasting.seconds)
