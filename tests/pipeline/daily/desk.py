"""A pair whose days come one at a time."""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest

from podium.data.fetch import fetch_series
from podium.data.store import save_series
from podium.ledger.database import Ledger
from podium.ledger.schema import alarms, entries
from podium.pipeline import daily as module
from podium.pipeline.contest import evaluate
from podium.pipeline.daily import daily
from podium.pipeline.day import Day, DaysAsked
from podium.pipeline.forecast import forecast
from podium.pipeline.prepare import preprocess, series_path
from podium.pipeline.train import train
from podium.records import Series
from podium.registry import judgements
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings

N_KNOWN = 560
LIGHT = {"contestants": ("LinearRegression",), "workers": 1, "refit_every": 100, "n_lags": 6, "source": "csv:-"}


@dataclass
class Desk:
    """A pair whose championship was held on its first days, and a source that reveals the days after them."""

    settings: Settings
    rates: Series
    patch: pytest.MonkeyPatch

    @property
    def store(self) -> MlflowStore:
        """Its registry."""
        return MlflowStore(self.settings)

    def source(self, series: Series | Exception | bytes) -> None:
        """From here on the source has this, or fails, or answers these bytes, which are read as any answer is."""

        def fetch(settings: Settings) -> Any:
            if isinstance(series, Exception):
                raise series
            if isinstance(series, bytes):
                (answer := settings.data_dir.parent / "answer.csv").write_bytes(series)
                return fetch_series(settings.model_copy(update={"source": f"csv:{answer}"}))
            return Fetched(series)

        self.patch.setattr(module, "fetch_series", fetch)

    def held(self) -> Desk:
        """The championship on the first days."""
        known = self.rates.until(N_KNOWN)
        self.source(known)
        save_series(known, series_path(self.settings))
        preprocess(self.settings)
        train(self.settings)
        evaluate(self.settings)
        return self

    def evening(self, n_days: int) -> datetime:
        """Ten at night of the day at which so many are known."""
        return datetime.combine(self.rates.dates[n_days - 1].item(), time(22), UTC)

    def day(self, n_days: int, **more: Any) -> list[Day]:
        """The routine on the evening of that day, with its rate there."""
        self.source(self.rates.until(n_days))
        return daily(self.settings, DaysAsked(**more), self.evening(n_days))

    def alarms(self) -> Counter[str]:
        """How often each alarm was raised."""
        with closing(Ledger.open(self.settings.ledger)) as ledger, ledger.reading() as connection:
            return Counter(connection.scalars(alarms.select().with_only_columns(alarms.c.name)))

    def state(self) -> dict[str, Any]:
        """What the history ends in, without moments and ids."""
        titles = [(t.alias, t.name, t.version, t.verdict, t.previous, str(t.data_version)) for t in self.store.titles()]
        versions = [(v.name, v.version, sorted(v.aliases), str(v.data_version)) for v in self.store.versions()]
        champion = self.store.champion()
        with closing(Ledger.open(self.settings.ledger)) as ledger, ledger.reading() as connection:
            columns = [entries.c[n] for n in ("origin", "arm", "model_name", "model_version", "forecast", "lower")]
            rows = sorted(tuple(row) for row in connection.execute(entries.select().with_only_columns(*columns)))
        judged = judgements.carried(self.store, champion).as_dict()
        for moment in ("title_since", "key"):
            del judged[moment]
        for row in judged["ranking"]:
            for run in ("run_id", "fit_seconds", "forecast_seconds"):
                del row[run]
        (told,) = forecast(self.settings)
        return {"titles": titles, "versions": versions, "ledger": rows, "judged": judged, "rates": told.rates,
                "champion": champion.pinned_uri}  # fmt: skip


@dataclass
class Fetched:
    """What a source brought."""

    series: Series
    notes: tuple[str, ...] = ()


def in_folder(folder: Path) -> Settings:
    """Settings of one cheap contestant whose every file is there."""
    return Settings(
        **LIGHT,
        tracking_uri=f"sqlite:///{folder / 'mlflow.db'}",
        artifact_location=(folder / "artifacts").as_uri(),
        data_dir=folder / "data",
        models_dir=folder / "models",
        developer="tester",
    )


def opened(folder: Path, blank: Path, rates: Series, patch: pytest.MonkeyPatch, **more: Any) -> Desk:
    """The championship of one cheap contestant on the first days, held in a new folder."""
    folder.mkdir(exist_ok=True)
    shutil.copyfile(blank, folder / "mlflow.db")
    patch.chdir(folder)
    return Desk(in_folder(folder).model_copy(update=more), rates, patch).held()


def results(done: list[Day]) -> list[str]:
    """How the days ended."""
    return [day.result for day in done]
