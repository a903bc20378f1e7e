"""Addresses of MLflow's own pages."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from podium.serve.hotswap.manifest import ModelCard


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

    def run(self, card: ModelCard) -> str:
        """Of the run that logged a version."""
        if not self.base or not card.experiment_id:
            return ""
        return f"{self.base}/#/experiments/{quote(card.experiment_id, safe='')}/runs/{quote(card.run_id, safe='')}"

    def models(self) -> str:
        """Of the registry."""
        return f"{self.base}/#/models" if self.base else ""
