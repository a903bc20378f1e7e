"""One who mixes the others' forecasts trains after them, and is ranked, recorded, loaded and forecast like anybody."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import ClassVar

import mlflow.pyfunc
import numpy as np
import pytest

from podium.errors import AdmissionError, SettingError
from podium.features import frame
from podium.models import roster
from podium.models.combination import CombinationContestant
from podium.pipeline import recipe, train
from podium.pipeline.combine import mixed, recorded
from podium.pipeline.forecast import forecast
from podium.pipeline.prepare import load_table
from podium.pipeline.routine import Routine, simulate
from podium.registry.packing import ONNX_FILE
from podium.registry.trust import refuse_code


@dataclass(frozen=True)
class Mix(CombinationContestant):
    """Combination, brought by somebody else."""

    family: ClassVar[str] = "Mix"


@pytest.fixture
def mixing(arena, monkeypatch):
    """An arena in which a guest mixes the two, and is named first."""
    offered = {**roster.known(), "Mix": EntryPoint("Mix", f"{__name__}:Mix", roster.GROUP)}
    load = EntryPoint.load
    monkeypatch.setattr(EntryPoint, "load", lambda point: Mix if point.name == "Mix" else load(point))
    for module in (roster, recipe):
        monkeypatch.setattr(module, "known", lambda: offered)
    monkeypatch.setattr(train, "admit", lambda *given: None)  # the process of its trial knows no module of the tests
    return arena.using(contestants=("Mix", "LinearRegression", "ARIMA"))


def test_a_championship_with_a_mixture(mixing, rates, tmp_path):
    """It is made of the others' recorded forecasts and models, loads as data, and its weights stand in its run."""
    judgement = mixing.championship(rates)
    rows = {row.family: row for row in judgement.ranking}
    each = {family: mixing.record(row.run_id, "forecasts.parquet") for family, row in rows.items()}
    mixture = each["Mix"]
    weighed = sum(mixture.bounds[f"weight_{name}"] * each[name].forecast for name in ("LinearRegression", "ARIMA"))
    assert mixture.forecast == pytest.approx(weighed, abs=1e-15)
    assert sum(rows["Mix"].weights.values()) == pytest.approx(1)
    assert set(rows["Mix"].weights) == {"random_walk", "LinearRegression", "ARIMA"}
    assert rows["ARIMA"].weights == {}

    X = frame(load_table(mixing.settings))[-3:]
    answers = {}
    for family, row in rows.items():
        uri = f"models:/{row.model_name}/{row.model_version}"
        answers[family] = np.ravel(mixing.store.load(uri).predict(X[X.columns[::-1]]))
    weights = rows["Mix"].weights
    weighed = sum(weights[name] * answers[name] for name in ("LinearRegression", "ARIMA"))
    assert answers["Mix"] == pytest.approx(weighed, abs=1e-15)
    folder = mixing.store.fetch(f"models:/{rows['Mix'].model_name}/1", tmp_path)
    refuse_code(folder, "EURUSD_Mix", ())
    assert np.ravel(mlflow.pyfunc.load_model(str(folder)).predict(X)) == pytest.approx(answers["Mix"], abs=1e-15)


def test_who_has_no_graph_is_left_out(mixing, rates):
    """A member whose model has no ONNX graph is no part of the mixture; where nobody has one, a line says so."""
    runs = {run.family: run for run in mixing.using(contestants=("LinearRegression", "ARIMA")).days(rates).train()}
    assert list(recorded(mixing.store, runs)) == ["LinearRegression", "ARIMA"]
    (mixing.store.fetch(runs["ARIMA"].model_uri) / ONNX_FILE).unlink()
    assert list(recorded(mixing.store, runs)) == ["LinearRegression"]
    with pytest.raises(AdmissionError, match="Mix: nobody whose model has an ONNX graph takes part; enter one more"):
        mixed(Mix(), {}, load_table(mixing.settings))


def test_a_mixture_forecasts_further_days_too(mixing, rates):
    """As champion it forecasts five days ahead by the recorded recipes of those whose forecasts it mixes."""
    mixing.championship(rates)
    champion = next(version for version in mixing.store.versions() if version.family == "Mix")
    mixing.store.assign("EURUSD", {"champion": champion})
    alone = dataclasses.replace(mixing, settings=mixing.settings.model_copy(update={"contestants": ("Mix",)}))
    near, far = forecast(alone.settings, (1, 5))
    assert (near.model_name, far.horizon) == ("EURUSD_Mix", 5)
    assert far.interval.sigma > near.interval.sigma


def test_a_simulation_mixes_the_simulated(mixing, rates):
    """The routine is replayed with a mixture of the forecasts that the others make in it."""
    mixing.days(rates)
    told = []
    routine = Routine(("rmse",), learn_days=500, refit_every=60, trailing_days=100)
    (found,) = simulate(mixing.settings, ["EURUSD"], routine, told.append)
    assert found.contestants == ("Mix", "LinearRegression", "ARIMA")
    assert told[-1] == "EURUSD Mix"


def test_nobody_to_mix_is_found_before_any_work(mixing):
    """A mixture alone is refused in one line that says what is missing."""
    with pytest.raises(SettingError, match="Mix mixes the forecasts of others; name one more in contestants"):
        mixing.using(contestants=("Mix",)).train()


def test_a_members_options_are_part_of_the_recipe(mixing, rates):
    """Whoever changes a member's option tries another mixture."""
    mixing.days(rates)
    table = load_table(mixing.settings)
    before = recipe.recipe(mixing.settings, "Mix", table)
    other = mixing.settings.model_copy(update={"options": {"LinearRegression": {"lags_used": 3}}})
    assert recipe.recipe(mixing.settings, "Mix", table) == before
    assert recipe.recipe(other, "Mix", table) != before
