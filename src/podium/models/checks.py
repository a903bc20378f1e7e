"""What every contestant must pass before it takes part, as small named checks; river's admission checks are the model.

A check takes a `Trial` and answers with what is wrong, or with None. `check_contestant` runs them all:

    from podium.models.checks import check_contestant
    check_contestant(MyContestant(), table)  # raises AdmissionError, which names the check
"""

from __future__ import annotations

import dataclasses
import json
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from podium.errors import AdmissionError, PodiumError
from podium.features import frame
from podium.models.base import FAMILY, Contestant, FittedModel
from podium.models.onnx_graph import run_graph
from podium.records import FeatureTable, Floats

if TYPE_CHECKING:
    import pandas as pd

N_FORECAST = 60
MIN_ROWS = 3 * N_FORECAST
N_ADMISSION = 1000
# In standard deviations of the target. Arithmetic in float32 stays a hundred times below it.
TOLERANCE = 1e-5


class Trial:
    """A contestant with the rows that it is tried on; what several checks need is made once.

    The last 60 known rows are forecast, from a fit on all before them.

    Args:
        contestant: it is not changed.
        table: features of any series, with at least 180 known targets.

    Raises:
        AdmissionError: the table is too short for a trial.
    """

    def __init__(self, contestant: Contestant, table: FeatureTable) -> None:
        n_known = int(np.isfinite(table.target).sum())
        if n_known < MIN_ROWS:
            raise AdmissionError(f"{n_known} days with a known target are too few for a trial; give {MIN_ROWS} or more")
        self.contestant, self.table = contestant, table
        self.n_learned = n_known - N_FORECAST
        self.later = slice(self.n_learned, n_known)
        self.tolerance = TOLERANCE * float(np.std(table.target[:n_known]))

    def rows(self) -> tuple[pd.DataFrame, Floats]:
        """X and y of the whole table, copied, so that nobody spoils them for the next check."""
        return frame(dataclasses.replace(self.table, values=self.table.values.copy())), self.table.target.copy()

    def fit(self, X: pd.DataFrame, y: Floats) -> FittedModel:
        """A new contestant of the same settings, tuned and fitted on the rows before those that are forecast."""
        known = slice(None, self.n_learned)
        return dataclasses.replace(self.contestant).tuned(X[known], y[known]).fit(X[known], y[known])

    @cached_property
    def fitted(self) -> FittedModel:
        """The fitted model that most checks look at."""
        return self.fit(*self.rows())

    @property
    def X(self) -> pd.DataFrame:  # noqa: N802 - the field's name for a feature matrix
        """The rows that are forecast, a new copy at each look."""
        return self.rows()[0][self.later]

    @cached_property
    def forecasts(self) -> Floats:
        """Of the fitted model for these rows, shape (60,)."""
        return self.fitted.predict(self.X)

    def differ(self, forecasts: Any, expected: Floats) -> bool:
        """Whether two sets of forecasts are further apart than arithmetic explains."""
        found = np.asarray(forecasts, dtype=np.float64)
        return found.shape != expected.shape or not np.allclose(found, expected, rtol=0, atol=self.tolerance)


def names_itself(trial: Trial) -> str | None:
    """The family can be part of a registered model's name, and a sentence describes it."""
    contestant = type(trial.contestant)
    if not FAMILY.fullmatch(getattr(contestant, "family", "")):
        return "`family` must be letters and digits; it becomes part of the registered model's name"
    return None if getattr(contestant, "description", "").strip() else "`description` is empty"


def forecasts_are_finite(trial: Trial) -> str | None:
    """`predict` answers with one finite float64 a row, in a plain array."""
    found: Any = trial.forecasts
    if not isinstance(found, np.ndarray) or found.dtype != np.float64 or found.shape != (N_FORECAST,):
        about = f"{found.dtype} of shape {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
        return f"{N_FORECAST} rows gave {about}, not float64 of shape ({N_FORECAST},)"
    return None if np.isfinite(found).all() else f"{int((~np.isfinite(found)).sum())} forecasts are not finite"


