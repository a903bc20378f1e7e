"""Training: every contestant on the same days, recorded whole or not counted."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest

from podium.errors import DataError, Fault, UnknownContestantError
from podium.evaluate.metrics import score
from podium.evaluate.walkforward import scored_rows
from podium.features import frame
from podium.models.linear import LinearRegressionContestant
from podium.pipeline import train as room
from podium.pipeline.prepare import load_table
from podium.pipeline.train import train, train_one
from podium.registry.log_items import read_forecasts
from podium.registry.mlflow_store import MlflowStore


def forecasts_of(trained, run):
    """The run's artifact, read back."""
    return read_forecasts(trained.store.read_file(run.run_id, "forecasts.parquet"))


def test_all_are_scored_on_the_common_window(trained):
    """Every run has the same tag and its artifact the same origins: the last fifth of the days, none left out."""
    table = load_table(trained.settings)
    days = scored_rows(table, trained.settings.n_lags, trained.settings.test_fraction)
    scored = days.rows
    assert [run.family for run in trained.runs] == ["LinearRegression", "ARIMA"]
    for run in trained.runs:
        assert run.tags["scored_days"] == str(days.scored_days(table))
        found = forecasts_of(trained, run)
        assert np.array_equal(found.origins, table.origins[scored])
        assert np.array_equal(found.target_dates, table.target_dates[scored])
        assert np.array_equal(found.actual, table.target[scored])


def test_anybody_can_compute_the_metrics_again(trained):
    """The recorded metrics are those of the recorded forecasts."""
    for run in trained.runs:
        found = forecasts_of(trained, run)
        for name, value in score(found.actual, found.forecast).items():
            assert run.metrics[name] == pytest.approx(value, rel=1e-12)


def test_the_registered_model_has_learned_every_day(trained):
    """The artifact is the recipe fitted up to the last known day, not a model that was scored."""
    settings, table = trained.settings, load_table(trained.settings)
    X, y = frame(table), table.target
    n_known = len(table) - 1
    contestant = LinearRegressionContestant(n_lags=settings.n_lags, seed=settings.seed)
    model = trained.store.load(trained.runs[0].model_uri)
    everything = contestant.fit(X[:n_known], y[:n_known]).predict(X)
    assert model.predict(X) == pytest.approx(everything, abs=1e-12)
    last_scored = contestant.fit(X[:-253], y[:-253]).predict(X)
    assert not np.allclose(everything, last_scored, rtol=0, atol=1e-9)


def test_the_scores_are_not_the_registered_models(trained):
    """Out-of-sample forecasts differ from what the final model says of days that it has seen."""
    table = load_table(trained.settings)
    found = forecasts_of(trained, trained.runs[0])
    rows = frame(table)[np.isin(table.origins, found.origins)]
    assert not np.allclose(trained.store.load(trained.runs[0].model_uri).predict(rows), found.forecast)


def test_training_again_gives_the_same_metrics(trained):
    """The same data, settings and seed give the same metrics, to the last bit."""
    again = train_one(trained.store, "ARIMA")
    before = trained.runs[1]
    assert again.run_id != before.run_id
    for name in ("rmse", "mae", "directional_accuracy"):
        assert again.metrics[name] == before.metrics[name]


def told_by(settings, **more):
    """Whom a training told of: family, run, and whether it had been done before."""
    told = []
    train(settings, lambda run, before: told.append((run.family, run.run_id, before)), **more)
    return told


def test_what_is_completed_is_not_done_again(ready):
    """Training goes on where it was: a completed contestant is told as such, one that is missing is trained."""
    one = ready.model_copy(update={"contestants": ("LinearRegression",)})
    ((_, run, before),) = told_by(one)
    assert not before
    both = told_by(ready.model_copy(update={"options": {"ARIMA": {"max_p": 1, "max_q": 0}}}))
    assert {family: before for family, _, before in both} == {"LinearRegression": True, "ARIMA": False}
    assert ("LinearRegression", run, True) in both
    ((_, anew, before),) = told_by(one, again=True)
    assert (anew == run, before) == (False, False)


