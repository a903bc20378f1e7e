"""The report page: gathers what the championship left in the registry, has it drawn, and files it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from platform import python_version
from typing import Final, TypeVar

import numpy as np

from podium.data.calendar import stale
from podium.data.days_ahead import read_ahead
from podium.data.files import atomic_write
from podium.data.store import data_version, load_series
from podium.errors import MissingError, PodiumError, SettingError
from podium.evaluate.economics import COST_BPS
from podium.evaluate.judgement import Judgement
from podium.pipeline.forecast import forecast
from podium.pipeline.prepare import series_path
from podium.pipeline.recipe import installed
from podium.pipeline.record import read_record
from podium.records import ALIASES, CHAMPION, DataVersion, Forecasts, VersionRecord
from podium.registry import judgements
from podium.registry.history import crowned, taken
from podium.registry.mlflow_store import MlflowStore
from podium.report.championship import championship_page
from podium.report.scene import Holder, Scene
from podium.settings import Settings

ARTIFACT: Final = "report.html"
FOLDER: Final = Path("reports")
SOFTWARE: Final = ("podium", "mlflow", "numpy", "scikit-learn", "statsmodels", "arch", "tensorflow-cpu", "tensorflow")

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Reported:
    """Where the page went.

    Attributes:
        judgement: what it shows.
        path: of the file.
        run_id: the run whose artifact `report.html` it is too.
        untold: what it could not show, by name, and why.
    """

    judgement: Judgement
    path: Path
    run_id: str
    untold: dict[str, str]


def report(
    settings: Settings, cost_bps: float = COST_BPS, folder: Path = FOLDER, horizons: Sequence[int] = (1,)
) -> Reported:
    """Write the page on the last championship, and log it with the champion's run; after a leak the first in rank's.

    Args:
        settings: pair, addresses and folders.
        cost_bps: of trading, in basis points for each unit of position changed.
        folder: where `<PAIR>.html` goes.
        horizons: trading days ahead that it tells of beside the next one and those that are kept of these rates.

    Raises:
        MissingError: there is no champion yet, or it carries no judgement.
        SettingError: the cost is negative or not a number, or the file cannot be written.
    """
    if not (np.isfinite(cost_bps) and cost_bps >= 0):
        raise SettingError(f"cost of {cost_bps:g} basis points: give zero or more")
    store = MlflowStore(settings)
    subject = _subject(store)
    scene = gather(store, subject, cost_bps, horizons)
    page = championship_page(scene).encode()
    path = folder / f"{settings.pair}.html"
    atomic_write(path, page)
    run_id = subject.run_id if CHAMPION in subject.aliases else scene.leader.run_id
    store.add_file(run_id, ARTIFACT, page)
    return Reported(scene.judgement, path, run_id, dict(scene.untold))


def _subject(store: MlflowStore) -> VersionRecord:
    """Whose championship the page is about: the champion's; where a leak let nobody have the title, that one."""
    return store.leader() or store.refused() or store.champion()  # which says why there is none


def gather(
    store: MlflowStore, subject: VersionRecord, cost_bps: float = COST_BPS, horizons: Sequence[int] = (1,)
) -> Scene:
    """Everything that the page shows; what cannot be had is left out with its reason.

    Args:
        store: where the championship is kept.
        subject: who holds the alias now, or a version of a championship that crowned nobody.
        cost_bps: see `report`.
        horizons: see `report`.

    Raises:
        MissingError: the champion carries no judgement.
    """
    judgement = judgements.carried(store, subject)
    if judgement is None:
        raise MissingError(
            f"{subject.name} (v{subject.version}) carries no judgement of a championship; run `podium evaluate`"
        )
    untold: dict[str, str] = {}
    forecasts = {
        row.family: rows
        for row in judgement.ranking
        if (rows := _tried(untold, row.family, lambda run_id=row.run_id: _scored(store, run_id, judgement))) is not None  # type: ignore[misc]
    }
    series = _tried(untold, "series", lambda: load_series(series_path(store.settings)))
    kept = read_ahead(store.settings, subject.name, subject.version, data_version(series)) if series else []
    further = sorted({*horizons, *(told.horizon for told in kept)} - {1})
    return Scene(
        judgement=judgement,
        forecasts=forecasts,
        series=series,
        next_day=_tried(untold, "next_day", lambda: forecast(store.settings)[0]),
        further=tuple(forecast(store.settings, further)) if further else (),
        untold=untold,
        notices=_notices(judgement, None if series is None else data_version(series)),
        cost_bps=cost_bps,
        written_at=datetime.now(UTC),
        stale=stale(store.settings, data_version(series)) if series else None,
        versions=_versions(),
        holder=_holder(store, subject) if CHAMPION in subject.aliases else None,
        aliases=_aliases(store, subject) if CHAMPION in subject.aliases else None,
    )


def _holder(store: MlflowStore, champion: VersionRecord) -> Holder:
    titles, uri = store.titles(), champion.pinned_uri
    return Holder(champion.name, champion.version, crowned(titles, uri), taken(titles, uri))


def _aliases(store: MlflowStore, champion: VersionRecord) -> dict[tuple[str, int], str]:
    """Who holds which alias now, the best where somebody holds several."""
    held = {(record.name, record.version): record.aliases for record in store.holders()}
    best = {
        key: next(alias for alias in ALIASES if alias in names) for key, names in held.items() if names & {*ALIASES}
    }
    return {**best, (champion.name, champion.version): CHAMPION}


def _tried(untold: dict[str, str], name: str, ask: Callable[[], Found]) -> Found | None:
    try:
        return ask()
    except PodiumError as error:
        untold[name] = str(error).rstrip(".")
        return None


def _scored(store: MlflowStore, run_id: str, judgement: Judgement) -> Forecasts:
    """The forecasts of the days that the judgement is about; the record may have gone on since."""
    return read_record(store, run_id).part(slice(judgement.n_scored_days))


def _notices(judgement: Judgement, stored: DataVersion | None) -> tuple[str, ...]:
    if stored is None or stored == judgement.data_version:
        return ()
    line = (
        f"Newer rates are stored ({stored}): the championship was decided on {judgement.data_version}, and the "
        "next day's range is made from the newer ones."
    )
    return (line,)


def _versions() -> dict[str, str]:
    return {"Python": python_version(), **{name: found for name in SOFTWARE if (found := installed(name))}}
