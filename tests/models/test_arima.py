"""ARIMA: its forecast is the full-history filter's, the order is sane, and near-cancelling roots stay out."""

from __future__ import annotations

import numpy as np
import pytest

from podium.features import build_features, frame, log_returns
from podium.models.arima import MAX_TRUNCATION, ArimaContestant, ArmaFit, fit_arma, history, white_noise
from podium.records import Series

FIRST_SCORED = 5668  # of the default championship on the whole series


def simulated(ar, ma, n=4000, seed=3, mean=0.0):
    """Returns of a known process with innovations of 0.5 %."""
    from statsmodels.tsa.arima_process import arma_generate_sample

    rng = np.random.default_rng(seed)
    noise = {"scale": 0.005, "distrvs": rng.standard_normal, "burnin": 200}
    return mean + arma_generate_sample(np.r_[1, -np.array(ar)], np.r_[1, np.array(ma)], n, **noise)


def table_of(returns, n_lags=32):
    """Features of a series with these returns."""
    closes = np.exp(np.cumsum(np.r_[0.0, returns]))
    dates = np.datetime64("2000-01-01") + np.arange(len(closes))
    return build_features(Series("EURUSD", dates, closes, "simulated"), n_lags, "simulated")


def full_history(returns, fitted: ArmaFit):
    """One-step predictions of the state-space filter with the same parameters; element t forecasts returns[t]."""
    from statsmodels.tsa.arima.model import ARIMA

    p, q = fitted.order
    model = ARIMA(returns, order=(p, 0, q), trend="c")
    return model.smooth(np.r_[fitted.mean, fitted.ar, fitted.ma, returns.var()]).fittedvalues


@pytest.mark.parametrize("order", [(1, 0), (0, 1), (1, 1), (2, 1), (1, 2)])
def test_the_window_forecasts_what_the_whole_past_does(order, long_table, eurusd):
    """On each scored day of EUR/USD, 32 days forecast what the filter over all days does, to 0.3 % of a deviation."""
    X, y = frame(long_table), long_table.target
    returns = log_returns(eurusd.closes)
    fitted = fit_arma(history(X[:FIRST_SCORED], y[:FIRST_SCORED]), order)
    assert fitted is not None
    assert fitted.truncation(32) < MAX_TRUNCATION
    model = ArimaContestant(order=order).fit(X[:FIRST_SCORED], y[:FIRST_SCORED])
    scored = slice(FIRST_SCORED, len(long_table) - 1)
    expected = full_history(returns, fitted)[32:][scored]  # row i forecasts returns[32 + i]
    assert np.abs(model.predict(X[scored]) - expected).max() < 0.003 * returns.std()


def test_the_chosen_order_forecasts_what_the_whole_past_does(long_table, eurusd):
    """The order that AIC chooses on the real series is admitted and its forecasts are the filter's."""
    X, y = frame(long_table), long_table.target
    chosen = ArimaContestant().tuned(X[:FIRST_SCORED], y[:FIRST_SCORED])
    fitted = fit_arma(history(X[:FIRST_SCORED], y[:FIRST_SCORED]), chosen.order)
    model = chosen.fit(X[:FIRST_SCORED], y[:FIRST_SCORED])
    returns = log_returns(eurusd.closes)
    expected = full_history(returns, fitted)[32:]
    assert np.abs(model.predict(X[FIRST_SCORED:-1]) - expected[FIRST_SCORED:]).max() < 0.003 * returns.std()


@pytest.mark.parametrize(
    ("order", "ar", "ma"), [((1, 0), [0.4], []), ((0, 1), [], [0.5]), ((2, 1), [0.5, -0.3], [0.4])]
)
def test_parameters_are_those_of_the_full_likelihood(order, ar, ma):
    """Maximum likelihood by innovations agrees with the state-space ARIMA of statsmodels, in parameters and AIC."""
    from statsmodels.tsa.arima.model import ARIMA

    returns = simulated(ar, ma, n=1500, mean=0.001)
    fitted = fit_arma(returns, order)
    reference = ARIMA(1000 * returns, order=(order[0], 0, order[1]), trend="c").fit()
    assert np.r_[fitted.ar, fitted.ma] == pytest.approx(reference.params[1:-1], abs=0.01)
    shift = 2 * len(returns) * np.log(1000)  # of the likelihood when returns are counted in thousandths
    assert fitted.aic == pytest.approx(reference.aic - shift, abs=0.5)
    assert fitted.mean == pytest.approx(returns.mean())


@pytest.mark.parametrize(("ar", "ma"), [([0.3], []), ([], [0.3]), ([0.4, -0.3], [])])
def test_aic_finds_the_memory_of_a_simulated_process(ar, ma):
    """The chosen model forecasts a simulated AR(1), MA(1) and AR(2) nearly as well as their true parameters do."""
    returns = simulated(ar, ma)
    table = table_of(returns)
    X, y = frame(table), table.target
    model = ArimaContestant().tuned(X[:3000], y[:3000]).fit(X[:3000], y[:3000])
    truth = ArmaFit((len(ar), len(ma)), 0.0, np.array(ar), np.array(ma), 0.0).predictor(32)
    ideal = X[[f"lag_{age}" for age in range(32)]].to_numpy() @ truth
    assert np.std(model.predict(X[3000:-1]) - ideal[3000:-1]) < 0.12 * np.std(ideal)


