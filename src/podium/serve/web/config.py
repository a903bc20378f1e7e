"""What one serving process is told; as light as what tells it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podium.settings import Settings

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Variable of the folder in which several processes add up their metrics; prometheus_client reads it at its import."""


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What one serving process is told.

    Attributes:
        settings: the championship's, with those of serving.
        cache: folder of the models served and of the reader's manifest.
        begun: seconds since the epoch at which the server began: what it found to be true since is served.
        decide: decides on proposed titles, in a process of its own; None where nobody may over HTTP.
    """

    settings: Settings
    cache: Path
    begun: float = 0.0
    decide: Callable[..., Any] | None = None
