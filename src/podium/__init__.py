"""A forecasting championship on MLflow, from a notebook or a job.

::

    import podium

    podium.run(pair="EURUSD")                   # ingest, preprocess, train, evaluate
    podium.forecast([1, 5]).to_frame()          # what the champion says of the days to come
    model = podium.load_champion("EURUSD")      # whichever architecture leads

Every function takes settings by name, and reads those that are not given from the environment and `podium.toml`, as the
verbs do. Nothing is printed. The caller's MLflow stays as it was: its addresses, active run and autologging are neither
changed nor used. Errors are those of `podium.errors`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from podium.registry.isolation import isolated as _isolated

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel

    from podium.evaluate.judgement import Judgement
    from podium.pipeline.status import Status
    from podium.records import FeatureTable, NextDay, RunRecord, Series, Table
    from podium.settings import Settings

    __version__: str

__all__ = [
    "Settings", "__version__", "evaluate", "features", "forecast", "load_champion", "read_series", "run", "status",
    "train",
]  # fmt: skip


def run(
    *,
    again: bool = False,
    accept_leak: bool = False,
    unpin: bool = False,
    change_source: bool = False,
    **settings: Any,
) -> Judgement:
    """The whole championship: fetch the rates, make the features, train every contestant, evaluate.

    Args:
        again: train also whom a completed run of the same rates, recipe and code has been recorded of.
        accept_leak: take the responsibility for contestants under suspicion; it is recorded.
        unpin: decide although the title was moved by hand.
        change_source: decide although the title was decided on another series; it is recorded.
        **settings: fields of `Settings`, such as `pair="GBPJPY"`.

    Returns:
        What was decided; `to_frame()` is the ranking.
    """
    from podium.pipeline.contest import check_going_on, evaluate, warm_up
    from podium.pipeline.prepare import ingest, preprocess
    from podium.pipeline.train import train
    from podium.registry.mlflow_store import MlflowStore

    with _isolated(settings) as given:
        ingest(given)
        preprocess(given)
        check_going_on(MlflowStore(given), change_source)
        train(given, meanwhile=warm_up, again=again)
        return evaluate(given, accept_leak=accept_leak, unpin=unpin, change_source=change_source)


def train(*, again: bool = False, **settings: Any) -> Table[RunRecord]:
    """Score every contestant on the same days, fit it on all days, record it in MLflow.

    The stored series is used; it is fetched first where there is none.

    Args:
        again: train also whom a completed run of the same rates, recipe and code has been recorded of.
        **settings: fields of `Settings`, such as `contestants=["LinearRegression", "ARIMA"]`.

    Returns:
        The completed runs; `to_frame()` has a row a contestant and a column a metric.
    """
    from podium.pipeline.prepare import ingest, preprocess, series_path
    from podium.pipeline.train import train
    from podium.records import Table

    with _isolated(settings) as given:
        if not series_path(given).exists():
            ingest(given)
        preprocess(given)
        return Table(train(given, again=again))


def evaluate(
    *, accept_leak: bool = False, unpin: bool = False, change_source: bool = False, **settings: Any
) -> Judgement:
    """Judge and rank what was trained, register it, give the aliases, write `models/best_model_info.json`.

    On newer rates than were trained on the registered versions go on: their longer record is judged.

    Args:
        accept_leak: take the responsibility for contestants under suspicion; it is recorded.
        unpin: decide although the title was moved by hand.
        change_source: decide although the title was decided on another series; it is recorded.
        **settings: fields of `Settings`, such as `policy="significant"`.

    Returns:
        What was decided; `to_frame()` is the ranking.

    Raises:
        podium.errors.MissingError: nobody has been trained on the stored series, or on what it goes on from.
    """
    from podium.pipeline.onward import evaluate_or_go_on

    with _isolated(settings) as given:
        return evaluate_or_go_on(given, accept_leak=accept_leak, unpin=unpin, change_source=change_source)


def forecast(horizons: Sequence[int] = (1,), **settings: Any) -> Table[NextDay]:
    """The champion's forecast from the newest stored close, with its ranges.

    Args:
        horizons: trading days ahead.
        **settings: fields of `Settings`.

    Returns:
        A forecast a horizon; `to_frame()` has a row for each.

    Raises:
        podium.errors.MissingError: there is no champion or no series yet.
    """
    from podium.pipeline.forecast import forecast
    from podium.records import Table

    with _isolated(settings) as given:
        return Table(forecast(given, horizons))


def status(**settings: Any) -> Status:
    """Who leads, since when, on what data, and whether that means anything.

    Args:
        **settings: fields of `Settings`.

    Returns:
        How things stand; `to_frame()` is the ranking of the last championship.

    Raises:
        podium.errors.MissingError: there is no champion yet.
    """
    from podium.pipeline.status import status

    with _isolated(settings) as given:
        return status(given)


def load_champion(pair: str | None = None, **settings: Any) -> PyFuncModel:
    """The model that leads a pair's championship, whatever its architecture.

    It is found by its alias over all models `<PAIR>_*`, in the registry that the settings name.

    Args:
        pair: six letters, `EURUSD`; that of the settings if not given.
        **settings: further fields of `Settings`.

    Returns:
        A model of MLflow, whose `predict` takes X as `features(series).to_frame()` has it.

    Raises:
        podium.errors.MissingError: there is no champion yet.
        podium.errors.RegistryError: the registry cannot be reached.
    """
    from podium.registry.mlflow_store import MlflowStore

    with _isolated({"pair": pair, **settings}) as given:
        store = MlflowStore(given)
        return store.load(store.champion().pinned_uri)


def read_series(source: str | None = None, **settings: Any) -> Series:
    """Daily closes that passed the quality gate. Nothing is stored.

    Args:
        source: `ecb`, `ecb-online`, `csv:PATH`; that of the settings if not given.
        **settings: further fields of `Settings`, such as `pair="GBPJPY"`.

    Returns:
        The series; `to_frame()` has a row a day.

    Raises:
        podium.errors.DataError: the quality gate found faults.
        podium.errors.SourceError: the provider cannot be reached and no copy is at hand.
    """
    from podium.data.fetch import fetch_series

    with _isolated({"source": source, **settings}) as given:
        return fetch_series(given).series


def features(series: Series, **settings: Any) -> FeatureTable:
    """X and target of a series, as every contestant sees them.

    Args:
        series: closes, as `read_series` gives them.
        **settings: `n_lags`, where it is not that of the settings.

    Returns:
        The features; `to_frame()` is X, a row an origin.

    Raises:
        podium.errors.DataError: the series is too short.
    """
    from podium.data.store import data_version
    from podium.features import build_features

    with _isolated(settings) as given:
        return build_features(series, given.n_lags, data_version(series))


def __getattr__(name: str) -> Any:
    if name == "Settings":
        from podium.settings import Settings

        return Settings
    if name == "__version__":
        from importlib.metadata import version

        return version("podium")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _Package(ModuleType):
    """The package, in which the rooms `evaluate` and `features`, once imported, do not hide the functions."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
