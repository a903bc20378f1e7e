"""Walk-forward: what is learned when, what is scored, and that every contestant is scored on the same days."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np
import pytest

from podium.errors import AdmissionError, DataError
from podium.evaluate.walkforward import (
    MIN_SCORED_DAYS,
    MIN_TRAINING_DAYS,
    ScoredRows,
    at_horizon,
    scored_rows,
    walk_forward,
)
from podium.features import build_features
from podium.models.arima import ArimaContestant
from podium.models.base import Contestant, FittedModel
from podium.models.linear import LinearRegressionContestant
from podium.records import FeatureTable, Series

N_LAGS = 6
N_DAYS = 407  # 401 origins, 400 with a known target


@pytest.fixture(scope="module")
def walk() -> FeatureTable:
    """Features of a random walk of 407 days."""
    closes = np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.005, N_DAYS)))
    dates = np.datetime64("2020-01-01") + np.arange(N_DAYS)
    return build_features(Series("EURUSD", dates, closes, "test"), N_LAGS, "walk")


class Echo(FittedModel):
    """Forecasts the mean of what it learned."""

    flavor = "sklearn"
    native = None

    def __init__(self, mean: float) -> None:
        self.mean = mean

    def predict(self, X):
        return np.full(len(X), self.mean)


@dataclass(frozen=True)
class Spy(Contestant):
    """Writes down what it was shown; the newest return tells the row."""

    seen: list = field(default_factory=list)

    family = "Spy"
    description = "Records what it sees."

    def tuned(self, X, y):
        self.seen.append(("tuned", X["lag_0"].to_numpy(), y.copy()))
        return self

    def fit(self, X, y):
        self.seen.append(("fit", X["lag_0"].to_numpy(), y.copy()))
        return Echo(len(y))


DAYS = ScoredRows(first_scored=300, n_known=400)


def test_what_a_fit_imports_is_not_its_time(walk):
    """Libraries are imported before the clock runs, so that the seconds of a fit compare learning with learning."""

    @dataclass(frozen=True)
    class Cold(Spy):
        family = "Cold"

        def warm_up(self):
            self.seen.append(("warm", np.array([]), np.array([])))

    cold = Cold()
    walk_forward(cold, walk, DAYS, refit_every=0)
    assert [act for act, *_ in cold.seen] == ["warm", "tuned", "fit", "fit"]


@dataclass(frozen=True)
class Broken(Spy):
    """Its first model is good; the second answers as it was told to."""

    then: FittedModel = field(default_factory=lambda: Echo(np.nan))

    family = "Broken"

    def fit(self, X, y):
        return Echo(0.0) if len(y) == 300 else self.then


class Short(Echo):
    """Answers with three numbers, whatever it is asked."""

    def predict(self, X):
        return np.zeros(3)


def test_a_forecast_that_is_none_names_who_made_it_and_when(walk):
    """A contestant that does not answer with a number for every day is refused by name, and nothing is scored."""
    said = f"Broken: 40 of 40 forecasts are not finite numbers, the first on {walk.origins[340]}"
    with pytest.raises(AdmissionError, match=said):
        walk_forward(Broken(), walk, DAYS, refit_every=40)
    with pytest.raises(AdmissionError, match=r"Broken: \(3,\) forecasts for 40 days"):
        walk_forward(Broken(then=Short(0.0)), walk, DAYS, refit_every=40)


def test_it_learns_only_what_was_known(walk):
    """Each fit sees the rows whose target is known at the close of the next origin: all of these, no later one."""
    spy = Spy()
    walk_forward(spy, walk, DAYS, refit_every=40)
    shown = [(act, len(y)) for act, _, y in spy.seen]
    assert shown == [("tuned", 300), ("fit", 300), ("fit", 340), ("fit", 380), ("fit", 400)]
    for _, newest, y in spy.seen:
        assert np.array_equal(newest, walk.values[: len(y), 0])
        assert np.array_equal(y, walk.target[: len(y)])
        origin = len(y)  # the next to be forecast
        assert (walk.target_dates[: len(y)] <= walk.origins[origin]).all()


def test_a_fit_costs_no_more_for_a_longer_past(walk, monkeypatch):
    """Each fit, the first and the last too, learns from the last days that it may know, so many at most."""
    monkeypatch.setitem(walk_forward.__globals__, "MAX_FIT", 120)
    spy = Spy()
    walk_forward(spy, walk, DAYS, refit_every=40)
    assert [len(y) for _, _, y in spy.seen] == [120] * 5
    for (_, newest, y), end in zip(spy.seen, (300, 300, 340, 380, 400), strict=True):
        assert np.array_equal(newest, walk.values[end - 120 : end, 0])
        assert np.array_equal(y, walk.target[end - 120 : end])


def ended(walk: FeatureTable, n_known: int) -> FeatureTable:
    """The table as it was when so many targets were known."""
    rows = slice(0, n_known + 1)
    target = np.append(walk.target[:n_known], np.nan)
    return dataclasses.replace(
        walk, origins=walk.origins[rows], target_dates=walk.target_dates[rows], values=walk.values[rows], target=target
    )


@pytest.mark.parametrize("n_new", [1, 7, 40, 70])
@pytest.mark.parametrize("contestant", [LinearRegressionContestant(n_lags=N_LAGS), ArimaContestant(n_lags=N_LAGS)])
def test_a_longer_series_has_the_same_forecasts_of_the_same_days(walk, contestant, n_new):
    """Refits stay on their days while the scored days slide, to the last bit; known ones need no fit."""
    before = walk_forward(contestant, ended(walk, 330), ScoredRows(262, 330), 40).forecasts  # 260, 300
    days = ScoredRows(min(262 + n_new, 299), 330 + n_new)
    whole = walk_forward(contestant, ended(walk, 330 + n_new), days, 40).forecasts
    _, here, there = np.intersect1d(whole.origins, before.origins, return_indices=True)
    assert len(here) >= 31
    assert np.array_equal(whole.forecast[here], before.forecast[there])
    again = walk_forward(contestant, ended(walk, 330 + n_new), days, 40, before).forecasts
    assert np.array_equal(again.forecast, whole.forecast)


def test_only_what_is_new_is_fitted(walk):
    """The blocks that an earlier end of the series had whole are taken over, unless the first refit is another."""
    before = walk_forward(Spy(), ended(walk, 345), ScoredRows(262, 345), 40).forecasts
    for first, fits in ((270, [340, 380, 390]), (301, [300, 340, 380, 390])):
        spy = Spy()
        walk_forward(spy, ended(walk, 390), ScoredRows(first, 390), 40, before)
        assert [len(y) for act, _, y in spy.seen if act == "fit"] == fits


@pytest.mark.parametrize("horizon", [2, 5, 20])
def test_a_longer_horizon_waits_for_its_outcomes(walk, horizon):
    """No fit sees a return over several days of which one was still to come."""
    spy = Spy(horizon=horizon)
    ahead = at_horizon(walk, horizon)
    days = ScoredRows(first_scored=300, n_known=len(walk) - horizon)
    walked = walk_forward(spy, ahead, days, refit_every=40)
    for (_, _, y), origin in zip(spy.seen[1:-1], (300, 340, 380), strict=False):
        assert ahead.target_dates[len(y) - 1] == walk.origins[origin]
    assert np.isfinite(walked.forecasts.actual).all()
    assert np.isfinite(spy.seen[-1][2]).all()


def test_the_return_over_a_horizon_is_the_sum_of_its_days(walk):
    """Target and target date of a row are those of the day so many days on."""
    ahead = at_horizon(walk, 3)
    assert ahead.target[10] == pytest.approx(walk.target[10:13].sum())
    assert ahead.target_dates[10] == walk.origins[13]
    assert np.isnan(ahead.target[-3:]).all()
    assert np.isfinite(ahead.target[:-3]).all()
    assert ahead.target_dates[-4] == walk.origins[-1]
    assert np.array_equal(at_horizon(walk, 1).target, walk.target, equal_nan=True)


def test_each_block_is_forecast_by_the_model_before_it(walk):
    """The forecasts of a block come from the fit that ended where the block begins."""
    walked = walk_forward(Spy(), walk, DAYS, refit_every=40)
    assert walked.forecasts.forecast.tolist() == [300.0] * 40 + [340.0] * 40 + [380.0] * 20
    assert walked.future.mean == 400


def test_no_refit_fits_once(walk):
    """`refit_every` of 0 is one model for all scored days, and one for the future."""
    walked = walk_forward(Spy(), walk, DAYS, refit_every=0)
    assert set(walked.forecasts.forecast) == {300.0}
    assert walked.future.mean == 400


def test_all_are_scored_on_exactly_the_same_days(walk):
    """Contestants of different kinds have the same origins, target dates and outcomes: those of the common window."""
    days = scored_rows(walk, N_LAGS, 0.2)
    contestants = [LinearRegressionContestant(n_lags=N_LAGS), ArimaContestant(n_lags=N_LAGS, order=(1, 0)), Spy()]
    found = [walk_forward(contestant, walk, days, 30).forecasts for contestant in contestants]
    window = days.scored_days(walk)
    for forecasts in found:
        assert np.array_equal(forecasts.origins, found[0].origins)
        assert np.array_equal(forecasts.target_dates, found[0].target_dates)
        assert np.array_equal(forecasts.actual, found[0].actual)
        assert (forecasts.origins[0], forecasts.origins[-1]) == (window.first_origin, window.last_origin)
        assert len(forecasts) == len(forecasts.forecast) == window.n_days
        assert (forecasts.target_dates > forecasts.origins).all()


def test_the_scores_repeat(walk):
    """The same data, settings and seed give the same forecasts to the last bit."""
    for contestant in (LinearRegressionContestant(n_lags=N_LAGS), ArimaContestant(n_lags=N_LAGS, max_p=1, max_q=1)):
        first, second = (walk_forward(contestant, walk, DAYS, 50).forecasts.forecast for _ in range(2))
        assert np.array_equal(first, second)


def test_the_last_share_of_all_days_is_scored(walk):
    """A fifth of all returns, counting those before the first origin."""
    days = scored_rows(walk, N_LAGS, 0.2)
    assert (days.n_known, days.n_scored) == (400, int(0.2 * 406))
    assert days.scored_days(walk).last_origin == walk.origins[-2]


@pytest.mark.parametrize("share", [0.05, 0.88])
def test_too_few_days_to_learn_or_to_score_is_a_fault(walk, share):
    """Either end names both numbers and what is needed."""
    with pytest.raises(DataError, match=rf"at least {MIN_TRAINING_DAYS} and {MIN_SCORED_DAYS} are needed"):
        scored_rows(walk, N_LAGS, share)


def test_a_contestants_structure_is_chosen_before_the_first_scored_day(walk):
    """The order of an ARIMA depends on nothing that is scored."""
    shaken = walk.target.copy()
    shaken[300:] *= -3
    contestant = ArimaContestant(n_lags=N_LAGS)
    chosen = [
        walk_forward(contestant, dataclasses.replace(walk, target=target), DAYS, 0).contestant.order
        for target in (walk.target, shaken)
    ]
    assert chosen[0] == chosen[1]
