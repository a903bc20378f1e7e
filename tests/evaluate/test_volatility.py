import numpy as np
import pytest

from podium.errors import InputError
from podium.evaluate.volatility.constant import Constant
from podium.evaluate.volatility.contract import VolatilityModel
from podium.evaluate.volatility.ewma import Ewma
from podium.evaluate.volatility.garch import Garch
from podium.evaluate.volatility.har import Har
from podium.evaluate.volatility.rolling import Rolling
from podium.evaluate.volatility.walk import MODELS, volatility_walk

DATES = np.arange("2000-01-03", "2010-01-03", dtype="datetime64[D]")


def garch_returns(n_days: int, seed: int = 1) -> np.ndarray:
    """GARCH(1,1) with Student's t of 6 degrees: omega 2e-7, alpha 0.05, beta 0.94, a daily deviation of 0.45 %."""
    shocks = np.random.default_rng(seed).standard_t(6, n_days) * np.sqrt(4 / 6)
    returns, variance = np.empty(n_days), 2e-5
    for day, shock in enumerate(shocks):
        returns[day] = np.sqrt(variance) * shock
        variance = 2e-7 + 0.05 * returns[day] ** 2 + 0.94 * variance
    return returns


def forecasts(model: VolatilityModel, returns: np.ndarray, begin: int = 0) -> np.ndarray:
    """Of a model fitted on all returns, from `begin` on."""
    fit = model.fit(returns)
    assert fit is not None
    return model.run(returns, begin, fit.numbers, float("nan"))


def test_constant_is_the_root_mean_square_of_the_past() -> None:
    """The constant forecast at a day is the mean square of the returns up to and including it."""
    returns = garch_returns(50)
    found = forecasts(Constant(), returns)
    assert found[9] == pytest.approx(np.mean(returns[:10] ** 2))
    assert found[-1] == pytest.approx(np.mean(returns**2))


def test_rolling_is_the_mean_square_of_the_last_year() -> None:
    """The rolling forecast at a day is the mean square of the last 250 returns, of fewer where there are fewer."""
    returns = garch_returns(600)
    found = forecasts(Rolling(), returns)
    assert found[99] == pytest.approx(np.mean(returns[:100] ** 2))
    assert found[-1] == pytest.approx(np.mean(returns[-250:] ** 2))


def test_ewma_agrees_with_the_weights_of_riskmetrics() -> None:
    """The recursion equals the sum of squares weighted with 0.06 · 0.94^k, written out."""
    returns = garch_returns(400)
    weights = 0.06 * 0.94 ** np.arange(400)
    assert forecasts(Ewma(), returns)[-1] == pytest.approx(weights @ returns[::-1] ** 2, rel=1e-8)


def test_har_is_least_squares_on_a_day_a_week_and_a_month() -> None:
    """The coefficients are those of the normal equations, and the scale makes standardised outcomes of unit size."""
    returns = garch_returns(900)
    fit = Har().fit(returns)
    assert fit is not None
    size = np.abs(returns)
    X = np.array([[1.0, size[t], size[t - 4 : t + 1].mean(), size[t - 21 : t + 1].mean()] for t in range(22, 899)])
    expected = np.linalg.solve(X.T @ X, X.T @ size[23:])
    assert list(fit.numbers.values())[:4] == pytest.approx(expected, rel=1e-6)
    standardised = returns[23:] / np.sqrt(Har().run(returns, 22, fit.numbers, 0.0)[:-1])
    assert np.mean(standardised**2) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("name", MODELS)
def test_going_on_from_yesterday_is_walking_the_whole(name: str) -> None:
    """A model that goes on from the forecast of the day before gives what it gives over the whole series."""
    returns, model = garch_returns(700), MODELS[name]
    fit = model.fit(returns[:500])
    assert fit is not None
    whole = model.run(returns, 499, fit.numbers, fit.variance or float("nan"))
    later = model.run(returns, 600, fit.numbers, float(whole[600 - 499 - 1]))
    assert later == pytest.approx(whole[600 - 499 :], rel=1e-9)


def test_nobody_calls_a_standstill_riskless() -> None:
    """After a year without a move every deviation is at least a twentieth of the constant one."""
    returns = np.concatenate([garch_returns(600), np.zeros(300)])
    walk = volatility_walk(returns, DATES[:900], DATES[850], refit_every=0)
    least = walk.variance[walk.models.index("constant")] * 0.05**2
    assert (walk.variance >= least).all()
    assert walk.variance[walk.models.index("rolling"), -1] == pytest.approx(least[-1])


@pytest.mark.parametrize(("name", "asymmetric"), [("garch", 0), ("gjr", 1)])
def test_garch_columns_are_archs_own_forecasts(name: str, asymmetric: int) -> None:
    """At a refit the walk gives the variance that arch itself forecasts for the next day, and so the day after."""
    from arch.univariate import GARCH, StudentsT, ZeroMean

    returns = garch_returns(700)
    walk = volatility_walk(returns, DATES[:700], DATES[600], refit_every=0)
    scale = np.sqrt(np.mean(returns[:601] ** 2))
    volatility = GARCH(p=1, o=asymmetric, q=1)
    recipe = ZeroMean(returns / scale, volatility=volatility, distribution=StudentsT(), rescale=False)
    fitted = recipe.fit(disp="off", last_obs=601)
    expected = np.asarray(fitted.forecast(horizon=1, start=600).variance)[:, 0] * scale**2  # days 601 to 700
    found = walk.variance[walk.models.index(name), 600 - walk.start :]
    assert found == pytest.approx(expected, rel=2e-3)


