import numpy as np
import pytest
from scipy import integrate, stats

from podium.errors import InputError
from podium.evaluate.density import (
    TAILS,
    conditional_coverage,
    coverage_by_year,
    crps,
    dynamic_quantile,
    independence,
    kupiec,
    probability_below,
    score_skill,
    t_quantile,
    tail_df,
    winkler,
)

ONE = np.ones(1)


def missing(n_misses: int, n_days: int) -> np.ndarray:
    """The first `n_misses` of `n_days` days missed."""
    flags = np.zeros(n_days, dtype=bool)
    flags[:n_misses] = True
    return flags


@pytest.mark.parametrize(
    ("coverage", "n_days", "fewest", "most"),
    [
        # Kupiec (1995), as reprinted by Jorion, Value at Risk: numbers of misses not rejected at 5 %
        (0.975, 255, 3, 11),
        (0.975, 510, 7, 20),
        (0.975, 1000, 16, 35),
        (0.95, 255, 7, 20),
        (0.95, 510, 17, 35),
        (0.95, 1000, 38, 64),
        (0.925, 255, 12, 27),
        (0.925, 510, 28, 50),
        (0.925, 1000, 60, 91),
        (0.90, 255, 17, 35),
        (0.90, 510, 39, 64),
        (0.90, 1000, 82, 119),
    ],
)
def test_kupiec_reproduces_his_table(coverage: float, n_days: int, fewest: int, most: int) -> None:
    """The numbers of misses that are not rejected at 5 % are those of Kupiec's published table."""
    kept = [n for n in range(1, n_days // 3) if (kupiec(missing(n, n_days), coverage).p_value or 0.0) > 0.05]
    assert (kept[0], kept[-1]) == (fewest, most)


def test_kupiec_is_the_binomial_likelihood_ratio() -> None:
    """The statistic equals twice the log ratio of scipy's binomial likelihoods."""
    ratio = 2 * (stats.binom.logpmf(70, 1000, 0.07) - stats.binom.logpmf(70, 1000, 0.05))
    found = kupiec(missing(70, 1000), 0.95)
    assert found.statistic == pytest.approx(ratio)
    assert found.p_value == pytest.approx(stats.chi2.sf(ratio, 1))


def test_independence_is_the_likelihood_ratio_of_a_logistic_regression() -> None:
    """Christoffersen's statistic equals that of a logit of each miss on the one before, fitted by statsmodels."""
    import statsmodels.api as sm

    rng = np.random.default_rng(6)
    misses = np.zeros(1000, dtype=bool)
    for day in range(1, 1000):
        misses[day] = rng.random() < (0.35 if misses[day - 1] else 0.12)
    fit = sm.Logit(misses[1:].astype(float), sm.add_constant(misses[:-1].astype(float))).fit(disp=0)
    found = independence(misses, 0.8)
    assert found.statistic == pytest.approx(2 * (fit.llf - fit.llnull), rel=1e-6)
    assert found.p_value is not None
    assert found.p_value < 1e-4
    both = conditional_coverage(misses, 0.8)
    assert both.statistic == pytest.approx((kupiec(misses, 0.8).statistic or 0.0) + 2 * (fit.llf - fit.llnull))
    assert both.p_value == pytest.approx(stats.chi2.sf(both.statistic, 2))


def test_independence_keeps_its_size() -> None:
    """On independent misses the test rejects at 5 % about one time in twenty."""
    rng = np.random.default_rng(7)
    p_values = [independence(rng.random(1000) < 0.2, 0.8).p_value or 0.0 for _ in range(600)]
    assert 0.03 < np.mean(np.array(p_values) < 0.05) < 0.075


@pytest.mark.parametrize(
    ("misses", "coverage", "reason"),
    [
        (missing(3, 60), 0.95, "60 scored days, 100 are needed at 95%"),
        (missing(0, 200), 0.95, "0 misses in 200 days: whether they cluster cannot be told"),
        (missing(200, 200), 0.95, "200 misses in 200 days: whether they cluster cannot be told"),
        (missing(1, 200)[::-1], 0.95, "1 misses in 200 days: whether they cluster cannot be told"),
    ],
)
def test_a_test_that_cannot_be_computed_has_a_reason_and_no_number(
    misses: np.ndarray, coverage: float, reason: str
) -> None:
    """Too few days, or nothing to compare, give None and say why."""
    for found in (independence(misses, coverage), conditional_coverage(misses, coverage)):
        assert (found.statistic, found.p_value, found.reason) == (None, None, reason)


def test_no_miss_at_all_is_still_an_answer_for_kupiec() -> None:
    """Zero misses in 200 days at 95 % reject: 0 ln 0 counts as zero, 2 · 200 · ln(1 / 0.95) = 20.5."""
    assert kupiec(missing(0, 200), 0.95).statistic == pytest.approx(-400 * np.log(0.95))


@pytest.mark.parametrize("coverage", [0.0, 1.0, -0.1, 95.0, float("nan")])
def test_a_level_outside_the_open_unit_interval_is_refused(coverage: float) -> None:
    """95 is not 0.95, and neither 0 nor 1 is a coverage."""
    with pytest.raises(InputError, match="between 0 and 1"):
        kupiec(missing(5, 200), coverage)
    with pytest.raises(InputError, match="between 0 and 1"):
        t_quantile(coverage, ONE)


@pytest.mark.parametrize(("actual", "mean", "sigma", "df"), [(0.3, 0.1, 1.2, 3.5), (-2.0, 0.0, 0.7, 8.0)])
def test_crps_is_its_integral(actual: float, mean: float, sigma: float, df: float) -> None:
    """The closed form equals the integral of (F(x) - 1{actual <= x})² done numerically."""
    law = stats.t(df, mean, sigma * np.sqrt((df - 2) / df))
    below = integrate.quad(lambda x: law.cdf(x) ** 2, -np.inf, actual)[0]
    above = integrate.quad(lambda x: law.sf(x) ** 2, actual, np.inf)[0]
    found = crps(np.array([actual]), np.array([mean]), np.array([sigma]), np.array([df]))
    assert found[0] == pytest.approx(below + above, rel=1e-6)


def test_sigma_is_a_standard_deviation() -> None:
    """The Student's t of the densities has the deviation it is given, whatever its tails."""
    df, sigma = np.array([4.0]), np.array([0.005])
    upper = sigma * t_quantile(0.95, df)
    assert upper[0] == pytest.approx(stats.t(4, scale=0.005 / np.sqrt(2)).ppf(0.975))
    assert probability_below(upper, np.zeros(1), sigma, df)[0] == pytest.approx(0.975)


def test_winkler_by_hand() -> None:
    """Inside costs the width; a miss by 0.01 at 80 % adds ten times that."""
    lower, upper = np.full(3, -0.02), np.full(3, 0.02)
    assert winkler(np.array([0.0, 0.03, -0.03]), lower, upper, 0.8) == pytest.approx([0.04, 0.14, 0.14])


def test_winkler_is_least_at_the_true_quantiles() -> None:
    """On 20,000 normal draws the true 80 % interval scores better than one a quarter narrower or wider."""
    draws = np.random.default_rng(8).standard_normal(20_000)
    scores = [winkler(draws, -k * 1.2816 * np.ones(1), k * 1.2816 * np.ones(1), 0.8).mean() for k in (0.75, 1, 1.25)]
    assert scores[1] == min(scores)


def test_skill_and_its_t() -> None:
    """Skill is one minus the ratio of the means; t is the mean difference over its Newey-West error."""
    import statsmodels.api as sm

    rng = np.random.default_rng(9)
    benchmark = rng.exponential(1.0, 500)
    scores = 0.9 * benchmark + 0.05 * rng.standard_normal(500)
    found = score_skill(scores, benchmark, horizon=12)
    ols = sm.OLS(benchmark - scores, np.ones(500)).fit(
        cov_type="HAC", cov_kwds={"maxlags": 11, "use_correction": False}
    )
    assert found.skill == pytest.approx(1 - scores.mean() / benchmark.mean())
    assert found.t == pytest.approx(ols.tvalues[0])


def test_equal_scores_have_no_t() -> None:
    """A score against itself has skill zero, no t statistic and a reason; so have too few days."""
    scores = np.arange(1.0, 50.0)
    assert score_skill(scores, scores).skill == 0.0
    assert score_skill(scores, scores).t is None
    assert "nothing to test" in score_skill(scores, scores).reason
    assert score_skill(scores[:20], scores[1:21]).reason == "20 scored days, 30 are needed for a t statistic"


def test_coverage_by_year_leaves_short_years_out() -> None:
    """Years of fewer than 200 outcomes are not judged."""
    days = np.arange("2020-06-01", "2022-01-01", dtype="datetime64[D]")
    found = coverage_by_year(days, np.arange(len(days)) % 5 == 0, min_days=300)
    assert found == {2021: (365, pytest.approx(0.8, abs=0.01))}


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


def test_dynamic_quantile_agrees_with_the_regression_written_out() -> None:
    """The statistic is the explained sum of squares over a (1 - a), on a constant, four lags and the width."""
    draw = np.random.default_rng(8)
    misses, width = draw.random(500) < 0.2, draw.random(500)
    hits = misses - (1 - 0.8)
    rows = [[1, *hits[t - 4 : t][::-1], width[t]] for t in range(4, 500)]
    fitted = np.array(rows) @ np.linalg.solve(np.array(rows).T @ np.array(rows), np.array(rows).T @ hits[4:])
    found = dynamic_quantile(misses, width, 0.8)
    assert found.statistic == pytest.approx((fitted**2).sum() / (0.2 * 0.8))
    assert found.p_value == pytest.approx(stats.chi2(6).sf(found.statistic))


def test_dynamic_quantile_finds_misses_that_follow_the_width() -> None:
    """Where only wide days miss the test rejects at one in a thousand; where misses are chance it does not at 1 %."""
    draw = np.random.default_rng(9)
    width = draw.random(1000)
    told = dynamic_quantile(draw.random(1000) < np.where(width > 0.5, 0.4, 0.0), width, 0.8)
    chance = dynamic_quantile(draw.random(1000) < 0.2, width, 0.8)
    assert told.p_value is not None
    assert chance.p_value is not None
    assert told.p_value < 0.001
    assert chance.p_value > 0.01
