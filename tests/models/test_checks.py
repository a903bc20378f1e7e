"""The contestants that Podium ships are admitted, and so is a new one; bad ones are refused by the check they break."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from podium.errors import AdmissionError
from podium.evaluate.walkforward import ScoredRows, walk_forward
from podium.models.base import Contestant
from podium.models.checks import CHECKS, check_contestant, verdicts
from podium.models.estimator import AffineModel, SklearnModel
from podium.models.linear import LinearRegressionContestant
from podium.models.roster import enter, known
from podium.settings import Settings
from tests.models.refusal import refusal

FAMILIES = [pytest.param(name, marks=[pytest.mark.tensorflow] if name == "LSTM" else []) for name in sorted(known())]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_contestant_of_the_roster_is_admitted(family, recent):
    """Each passes all checks on the last 1,300 days of EUR/USD."""
    assert refusal(enter(family, Settings()), recent) == ""


NEW_CONTESTANT = """
from dataclasses import dataclass
from typing import ClassVar

from podium.models.estimator import AffineModel
from podium.models.base import Contestant


@dataclass(frozen=True)
class ShrunkMean(Contestant):
    alpha: float = 10.0

    family: ClassVar[str] = "ShrunkMean"
    description: ClassVar[str] = "Ridge on the five-day mean."

    def fit(self, X, y):
        from sklearn.linear_model import Ridge

        return AffineModel(Ridge(self.alpha).fit(X[["ma_5"]], y))
"""


def test_a_new_contestant_is_one_file_and_one_entry_point(tmp_path, monkeypatch, recent):
    """A file and an entry point outside of this package take part: known, set up by settings, admitted, scored."""
    (tmp_path / "shrunk_mean.py").write_text(NEW_CONTESTANT)
    about = tmp_path / "shrunk_mean-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: shrunk-mean\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[podium.contestants]\nShrunkMean = shrunk_mean:ShrunkMean\n")
    monkeypatch.syspath_prepend(tmp_path)
    known.cache_clear()
    try:
        contestant = enter("ShrunkMean", Settings(options={"ShrunkMean": {"alpha": 3.0}}))
    finally:
        known.cache_clear()
        sys.modules.pop("shrunk_mean", None)
    assert contestant.params == {"alpha": 3.0}
    assert refusal(contestant, recent) == ""
    days = ScoredRows(first_scored=1100, n_known=len(recent) - 1)
    assert len(walk_forward(contestant, recent, days, 252).forecasts) == days.n_scored


class Altered(AffineModel):
    """A linear model whose parts a test changes."""

    def __init__(self, pipeline, *, predict=None, onnx=True):
        super().__init__(pipeline)
        self._predict, self._onnx = predict, onnx

    def predict(self, X):
        forecasts = super().predict(X)
        return self._predict(X, forecasts) if self._predict else forecasts

    def onnx(self, names):
        return super().onnx(names) if self._onnx else None


@dataclass(frozen=True)
class Toy(LinearRegressionContestant):
    """Least squares, to be spoilt."""

    def regression(self, X, y):
        return super().fit(X, y).estimator


def between(function, **kw_args):
    """The linear pipeline with a function of the whole batch in its middle."""

    def fit(self, X, y):
        from sklearn.pipeline import Pipeline
        from sklearn.preprocessing import FunctionTransformer

        scale, regress = (step for _, step in self.regression(X, y).steps)
        middle = FunctionTransformer(function, kw_args=kw_args)
        pipeline = Pipeline([("scale", scale), ("middle", middle), ("regress", regress)])
        return Altered(pipeline, onnx=False)

    return fit


def peeks_in_the_fit(self, X, y):
    """NumPy lets whoever holds a slice see the whole."""
    pipeline = self.regression(X, y)
    whole = y if y.base is None else y.base
    pipeline[-1].intercept_ += np.nanmean(whole)
    return Altered(pipeline)


def unseeded(self, X, y):
    """Draws from the operating system's randomness."""
    pipeline = self.regression(X, y)
    pipeline[-1].intercept_ += np.random.default_rng().normal(0, 1e-4)
    return Altered(pipeline)


def spoils_x_in_the_fit(self, X, y):
    """Writes into the caller's rows."""
    pipeline = self.regression(X, y)
    X.to_numpy()[0, 0] = 9.0
    return Altered(pipeline)


def spoils_x_in_predict(self, X, y):
    """Writes into the caller's rows, later."""

    def predict(rows, forecasts):
        rows.to_numpy()[0, 0] = 9.0
        return forecasts

    return Altered(self.regression(X, y), predict=predict)


def counts_columns(self, X, y):
    """Takes features by place."""
    return Altered(
        self.regression(X, y), predict=lambda rows, forecasts: forecasts + 1e-3 * rows.to_numpy()[:, 0], onnx=False
    )


def knows_no_names(self, X, y):
    """Fitted on an array."""
    from sklearn.linear_model import LinearRegression

    return SklearnModel(LinearRegression().fit(X.to_numpy(), y))


def scales_outside(self, X, y):
    """Forecasts in units that the saved model knows nothing of."""
    return Altered(self.regression(X, y), predict=lambda _, forecasts: 100 * forecasts)


def brings_its_own_class(self, X, y):
    """Saves an estimator of a class that only this file has."""
    pipeline = self.regression(X, y)
    own = OwnRegression()
    own.__dict__.update(pipeline[-1].__dict__)
    pipeline.steps[-1] = ("regress", own)
    return Altered(pipeline)


def _own_regression():
    from sklearn.linear_model import LinearRegression

    return type("OwnRegression", (LinearRegression,), {"__module__": __name__})


