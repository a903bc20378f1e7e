"""What is counted and timed, for Prometheus."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from podium.serve.web.config import SHARED

BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)  # seconds
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MEASUREMENTS = frozenset({"model_age_seconds", "data_age_seconds", "registry_age_seconds", "live_rmse"})
"""Gauges of which 0 would be read as a value, and a good one."""


class Telemetry:
    """All metrics of one process; several processes add theirs up through files when `PROMETHEUS_MULTIPROC_DIR` is set.

    Attributes:
        requests: by endpoint and status.
        seconds: from the request's head to the answer, by endpoint.
        forecasts: rows answered, by pair, arm, model and version.
        shadows: rows scored in the shadow, by the same.
        failed_shadows: shadow forecasts that could not be made, by pair and arm.
        ledger_failures: requests whose forecasts could not be written down.
    """

    def __init__(self) -> None:
        self.shared = bool(os.environ.get(SHARED))
        self.registry = CollectorRegistry()
        own = self.registry
        by_model = ["pair", "arm", "model", "version"]
        self.requests = Counter("podium_requests", "Requests answered.", ["endpoint", "status"], registry=own)
        self.seconds = Histogram(
            "podium_request_seconds", "Time to answer.", ["endpoint"], buckets=BUCKETS, registry=own
        )
        self.forecasts = Counter("podium_forecasts", "Rows forecast and answered.", by_model, registry=own)
        self.shadows = Counter("podium_shadow_forecasts", "Rows forecast in the shadow.", by_model, registry=own)
        self.failed_shadows = Counter(
            "podium_shadow_failures", "Shadow forecasts that failed.", ["pair", "arm"], registry=own
        )
        self.ledger_failures = Counter("podium_ledger_failures", "Requests not written to the ledger.", registry=own)
        self._gauges = {
            name: Gauge(f"podium_{name}", text, labels, multiprocess_mode=mode, registry=own)
            for name, (text, labels, mode) in _GAUGES.items()
        }
        self._shown: dict[str, set[tuple[str, ...]]] = {}
        self._of: Callable[..., Any] = cache(_labelled)  # prometheus_client looks for it under a lock

    def counted(self, endpoint: str, status: int, seconds: float) -> None:
        """One request was answered."""
        self._of(self.requests, endpoint, status).inc()
        self._of(self.seconds, endpoint).observe(seconds)

    def forecast(self, labels: tuple[str, str, str, str], n_rows: int, *, shadow: bool = False) -> None:
        """Rows were forecast.

        Args:
            labels: pair, arm, model, version.
            n_rows: how many.
            shadow: whether the client did not get them.
        """
        self._of(self.shadows if shadow else self.forecasts, *labels).inc(n_rows)

    def show(self, gauge: str, values: Mapping[tuple[str, ...], float]) -> None:
        """Set a gauge for each of these labels; of those that are gone a count becomes 0, and a measurement NaN."""
        found = self._gauges[gauge]
        gone = self._shown.get(gauge, set()) - values.keys()
        self._shown[gauge] = set(values)
        nothing = math.nan if gauge in MEASUREMENTS else 0.0
        for labels, value in [*((labels, nothing) for labels in gone), *values.items()]:
            (found.labels(*labels) if labels else found).set(value)

    def render(self) -> bytes:
        """All metrics as Prometheus reads them."""
        if not self.shared:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def _labelled(metric: Counter | Histogram, *labels: object) -> Counter | Histogram:
    return metric.labels(*labels)


_GAUGES: dict[str, tuple[str, list[str], Literal["mostrecent", "max", "livemax", "livesum"]]] = {
    "model_info": ("1 for each model in service.", ["pair", "arm", "model", "version"], "mostrecent"),
    "model_age_seconds": ("Time since the model in service was logged.", ["pair", "arm"], "mostrecent"),
    "data_age_seconds": ("Time since the newest stored close, from the end of its day.", ["pair"], "mostrecent"),
    "registry_age_seconds": ("Time since the registry was last read.", [], "mostrecent"),
    "swaps": ("How often the models in service were swapped, the first load included.", ["pair"], "max"),
    "swap_failures": ("How often a model was not taken.", ["pair"], "max"),
    "problems": ("Things that are not as they should be; /health says which.", [], "livemax"),
    "in_flight": ("Requests being worked on.", [], "livesum"),
    "ledger_pending": ("Forecasts that wait to be written.", [], "livesum"),
    "live_rmse": ("RMSE over the arm's own settled days.", ["pair", "arm"], "mostrecent"),
    "live_days": ("The arm's own settled days.", ["pair", "arm"], "mostrecent"),
}
