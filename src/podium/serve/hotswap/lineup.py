"""The models in service: immutable, so that a request which took them keeps them whatever is swapped meanwhile."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np

from podium.records import CHAMPION, Floats
from podium.registry.history import Title
from podium.serve.hotswap.fetched import GRAPH, digest
from podium.serve.hotswap.manifest import ModelCard
from podium.serve.hotswap.scorer import OnnxScorer, PyfuncScorer, Scorer, ScoringError

SLOW = 0.005  # seconds for a row, from which on a graph is scored in a thread: the event loop has others to answer
TOLERANCE = 1e-6  # of a log return, between a graph and the model that was logged


@dataclass(frozen=True)
class ServedModel:
    """A loaded and tried version.

    Attributes:
        card: what it is.
        scorer: what forecasts.
    """

    card: ModelCard
    scorer: Scorer

    @cached_property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Of every answer that it gives."""
        return (("x-podium-model", header_text(self.card.name)), ("x-podium-version", str(self.card.version)))

    @cached_property
    def trained_through(self) -> str | None:
        """ISO date of the last day that it was fitted on; None where its tags do not say."""
        known = self.card.data_version
        return str(known.last_day) if known else None


@dataclass(frozen=True)
class Lineup:
    """The arms of one pair, champion first.

    Attributes:
        pair: six capital letters.
        arms: models by arm.
        titles: history of the title, oldest first.
        since: seconds since the epoch at which it went into service.
    """

    pair: str
    arms: Mapping[str, ServedModel]
    titles: tuple[Title, ...] = ()
    since: float = 0.0

    @cached_property
    def labels(self) -> Mapping[str, tuple[str, str, str, str]]:
        """Pair, arm, model and version of each arm, for the metrics."""
        cards = {arm: model.card for arm, model in self.arms.items()}
        return {arm: (self.pair, arm, card.name, str(card.version)) for arm, card in cards.items()}

    @property
    def champion(self) -> ServedModel:
        """Who answers unless the split says otherwise."""
        return self.arms[CHAMPION]


def header_text(value: str) -> str:
    """Any text as a header's value: visible ASCII on one line, whatever a model or pair is called."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in value)


EMPTY: Mapping[str, Lineup] = MappingProxyType({})


def load_model(card: ModelCard, cache: Path) -> ServedModel:
    """Load a version, look at its digest and signature, and let it forecast rows whose forecast is known.

    Raises:
        ScoringError: one of these is not as it should be.
    """
    folder = cache / card.folder
    scorer: Scorer
    if card.digest:
        scorer = OnnxScorer(_graph(folder, card), len(card.features))
    else:
        scorer = PyfuncScorer(folder, card.features)
    try:
        _warm_up(scorer, card)
    except ScoringError:
        scorer.close()
        raise
    return ServedModel(card, scorer)


def _graph(folder: Path, card: ModelCard) -> bytes:
    try:
        graph = (folder / GRAPH).read_bytes()
    except OSError:
        raise ScoringError(f"{card.name} version {card.version}: its graph is not in the cache") from None
    if digest(graph) != card.digest:
        raise ScoringError(f"{card.name} version {card.version}: its graph has another digest than was fetched")
    return graph


def _seconds_of_a_row(scorer: Scorer, row: Floats) -> float:
    """The best of three, which a busy machine does not make slow."""
    took = []
    for _ in range(3):
        started = time.perf_counter()
        scorer.score(row)
        took.append(time.perf_counter() - started)
    return min(took)


def _warm_up(scorer: Scorer, card: ModelCard) -> None:
    rows: Floats = np.array(card.example or [[0.0] * len(card.features)])
    found = scorer.score(rows)
    name = f"{card.name} version {card.version}"
    if found.shape != (len(rows),) or not np.isfinite(found).all():
        raise ScoringError(f"{name} does not give one finite forecast a row")
    # One row alone takes another path through some kernels than many rows do.
    alone = scorer.score(rows[:1])
    scorer.quick = scorer.quick and _seconds_of_a_row(scorer, rows[:1]) <= SLOW
    expected = np.array(card.expected if len(card.expected) == len(rows) else found)
    if np.abs(found - expected).max() > TOLERANCE or abs(float(alone[0]) - float(expected[0])) > TOLERANCE:
        raise ScoringError(f"{name} forecasts known rows otherwise than when it was logged")