OwnRegression = _own_regression()


def asks_for_anything(self, X, y):
    """Names a library without its version."""
    model = Altered(self.regression(X, y))
    model.pip_requirements = ("mlflow", "scikit-learn>=1")
    return model


def another_graph(self, X, y):
    """Ships the graph of another fit."""
    model, other = Altered(self.regression(X, y)), Altered(self.regression(X, 2 * y))
    model.onnx = other.onnx
    return model


BAD = {
    "peeks in the fit": ({"fit": peeks_in_the_fit}, "no_look_ahead"),
    "peeks in the batch": ({"fit": between(np.roll, shift=-1, axis=0)}, "no_look_ahead"),
    "adds up the batch": ({"fit": between(np.cumsum, axis=0)}, "same_whatever_the_batch"),
    "unseeded": ({"fit": unseeded}, "fit_repeats"),
    "spoils X in the fit": ({"fit": spoils_x_in_the_fit}, "inputs_unchanged"),
    "spoils X in predict": ({"fit": spoils_x_in_predict}, "inputs_unchanged"),
    "counts columns": ({"fit": counts_columns}, "columns_are_found_by_name"),
    "scales outside": ({"fit": scales_outside}, "saved_model_forecasts_the_same"),
    "own class": ({"fit": brings_its_own_class}, "saved_model_forecasts_the_same"),
    "unpinned": ({"fit": asks_for_anything}, "requirements_are_pinned"),
    "another graph": ({"fit": another_graph}, "onnx_graph_agrees"),
    "single precision": (
        {"fit": lambda self, X, y: Altered(self.regression(X, y), predict=lambda _, f: f.astype(np.float32))},
        "forecasts_are_finite",
    ),
    "no number": (
        {"fit": lambda self, X, y: Altered(self.regression(X, y), predict=lambda _, f: f * np.nan)},
        "forecasts_are_finite",
    ),
    "list of params": ({"params": property(lambda _: {"layers": [16, 1]})}, "params_are_plain"),
    "NaN in params": ({"params": property(lambda _: {"aic": float("nan")})}, "params_are_plain"),
    "underscore": ({"family": "My_Model"}, "names_itself"),
    "no description": ({"description": " "}, "names_itself"),
}


@pytest.mark.parametrize("flaw", BAD)
def test_a_bad_contestant_is_refused_by_the_check_it_breaks(flaw, recent):
    """Each is refused with the name of its check, and every check refuses at least one."""
    parts, expected = BAD[flaw]
    contestant = type("Bad", (Toy,), parts)()
    assert refusal(contestant, recent).startswith(f"{contestant.family} is not admitted, check {expected}: ")


def test_every_check_refuses_somebody():
    """No check is there for show."""
    assert {check.__name__ for check in CHECKS} == {expected for _, expected in BAD.values()}


def test_the_unspoilt_toy_is_admitted(recent):
    """What the bad contestants are made from is good: they fail for their flaw alone."""
    assert refusal(Toy(), recent) == ""


def test_an_estimator_fitted_on_an_array_is_refused_in_one_line(recent):
    """Without names nothing could be selected by name, and the line says what to do."""
    with pytest.raises(AdmissionError, match=r"LinearRegression was fitted on an array.*fit it on X itself"):
        check_contestant(type("Bad", (Toy,), {"fit": knows_no_names})(), recent)


@dataclass(frozen=True)
class Boosting(Contestant):
    """A scikit-learn estimator as it is, that is not affine and insists on its columns and their order."""

    steps: int = 20

    family: ClassVar[str] = "Boosting"
    description: ClassVar[str] = "Gradient boosting."

    def fit(self, X, y):
        from sklearn.ensemble import HistGradientBoostingRegressor

        return SklearnModel(HistGradientBoostingRegressor(max_iter=self.steps, random_state=self.seed).fit(X, y))


def test_an_estimator_that_insists_on_its_columns_is_admitted_as_it_is(recent):
    """One line makes it a model: moved and further columns do not reach it, and its options are its parameters."""
    assert refusal(Boosting(), recent) == ""
    assert Boosting(steps=3).params == {"steps": 3}


def test_what_a_contestant_raises_is_a_fault_like_any_other(recent):
    """Each check is told once with what was raised, and whoever is refused has the trace of it."""

    def fit(self, X, y):
        raise KeyError("close")

    bad = type("Bad", (Toy,), {"fit": fit})()
    found = dict(verdicts(bad, recent))
    assert found["forecasts_are_finite"] == "it raised KeyError: 'close'"
    assert found["names_itself"] is None
    with pytest.raises(AdmissionError, match=r"is not admitted, check .*: it raised KeyError: 'close'") as refused:
        check_contestant(bad, recent)
    assert isinstance(refused.value.__cause__, KeyError)


def test_a_short_table_is_named(recent):
    """A table too short for a trial is the caller's fault, not the contestant's."""
    short = replace(
        recent,
        origins=recent.origins[:100],
        target_dates=recent.target_dates[:100],
        values=recent.values[:100],
        target=recent.target[:100],
    )
    with pytest.raises(AdmissionError, match="100 days with a known target are too few"):
        check_contestant(Toy(), short)


def test_own_code_that_travels_is_admitted(recent):
    """A class of one's own is fine once the file that holds it travels with the model."""

    def fit(self, X, y):
        model = brings_its_own_class(self, X, y)
        model.code_paths = (Path(__file__),)
        return model

    assert refusal(type("Own", (Toy,), {"fit": fit})(), recent) == ""
