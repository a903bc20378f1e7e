"""Addresses of MLflow's own pages."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Links:
    """Where MLflow shows runs, models and versions; every address is empty where its pages are not known.

    Attributes:
        base: `http://127.0.0.1:5000`, or None.
    """

    base: str | None

    def version(self, name: str, version: int) -> str:
        """Of a registered version."""
        return f"{self.base}/#/models/{quote(name, safe='')}/versions/{version:d}" if self.base else ""

    def run(self, run_id: str) -> str:
        """Of a run; MLflow finds its experiment by itself."""
        return f"{self.base}/#/runs/{quote(run_id, safe='')}" if self.base else ""