def test_aic_finds_no_memory_in_noise():
    """On independent returns a model without memory is mostly chosen, and never one that forecasts much."""
    chosen = []
    for seed in range(5):
        table = table_of(simulated([], [], n=1500, seed=seed))
        X, y = frame(table)[:-1], table.target[:-1]
        contestant = ArimaContestant(max_p=1, max_q=1).tuned(X, y)
        chosen.append(contestant.order)
        assert contestant.fit(X, y).predict(X).std() < 0.15 * y.std()
    assert chosen.count((0, 0)) >= 3


def test_ar_weights_are_its_coefficients():
    """The finite predictor of an AR(p) from p or more days is the autoregression itself, and nothing is cut off."""
    fitted = ArmaFit((2, 0), 0.0, np.array([0.5, -0.3]), np.empty(0), 0.0)
    assert fitted.predictor(6) == pytest.approx([0.5, -0.3, 0, 0, 0, 0], abs=1e-12)
    assert fitted.truncation(2) == pytest.approx(0, abs=1e-12)
    assert fitted.truncation(1) > 0.01


@pytest.mark.parametrize("n_lags", [1, 2, 5, 20])
def test_truncation_of_an_ma_1_has_its_closed_form(n_lags):
    """An MA(1)'s error variance from n days is (1 - m^(2n+4)) / (1 - m^(2n+2)) innovations (Brockwell and Davis)."""
    m = 0.8
    fitted = ArmaFit((0, 1), 0.0, np.empty(0), np.array([m]), 0.0)
    error = (1 - m ** (2 * n_lags + 4)) / (1 - m ** (2 * n_lags + 2))
    assert fitted.truncation(n_lags) == pytest.approx((error - 1) / (1 + m * m), rel=1e-9)


@pytest.mark.parametrize("horizon", [2, 5, 20])
def test_a_sum_of_days_is_forecast_as_a_sum_of_forecasts(horizon):
    """The weights for a horizon are the sum of the forecasts for each of its days: an AR(1)'s powers."""
    fitted = ArmaFit((1, 0), 0.0, np.array([0.6]), np.empty(0), 0.0)
    assert fitted.predictor(8, horizon)[0] == pytest.approx(sum(0.6**day for day in range(1, horizon + 1)))
    assert fitted.predictor(8, horizon)[1:] == pytest.approx(np.zeros(7), abs=1e-12)


def test_nearly_cancelling_roots_are_not_admitted(monkeypatch):
    """An order whose memory outlasts the lags loses even with the best AIC."""
    from podium.models import arima

    def fit(returns, order):
        aic = -1e9 if order == (1, 1) else 0.0
        near_one = ArmaFit((1, 1), 0.0, np.array([0.999]), np.array([-0.985]), aic)
        return near_one if order == (1, 1) else white_noise(returns)

    assert fit(np.ones(3), (1, 1)).truncation(32) > MAX_TRUNCATION
    monkeypatch.setattr(arima, "fit_arma", fit)
    table = table_of(simulated([], [], n=300))
    assert ArimaContestant(max_p=1, max_q=1).tuned(frame(table)[:-1], table.target[:-1]).order == (0, 0)


def test_white_noise_forecasts_the_mean():
    """ARMA(0, 0) has no weights, and its AIC is the Gaussian's."""
    from scipy.stats import norm

    returns = np.random.default_rng(1).normal(0.001, 0.005, 500)
    fitted = white_noise(returns)
    assert not fitted.predictor(6).any()
    likelihood = norm.logpdf(returns, returns.mean(), returns.std()).sum()
    assert fitted.aic == pytest.approx(4 - 2 * likelihood)


def test_history_is_the_series_behind_x_and_y():
    """The first n_lags and the targets are the returns in order."""
    returns = simulated([0.2], [], n=60)
    table = table_of(returns, n_lags=6)
    assert history(frame(table)[:-1], table.target[:-1]) == pytest.approx(returns)


def test_an_order_that_does_not_converge_falls_back_on_the_mean(monkeypatch):
    """A refit whose likelihood has no maximum inside the region still forecasts: the mean."""
    from podium.models import arima

    monkeypatch.setattr(arima, "_maximise_likelihood", lambda *_: None)
    table = table_of(simulated([0.4], [], n=300))
    X, y = frame(table)[:-1], table.target[:-1]
    model = ArimaContestant(order=(1, 0)).fit(X, y)
    assert model.predict(X) == pytest.approx(np.full(len(X), history(X, y).mean()))


def test_params_tell_the_order_and_the_coefficients():
    """The run's parameters name the order as people write it, and what was estimated."""
    table = table_of(simulated([0.4], [], n=600))
    contestant = ArimaContestant(order=(1, 0))
    model = contestant.fit(frame(table)[:-1], table.target[:-1])
    assert contestant.params["order"] == "(1,0,0)"
    assert set(model.params) == {"mean", "aic", "ar_1"}
    assert model.params["ar_1"] == pytest.approx(0.4, abs=0.1)
