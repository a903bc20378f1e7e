"""The state of a serving process: for people in `/health`, for Prometheus in `/metrics`."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from podium.serve.hotswap.lineup import Lineup
from podium.serve.hotswap.swap import Swapper
from podium.serve.web import schemas
from podium.serve.web.bookkeeping import Bookkeeping
from podium.serve.web.closes import Closes
from podium.serve.web.forecaster import Forecaster
from podium.serve.web.http import Room
from podium.serve.web.security import KeyRing
from podium.serve.web.selection import Selection
from podium.serve.web.telemetry import Telemetry

STALE = 120.0  # seconds without a reading of the registry after which that is a problem of its own
_ADDRESS = re.compile(  # as databases and HTTP clients name them: with a port, as numbers, after a word, in quotes
    r"""\b[\w.-]+:\d{2,5}\b|\b\d+\.\d+\.\d+\.\d+\b|\b(host( name)?|port)[ =]+\S+"""
    r"""|\b(at|on|user|database|resolve) ["'][^"']+["'](@["'][^"']+["'])?|["'][^"'\s]*[.:][^"'\s]*["']"""
    r"""|(?<!\w)([\da-fA-F]*:){2,}[\da-fA-F.]*"""
)
_MODEL = re.compile(r"models:/[\w-]+/\d+[:;,.]?")

LiveErrors = Callable[[Iterable[Lineup]], Mapping[tuple[str, str], tuple[float, int]]]
"""RMSE and number of each arm's own settled days, by pair and arm."""


@dataclass(frozen=True, slots=True)
class HealthReporter:
    """Says how a serving process is.

    Attributes:
        selection: the models.
        swapper: how they follow the registry.
        forecaster: what does not forecast.
        bookkeeping: the ledger.
        ring: the keys.
        closes: the newest closes.
    """

    selection: Selection
    swapper: Swapper
    forecaster: Forecaster
    bookkeeping: Bookkeeping
    ring: KeyRing
    closes: Closes

    def problems(self) -> dict[str, str]:
        """One sentence for each thing that is not as it should be; it names no path and no host."""
        found = {**self.swapper.problems, **self.forecaster.problems}
        age = self.registry_age()
        if age is None or age > STALE:
            found.setdefault("registry", "the registry has not been read lately")
        if told := self.swapper.restarted:
            found["reader"] = told
        if self.swapper.unsaid:
            found["disk"] = self.swapper.unsaid
        for pair in self.selection.lineups:
            if (late := self.closes.stale(pair)) is not None:
                found[f"rates of {pair}"] = f"{late.told()}."
        if self.bookkeeping.problem:
            found["ledger"] = self.bookkeeping.problem
        if self.ring.problem:
            found["keys"] = self.ring.problem
        return {name: _public(text) for name, text in found.items()}

    def registry_age(self) -> float | None:
        """Seconds since the registry was last read; None when it never was."""
        checked = self.swapper.checked_at
        return max(0.0, time.time() - checked) if checked else None

    def report(self) -> tuple[int, schemas.Health]:
        """Status and content of `/health`.

        404 without a model, as MLflow's server; 503 when a required ledger takes nothing; else 200, with the status
        `degraded` when something is not as it should be and the last good models are served.
        """
        found, served, mode = self.problems(), self.selection.lineups, self.bookkeeping.mode
        status = 200
        if self.selection.default_pair not in served:
            status = 404
        elif mode == "required" and self.bookkeeping.problem:
            status = 503
        age = self.registry_age()
        return status, schemas.Health(
            status="unavailable" if status != 200 else "degraded" if found else "ok",
            pairs={
                pair: {arm: f"{model.card.name}/{model.card.version}" for arm, model in lineup.arms.items()}
                for pair, lineup in served.items()
            },
            problems=found,
            registry_age_seconds=None if age is None else round(age, 1),
            ledger=mode,
        )


def _public(text: str) -> str:
    # Messages of libraries may hold paths and addresses. A registered model's has slashes too: `models:/EURUSD_LSTM/3`.
    return _ADDRESS.sub("[address]", " ".join(map(_without_path, text.split())))[:300]


def _without_path(word: str) -> str:
    if _MODEL.fullmatch(word):
        return word
    return "[path]" if word.count("/") > 1 or "\\" in word else word


def measure(telemetry: Telemetry, reporter: HealthReporter, room: Room, live: LiveErrors) -> None:
    """Bring the gauges up to date; the live errors are read from the ledger, so call it in a thread."""
    show, swapper, lineups = telemetry.show, reporter.swapper, reporter.selection.lineups
    arms = [(lineup.pair, arm, model.card) for lineup in lineups.values() for arm, model in lineup.arms.items()]
    now = time.time()
    show("model_info", {(pair, arm, card.name, str(card.version)): 1.0 for pair, arm, card in arms})
    show("model_age_seconds", {(pair, arm): now - card.created_at for pair, arm, card in arms if card.created_at})
    known = {pair: reporter.closes.known(pair) for pair in lineups}
    show("data_age_seconds", {(pair,): now - _end_of(close.origin) for pair, close in known.items() if close})
    show("swaps", {(pair,): float(count) for pair, count in swapper.swaps.items()})
    show("swap_failures", {(pair,): float(count) for pair, count in swapper.failures.items()})
    age = reporter.registry_age()
    show("registry_age_seconds", {} if age is None else {(): age})
    show("problems", {(): float(len(reporter.problems()))})
    show("in_flight", {(): float(room.taken)})
    show("ledger_pending", {(): float(reporter.bookkeeping.pending)})
    errors = live(lineups.values())
    show("live_rmse", {labels: rmse for labels, (rmse, _) in errors.items()})
    show("live_days", {labels: float(n_days) for labels, (_, n_days) in errors.items()})


def _end_of(day: str) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() + 86_400
