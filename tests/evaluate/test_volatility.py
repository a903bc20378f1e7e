import numpy as np
import pytest

from podium.errors import InputError
from podium.evaluate import volatility
from podium.evaluate.volatility import MODELS, TAILS, constant_variance, ewma_variance, tail_df, volatility_walk

DATES = np.arange("2000-01-03", "2010-01-03", dtype="datetime64[D]")


def garch_returns(n_days: int, seed: int = 1) -> np.ndarray:
    """GARCH(1,1) with Student's t of 6 degrees: omega 2e-7, alpha 0.05, beta 0.94, a daily deviation of 0.45 %."""
    shocks = np.random.default_rng(seed).standard_t(6, n_days) * np.sqrt(4 / 6)
    returns, variance = np.empty(n_days), 2e-5
    for day, shock in enumerate(shocks):
        returns[day] = np.sqrt(variance) * shock
        variance = 2e-7 + 0.05 * returns[day] ** 2 + 0.94 * variance
    return returns


def test_constant_is_the_root_mean_square_of_the_past() -> None:
    """The constant forecast at a day is the mean square of the returns up to and including it."""
    returns = garch_returns(50)
    assert constant_variance(returns)[9] == pytest.approx(np.mean(returns[:10] ** 2))
    assert constant_variance(returns)[-1] == pytest.approx(np.mean(returns**2))


def test_ewma_agrees_with_the_weights_of_riskmetrics() -> None:
    """The recursion equals the sum of squares weighted with 0.06 · 0.94^k, written out."""
    returns = garch_returns(400)
    forecast = ewma_variance(returns, constant_variance(returns))[-1]
    weights = 0.06 * 0.94 ** np.arange(400)
    assert forecast == pytest.approx(weights @ returns[::-1] ** 2, rel=1e-8)


def test_ewma_never_calls_a_standstill_riskless() -> None:
    """After a year without a move the EWMA deviation is a twentieth of the constant one, not zero."""
    returns = np.concatenate([garch_returns(300), np.zeros(250)])
    constant = constant_variance(returns)
    assert ewma_variance(returns, constant)[-1] == pytest.approx(0.05**2 * constant[-1])


def test_garch_columns_are_archs_own_forecasts() -> None:
    """At a refit the walk gives the variance that arch itself forecasts for the next day, and so the day after."""
    from arch.univariate import GARCH, StudentsT, ZeroMean

    returns = garch_returns(700)
    walk = volatility_walk(returns, DATES[:700], DATES[600], refit_every=0)
    scale = np.sqrt(np.mean(returns[:601] ** 2))
    recipe = ZeroMean(returns / scale, volatility=GARCH(p=1, q=1), distribution=StudentsT(), rescale=False)
    fitted = recipe.fit(disp="off", last_obs=601)
    expected = np.asarray(fitted.forecast(horizon=1, start=600).variance)[:, 0] * scale**2  # days 601 to 700
    found = walk.variance[2, 600 - walk.start :]
    assert found == pytest.approx(expected, rel=2e-3)
    assert walk.fitted_df[-1] == pytest.approx(float(fitted.params["nu"]), rel=1e-2)


def test_refits_fall_on_the_contestants_days() -> None:
    """GARCH parameters change at the first scored origin and every `refit_every` days after it, and only there."""
    walk = volatility_walk(garch_returns(900), DATES[:900], DATES[700], refit_every=80)
    changes = np.flatnonzero(np.diff(walk.persistence[2])) + 1 + walk.start
    assert walk.start == 700 - 252
    assert changes.tolist() == [700, 780, 860]


def test_walk_holds_a_forecast_for_the_day_to_come() -> None:
    """There is one column a day from the start of the walk to the last day, the last of them still open."""
    walk = volatility_walk(garch_returns(700), DATES[:700], DATES[600], refit_every=50)
    assert walk.models == MODELS
    assert walk.variance.shape == walk.persistence.shape == walk.long_run.shape == (3, 700 - walk.start)
    assert np.isfinite(walk.variance).all()
    assert (walk.variance > 0).all()


def test_a_short_history_leaves_garch_out() -> None:
    """With fewer than 250 days before the scored window GARCH does not take part."""
    walk = volatility_walk(garch_returns(240), DATES[:240], DATES[180], refit_every=20)
    assert walk.models == ("constant", "ewma")


def test_a_fit_that_fails_keeps_the_parameters_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a later fit does not converge the filter goes on with the last good parameters without a jump."""
    returns = garch_returns(700)
    whole = volatility_walk(returns, DATES[:700], DATES[600], refit_every=0)
    fit = volatility._fit_garch
    monkeypatch.setattr(volatility, "_fit_garch", lambda seen: fit(seen) if len(seen) <= 601 else None)
    failing = volatility_walk(returns, DATES[:700], DATES[600], refit_every=30)
    assert np.array_equal(failing.variance, whole.variance)


def test_garch_that_never_converges_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the first fit fails there is no GARCH."""
    monkeypatch.setattr(volatility, "_fit_garch", lambda seen: None)
    walk = volatility_walk(garch_returns(700), DATES[:700], DATES[600], refit_every=30)
    assert walk.models == ("constant", "ewma")


@pytest.mark.parametrize("df", [4.0, 8.0])
def test_tails_are_found(df: float) -> None:
    """From 5,000 draws the likelihood finds the true degrees of freedom or their neighbour on the grid."""
    draws = np.random.default_rng(3).standard_t(df, 5000) * np.sqrt((df - 2) / df)
    found = tail_df(draws)[-1]
    assert abs(int(np.searchsorted(TAILS, found)) - int(np.searchsorted(TAILS, df))) <= 1


def test_tails_learn_only_from_settled_outcomes() -> None:
    """With a delay of five days the value at an origin does not see the outcomes of the last four origins."""
    draws = np.random.default_rng(4).standard_normal(60)
    changed = draws.copy()
    changed[40:] = 30.0
    before, after = tail_df(draws, delay=5), tail_df(changed, delay=5)
    assert np.array_equal(before[:45], after[:45])
    assert before[45] != after[45]


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
