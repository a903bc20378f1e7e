"""The state of a serving process: for people in `/health`, for Prometheus in `/metrics`."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Any

from podium.serve.web.service import Service

STALE = 120.0  # seconds without a reading of the registry after which that is a problem of its own


def problems(service: Service) -> dict[str, str]:
    """One sentence for each thing that is not as it should be."""
    found = dict(service.swapper.problems)
    age = registry_age(service)
    if age is None or age > STALE:
        found.setdefault("registry", "the registry has not been read lately")
    if service.recording.problem:
        found["ledger"] = service.recording.problem
    if service.gate.ring.problem:
        found["keys"] = service.gate.ring.problem
    return {name: _public(text) for name, text in found.items()}


def _public(text: str) -> str:
    # Messages of libraries may hold paths; what a client is shown names none.
    return " ".join("[path]" if _is_path(word) else word for word in text.split())[:300]


def _is_path(word: str) -> bool:
    # A registered model is named by an address with slashes too, `models:/EURUSD_LSTM/3`.
    return not re.fullmatch(r"models:/[\w-]+/\d+[:;,.]?", word) and (word.count("/") > 1 or "\\" in word)


def registry_age(service: Service) -> float | None:
    """Seconds since the registry was last read; None when it never was."""
    checked = service.swapper.checked_at
    return max(0.0, time.time() - checked) if checked else None


def report(service: Service) -> tuple[int, dict[str, Any]]:
    """Status and content of `/health`.

    404 without a model, as MLflow's server; 503 when a required ledger takes nothing; else 200, with the status
    `degraded` when something is not as it should be and the last good models are served.
    """
    found = problems(service)
    served = service.swapper.lineups
    ledger_down = service.recording.mode == "required" and bool(service.recording.problem)
    if service.default_pair not in served:
        status, word = 404, "unavailable"
    elif ledger_down:
        status, word = 503, "unavailable"
    else:
        status, word = 200, "degraded" if found else "ok"
    models = {
        pair: {arm: f"{model.card.name}/{model.card.version}" for arm, model in lineup.arms.items()}
        for pair, lineup in served.items()
    }
    age = registry_age(service)
    return status, {
        "status": word,
        "pairs": models,
        "problems": found,
        "registry_age_seconds": None if age is None else round(age, 1),
        "ledger": service.recording.mode,
    }


def measure(service: Service) -> None:
    """Bring the gauges up to date."""
    show, swapper = service.telemetry.show, service.swapper
    arms = [(lineup.pair, arm, model.card) for lineup in swapper.lineups.values() for arm, model in lineup.arms.items()]
    now = time.time()
    show("model_info", {(pair, arm, card.name, str(card.version)): 1.0 for pair, arm, card in arms})
    show("model_age_seconds", {(pair, arm): now - card.created_at for pair, arm, card in arms if card.created_at})
    closes = {pair: service.market.known(pair) for pair in swapper.lineups}
    show("data_age_seconds", {(pair,): now - _end_of(close.origin) for pair, close in closes.items() if close})
    show("swaps", {(pair,): float(count) for pair, count in swapper.swaps.items()})
    show("swap_failures", {(pair,): float(count) for pair, count in swapper.failures.items()})
    age = registry_age(service)
    show("registry_age_seconds", {} if age is None else {(): age})
    show("problems", {(): float(len(problems(service)))})
    show("in_flight", {(): float(service.in_flight)})
    show("ledger_pending", {(): float(service.recording.pending)})
    if service.live_errors is not None:
        errors = service.live_errors()
        show("live_rmse", {labels: rmse for labels, (rmse, _) in errors.items()})
        show("live_days", {labels: float(n_days) for labels, (_, n_days) in errors.items()})


def _end_of(day: str) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() + 86_400