def test_refits_fall_on_the_contestants_days() -> None:
    """GARCH parameters change every `refit_every` days, counted from the 250th, from the last before scoring on."""
    walk = volatility_walk(garch_returns(900), DATES[:900], DATES[740], refit_every=80)
    changes = np.flatnonzero(np.diff(walk.persistence[walk.models.index("garch")])) + 1 + walk.start
    assert walk.start == 729 - 252
    assert changes.tolist() == [729, 809, 889]
    assert walk.refits == (477, 729, 809, 889)


FIELDS = ("dates", "returns", "refits", "models", "variance", "persistence", "long_run", "fits")


@pytest.mark.parametrize("n_known", [560, 609, 650, 700])
def test_a_walk_that_goes_on_is_the_whole_walk(n_known: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last bit, though scored days slide, a market stands still and a fit fails; no earlier fit is repeated."""
    returns, seen = np.concatenate([garch_returns(560), np.zeros(60), garch_returns(80)]), []
    fit = Garch.fit

    def counted(model: Garch, shown: np.ndarray) -> object:
        seen.append(len(shown))
        return fit(model, shown) if len(shown) < 650 else None

    monkeypatch.setattr(Garch, "fit", counted)
    first = 500 + (n_known - 560) // 5
    before = volatility_walk(returns[:n_known], DATES[:n_known], DATES[first], 60)
    whole = volatility_walk(returns, DATES[:700], DATES[530], 60)
    seen.clear()
    again = volatility_walk(returns, DATES[:700], DATES[530], 60, before)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(again, name), getattr(whole, name), err_msg=name)
    assert min(seen) == before.refits[-1] + 1


def test_another_series_or_other_refits_are_walked_anew() -> None:
    """What an earlier walk over other returns, or with other refits, says is not taken over."""
    returns = garch_returns(500)
    before = volatility_walk(1.5 * returns[:480], DATES[:480], DATES[400], 60)
    other = volatility_walk(returns[:480], DATES[:480], DATES[400], 50)
    whole = volatility_walk(returns, DATES[:500], DATES[410], 60)
    for known in (before, other):
        again = volatility_walk(returns, DATES[:500], DATES[410], 60, known)
        assert np.array_equal(again.variance, whole.variance)


def test_a_fit_costs_no_more_for_a_longer_past(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every fit sees the last days up to its own, so many at most."""
    monkeypatch.setitem(volatility_walk.__globals__, "MAX_FIT", 300)
    returns, seen = garch_returns(900), []
    fit = Garch.fit
    monkeypatch.setattr(Garch, "fit", lambda self, shown: seen.append(shown) or fit(self, shown))
    volatility_walk(returns, DATES[:900], DATES[740], refit_every=80)
    for shown, day in zip(seen[:4], (477, 729, 809, 889), strict=True):
        assert np.array_equal(shown, returns[day - 299 : day + 1])


def test_walk_holds_a_forecast_for_the_day_to_come() -> None:
    """There is one column a day from the start of the walk to the last day, the last of them still open."""
    walk = volatility_walk(garch_returns(700), DATES[:700], DATES[600], refit_every=50)
    assert walk.models == tuple(MODELS)
    assert walk.variance.shape == walk.persistence.shape == walk.long_run.shape == (6, 700 - walk.start)
    assert np.isfinite(walk.variance).all()
    assert (walk.variance > 0).all()


def test_a_short_history_leaves_fitted_models_out() -> None:
    """With fewer than 250 days before the scored days nothing is fitted, and the others go on."""
    walk = volatility_walk(garch_returns(240), DATES[:240], DATES[180], refit_every=20)
    assert walk.models == ("constant", "rolling", "ewma")


def test_a_fit_that_fails_keeps_the_parameters_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a later fit does not converge the filter goes on with the last good parameters without a jump."""
    returns = garch_returns(700)
    whole = volatility_walk(returns, DATES[:700], DATES[609], refit_every=0)
    fit = Garch.fit
    monkeypatch.setattr(Garch, "fit", lambda self, seen: fit(self, seen) if len(seen) <= 610 else None)
    failing = volatility_walk(returns, DATES[:700], DATES[609], refit_every=30)
    rows = [whole.models.index(name) for name in ("garch", "gjr")]
    assert failing.variance[rows] == pytest.approx(whole.variance[rows], rel=1e-12)


def test_garch_that_never_converges_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the first fit fails the model takes no part, and the others do."""
    monkeypatch.setattr(Garch, "fit", lambda self, seen: None)
    walk = volatility_walk(garch_returns(700), DATES[:700], DATES[600], refit_every=30)
    assert walk.models == ("constant", "rolling", "ewma", "har")


@pytest.mark.parametrize(
    ("returns", "dates", "first", "refit_every", "message"),
    [
        (np.zeros(300), DATES[:300], DATES[260], 20, "all zero"),
        (garch_returns(300), DATES[:299], DATES[260], 20, "one date a return"),
        (garch_returns(300), DATES[:300], DATES[20], 20, "at least 60 are needed"),
        (garch_returns(300), DATES[:300], DATES[400], 20, "not a day of the series"),
        (garch_returns(300), DATES[:300], DATES[260], -1, "refit_every = -1"),
        (np.full(300, np.nan), DATES[:300], DATES[260], 20, "must be finite"),
    ],
)
def test_bad_input_gives_one_clear_line(
    returns: np.ndarray, dates: np.ndarray, first: np.datetime64, refit_every: int, message: str
) -> None:
    """What cannot be walked is refused in one line that names it."""
    with pytest.raises(InputError, match=message) as refused:
        volatility_walk(returns, dates, first, refit_every)
    assert "\n" not in str(refused.value)
