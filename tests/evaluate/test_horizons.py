import numpy as np
import pytest

from podium.errors import InputError
from podium.evaluate.horizons import believed_volatility, direct_target, log_mean, sigma_at
from podium.evaluate.volatility.walk import volatility_walk

N_DAYS, FIRST = 800, 600
DATES = np.arange("2000-01-03", "2010-01-03", dtype="datetime64[D]")[:N_DAYS]


@pytest.fixture(scope="module")
def returns() -> np.ndarray:
    """Volatility that doubles and halves every 80 days: EWMA and GARCH can see it, constant volatility cannot."""
    level = np.where(np.arange(N_DAYS) // 80 % 2, 0.008, 0.003)
    return np.random.default_rng(5).standard_normal(N_DAYS) * level


def test_direct_target_is_the_sum_of_the_next_returns(returns: np.ndarray) -> None:
    """The five-day target of a day is the sum of the five returns after it, and open in the last five places."""
    target = direct_target(returns, 5)
    assert target[10] == pytest.approx(returns[11:16].sum())
    assert np.isnan(target[-5:]).all()
    assert np.isfinite(target[:-5]).all()


@pytest.mark.parametrize("horizon", [0, -1, 61])
def test_a_horizon_outside_its_range_is_refused(returns: np.ndarray, horizon: int) -> None:
    """Only horizons of 1 to 60 trading days exist."""
    with pytest.raises(InputError, match="between 1 and 60"):
        direct_target(returns, horizon)


def test_term_structure_agrees_with_arch(returns: np.ndarray) -> None:
    """The variance of the twenty-day return is the sum of the twenty variances that arch forecasts analytically."""
    from arch.univariate import GARCH, StudentsT, ZeroMean

    walk = volatility_walk(returns, DATES, DATES[FIRST], refit_every=0)
    scale = np.sqrt(np.mean(returns[: FIRST + 1] ** 2))
    recipe = ZeroMean(returns / scale, volatility=GARCH(p=1, q=1), distribution=StudentsT(), rescale=False)
    forecast = recipe.fit(disp="off", last_obs=FIRST + 1).forecast(horizon=20, start=N_DAYS - 1)
    expected = np.sqrt(np.asarray(forecast.variance)[-1].sum()) * scale
    assert sigma_at(walk, 20)[walk.models.index("garch"), -1] == pytest.approx(expected, rel=5e-3)


def test_without_reversion_volatility_grows_with_the_root_of_time(returns: np.ndarray) -> None:
    """Constant, rolling and EWMA volatility over h days is √h times that of one."""
    walk = volatility_walk(returns, DATES, DATES[FIRST], refit_every=0)
    assert sigma_at(walk, 5)[:3] == pytest.approx(np.sqrt(5) * sigma_at(walk, 1)[:3])


def test_what_is_believed_is_the_mean_of_the_logarithms(returns: np.ndarray) -> None:
    """The deviation believed is the geometric mean of all but the constant one, times the lift after a shock."""
    walk = volatility_walk(returns, DATES, DATES[FIRST], refit_every=0)
    path = believed_volatility(walk)
    members = [row.sigma for name, row in path.league.items() if name != "constant"]
    plain = np.prod(members, axis=0) ** (1 / 5)
    today = returns[walk.start + 1 :]
    shock = np.append(False, np.abs(today) > 2.5 * plain[:-1])
    assert 0 < shock.sum() < 20
    assert path.sigma[~shock] == pytest.approx(plain[~shock])
    late = np.flatnonzero(shock[walk.refits[-1] - walk.start :]) + walk.refits[-1] - walk.start
    assert len(late) > 0
    assert path.lift != 1
    assert path.sigma[late] == pytest.approx(path.lift * plain[late])
    assert log_mean(("ewma", "constant", "har"), np.array([[2.0], [9.0], [8.0]])) == pytest.approx([4.0])


@pytest.mark.parametrize("horizon", [1, 5, 20])
def test_belief_sees_only_settled_outcomes(returns: np.ndarray, horizon: int) -> None:
    """The deviation believed at an origin and its tails are the same on the series cut off at that origin."""
    whole = believed_volatility(volatility_walk(returns, DATES, DATES[FIRST], 50), horizon)
    for cut in (FIRST + 1, FIRST + 57, N_DAYS - 3):
        part = believed_volatility(volatility_walk(returns[: cut + 1], DATES[: cut + 1], DATES[FIRST], 50), horizon)
        n = len(part.sigma)
        assert part.sigma == pytest.approx(whole.sigma[:n], rel=1e-12)
        assert np.array_equal(part.df, whole.df[:n])


def test_outcomes_belong_to_their_dates(returns: np.ndarray) -> None:
    """An origin's outcome is what the `horizon` rows after it return, and open for the last ones."""
    path = believed_volatility(volatility_walk(returns, DATES, DATES[FIRST], 0), 5)
    at = np.searchsorted(DATES, path.origins[0])
    assert path.outcome[0] == pytest.approx(returns[at + 1 : at + 6].sum())
    assert np.isnan(path.outcome[-5:]).all()