def _lose_the_files(run_id, store):
    shutil.rmtree(store.client.get_run(run_id).info.artifact_uri.removeprefix("file://"))


def _cut_off(run_id, store):
    store.client.set_tag(run_id, "status", "running")


@pytest.mark.parametrize("spoil", [_lose_the_files, _cut_off])
def test_what_is_not_whole_is_done_again(ready, spoil):
    """A run that was cut off, or has lost its files since, is none that could be gone on from."""
    one = ready.model_copy(update={"contestants": ("LinearRegression",)})
    ((_, run, _),) = told_by(one)
    spoil(run, MlflowStore(one))
    assert told_by(one)[0][2] is False


@pytest.mark.parametrize("change", [{"options": {"LinearRegression": {"lags_used": 2}}}, {"test_fraction": 0.25}])
def test_another_recipe_is_another_task(ready, change):
    """Other options, other scored days: what was done of others does not count."""
    one = ready.model_copy(update={"contestants": ("LinearRegression",)})
    told_by(one)
    assert told_by(one.model_copy(update=change))[0][2] is False


def test_another_podium_trains_again(ready, monkeypatch):
    """What another version of the code has made counts for nothing here."""
    one = ready.model_copy(update={"contestants": ("LinearRegression",)})
    told_by(one)
    monkeypatch.setattr(room, "code_version", lambda: {"podium_version": "99"})
    assert told_by(one)[0][2] is False


def test_a_contestant_that_fails_leaves_nothing_completed(ready, monkeypatch):
    """When the first contestant fails, its error comes whole and no run counts."""

    @dataclasses.dataclass(frozen=True)
    class Failing(LinearRegressionContestant):
        def fit(self, X, y):
            raise DataError([Fault("EURUSD", "lag_0", "no luck", 1)])

    monkeypatch.setattr(room, "enter", lambda family, settings: Failing())
    monkeypatch.setattr(room, "admit", lambda *given: None)
    with pytest.raises(DataError, match="no luck"):
        train(ready)
    assert _completed(ready) == []


def test_a_contestant_that_fails_late_leaves_nothing_completed(ready, monkeypatch):
    """A model that cannot be logged leaves a failed run, which never counts."""
    real = LinearRegressionContestant.fit

    def fit(self, X, y):
        model = real(self, X, y)
        model.flavor = "pickle"
        return model

    monkeypatch.setattr(LinearRegressionContestant, "fit", fit)
    with pytest.raises(Exception, match="flavour 'pickle'"):
        train(ready.model_copy(update={"contestants": ("LinearRegression",)}))
    assert _completed(ready) == []
    (run,) = MlflowStore(ready).client.search_runs([MlflowStore(ready).prepare()], "attributes.status = 'FAILED'")
    assert run.data.tags["status"] == "failed"


def _completed(settings):
    table = load_table(settings)
    window = scored_rows(table, settings.n_lags, settings.test_fraction).scored_days(table)
    return MlflowStore(settings).completed_runs(table.data_version, window)


def test_an_unknown_contestant_is_found_before_any_work(ready):
    """No process starts and no run begins for a name that nobody offers."""
    with pytest.raises(UnknownContestantError, match="'Prophet' is not known"):
        train(ready.model_copy(update={"contestants": ("LinearRegression", "Prophet")}))
    assert MlflowStore(ready).client.search_experiments(filter_string="name LIKE 'EURUSD%'") == []


def test_too_few_days_are_found_before_any_work(ready):
    """Too small a share of days to score is named before anything is trained."""
    with pytest.raises(DataError, match="enough days to learn and to score"):
        train(ready.model_copy(update={"test_fraction": 0.01}))
    assert MlflowStore(ready).client.search_experiments(filter_string="name LIKE 'EURUSD%'") == []