def same_whatever_the_batch(trial: Trial) -> str | None:
    """A row's forecast depends on that row alone: not on its neighbours, their number or their order."""
    one_by_one = np.concatenate([trial.fitted.predict(trial.X[at : at + 1]) for at in range(0, N_FORECAST, 10)])
    if trial.differ(one_by_one, trial.forecasts[::10]):
        return "rows given one at a time have other forecasts than given together"
    if trial.differ(trial.fitted.predict(trial.X[::-1]), trial.forecasts[::-1]):
        return "rows in reverse order have other forecasts"
    return None


def no_look_ahead(trial: Trial) -> str | None:
    """Changing every value after a day changes no forecast at or before it, in the fit or in the batch."""
    middle = trial.n_learned + N_FORECAST // 2
    X, y = trial.rows()
    X.iloc[middle:] = -3 * X.iloc[middle:] + 0.01
    y[middle - 1 :] = -5 * y[middle - 1 :] + 0.02  # the target of the row before becomes known with the first later row
    before = trial.fit(X, y).predict(X[trial.later])[: middle - trial.n_learned]
    if trial.differ(before, trial.forecasts[: len(before)]):
        return "forecasts changed when later days were changed"
    return None


def inputs_unchanged(trial: Trial) -> str | None:
    """Neither `fit` nor `predict` writes into the rows it is given."""
    X, y = trial.rows()
    model = trial.fit(X, y)
    if _changed(trial, X, y):
        return "`fit` changed X or y"
    model.predict(X[trial.later])
    batch = trial.X
    model.predict(batch)
    changed = _changed(trial, X, y) or not batch.equals(trial.X)
    return "`predict` changed X" if changed else None


def _changed(trial: Trial, X: pd.DataFrame, y: Floats) -> bool:
    known_X, known_y = trial.rows()
    return not (X.equals(known_X) and np.array_equal(y, known_y, equal_nan=True))


def fit_repeats(trial: Trial) -> str | None:
    """The same seed and rows give the same model, to the last bit."""
    again = trial.fit(*trial.rows()).predict(trial.X)
    return None if np.array_equal(again, trial.forecasts) else "a second fit on the same rows gave other forecasts"


def columns_are_found_by_name(trial: Trial) -> str | None:
    """Columns in another order, and columns that it was not fitted on, change nothing."""
    moved = trial.X.columns[::-1]
    models = [("predict", trial.fitted.predict)]
    if trial.fitted.flavor == "sklearn":  # a Keras model takes a tensor, which has no names
        models.append(("the native model", trial.fitted.native.predict))
    for name, predict in models:
        if trial.differ(predict(trial.X[moved].assign(unheard_of=1.0)), predict(trial.X)):
            return f"{name} gave other forecasts when columns were moved and one was added"
    return None


def params_are_plain(trial: Trial) -> str | None:
    """Settings and what the fit chose are texts, numbers or truth values that JSON can hold."""
    params: dict[str, Any] = {**trial.contestant.params, **trial.fitted.params}
    for name, value in params.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            return f"parameter {name} = {value!r} is not plain"
        if not isinstance(value, str | int | float | bool):
            return f"parameter {name} is a {type(value).__name__}, not one text or number"
    return None


def requirements_are_pinned(trial: Trial) -> str | None:
    """Whoever loads the model next year gets the libraries that it was made with."""
    from packaging.requirements import InvalidRequirement, Requirement

    for line in trial.fitted.pip_requirements:
        try:
            pins = [pin.operator for pin in Requirement(line).specifier]
        except InvalidRequirement:
            return f"{line!r} is not a pip requirement"
        if pins != ["=="]:
            return f"{line!r} does not name one version"
    return None if trial.fitted.pip_requirements else "`pip_requirements` is empty"


def saved_model_forecasts_the_same(trial: Trial) -> str | None:
    """The native model, saved without pickle and loaded again, gives the forecasts of `predict`."""
    flavours = {"sklearn": _through_skops, "tensorflow": _through_keras, "onnx": _through_onnx}
    if trial.fitted.flavor not in flavours:
        return f"flavour {trial.fitted.flavor!r} is not one of {', '.join(flavours)}"
    if fault := _foreign_types(trial.fitted):
        return fault
    if trial.differ(np.ravel(flavours[trial.fitted.flavor](trial.fitted.native, trial.X)), trial.forecasts):
        return "the native model, saved and loaded, gave other forecasts than `predict`"
    return None


def _through_skops(native: Any, X: pd.DataFrame) -> Any:
    import skops.io

    saved = skops.io.dumps(native)
    return skops.io.loads(saved, trusted=skops.io.get_untrusted_types(data=saved)).predict(X)


def _through_keras(native: Any, X: pd.DataFrame) -> Any:
    import keras

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="keras")  # of NumPy, about Keras's arrays
        path = str(Path(folder, "model.keras"))
        native.save(path)
        return keras.saving.load_model(path, safe_mode=True).predict_on_batch(X.to_numpy())


def _through_onnx(native: Any, X: pd.DataFrame) -> Any:
    return run_graph(native.SerializeToString(), X.to_numpy())


def _foreign_types(model: FittedModel) -> str | None:
    """A class of one's own must travel with the model, since the machine that loads it has not got it."""
    import skops.io

    if model.flavor != "sklearn" or model.code_paths:
        return None
    libraries = {"sklearn", "numpy", "scipy", "builtins"} | {
        re.split(r"\W", line)[0] for line in model.pip_requirements
    }
    for name in skops.io.get_untrusted_types(data=skops.io.dumps(model.native)):
        if name.split(".")[0] not in libraries:
            return f"it needs {name}, which neither `pip_requirements` nor `code_paths` bring"
    return None


def onnx_graph_agrees(trial: Trial) -> str | None:
    """Where there is an ONNX graph, it gives the forecasts of `predict`."""
    graph = trial.fitted.onnx(trial.table.names)
    if graph is not None and trial.differ(run_graph(graph, trial.X.to_numpy()), trial.forecasts):
        return "the ONNX graph gave other forecasts than `predict`"
    return None


Check = Callable[[Trial], str | None]

# In this order, since a fit that does not repeat seems to look ahead, and a batch that looks ahead depends on itself.
CHECKS: tuple[Check, ...] = (
    names_itself,
    forecasts_are_finite,
    fit_repeats,
    no_look_ahead,
    same_whatever_the_batch,
    inputs_unchanged,
    columns_are_found_by_name,
    params_are_plain,
    requirements_are_pinned,
    saved_model_forecasts_the_same,
    onnx_graph_agrees,
)


def verdicts(contestant: Contestant, table: FeatureTable) -> Iterator[tuple[str, str | None]]:
    """Each check by its name, with what is wrong or None; a check that fails ends nothing.

    Args:
        contestant: with its settings.
        table: as for `check_contestant`; of a long one the newest thousand rows are taken.
    """
    for name, fault, _ in _found(Trial(contestant, _newest(table, N_ADMISSION))):
        yield name, fault


def check_contestant(contestant: Contestant, table: FeatureTable) -> None:
    """Admit a contestant to championships, or say what keeps it out.

    Args:
        contestant: with its settings.
        table: features of any series, with the contestant's n_lags and at least 180 known targets.

    Raises:
        AdmissionError: it fails a check; the message names the check and what is wrong.
    """
    family = getattr(contestant, "family", type(contestant).__name__)
    for name, fault, cause in _found(Trial(contestant, table)):
        if fault:
            raise AdmissionError(f"{family} is not admitted, check {name}: {fault}") from cause


def _newest(table: FeatureTable, n_rows: int) -> FeatureTable:
    rows = slice(-n_rows, None)
    return dataclasses.replace(
        table,
        origins=table.origins[rows],
        target_dates=table.target_dates[rows],
        values=table.values[rows],
        target=table.target[rows],
    )


def _found(trial: Trial) -> Iterator[tuple[str, str | None, Exception | None]]:
    """Each check by its name, with what is wrong or None, and what was raised."""
    for check in CHECKS:
        fault: str | None = None
        cause: Exception | None = None
        try:
            fault = check(trial)
        except PodiumError as error:
            fault, cause = str(error), error
        except Exception as error:  # noqa: BLE001  the contestant is somebody else's, and may raise anything
            fault, cause = f"it raised {type(error).__name__}: {' '.join(str(error).split())}", error
        yield check.__name__, fault, cause
