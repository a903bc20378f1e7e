import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.errors import InputError
from podium.evaluate.significance import (
    _positive_mean,
    clark_west,
    diebold_mariano,
    discoveries,
    minimum_detectable_r2,
    model_confidence_set,
    out_of_sample_r2,
    pesaran_timmermann,
    point_scores,
    who_may_be_best,
)


@pytest.fixture
def returns():
    """Two years of noise of the size of EUR/USD."""
    return 0.005 * np.random.default_rng(10).standard_normal(500)


@pytest.fixture
def skilled(returns):
    """A forecast with a true R² of about 10 %."""
    return 0.1 * returns + 0.0015 * np.random.default_rng(11).standard_normal(500)


def test_clark_west_is_the_formula_of_the_paper():
    """Equation 3.1 with a benchmark of zero, its mean over its error, computed in exact fractions."""
    rng = np.random.default_rng(12)
    y, f1 = (rng.integers(-9, 10, 40) for _ in range(2))
    f = [
        Fraction(int(a)) ** 2 - (Fraction(int(a - b)) ** 2 - Fraction(int(b)) ** 2) for a, b in zip(y, f1, strict=True)
    ]
    n = len(f)
    mean = sum(f) / n
    variance = sum((x - mean) ** 2 for x in f) / (n - 1)
    found = clark_west(y.astype(float), f1.astype(float))
    assert found.statistic == pytest.approx(float(mean) / math.sqrt(variance / n), rel=1e-12)


def test_clark_west_is_a_regression_on_a_constant(returns, skilled):
    """Statistic and p-value are those of statsmodels' regression of f on 1, as the paper describes it."""
    from statsmodels.regression.linear_model import OLS

    f = returns**2 - ((returns - skilled) ** 2 - skilled**2)
    fit = OLS(f, np.ones_like(f)).fit()
    found = clark_west(returns, skilled)
    assert found.statistic == pytest.approx(float(fit.tvalues[0]), rel=1e-9)
    assert found.p_value == pytest.approx(float(fit.pvalues[0]) / 2, rel=1e-9)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_clark_west_asks_whether_the_forecast_covaries(seed):
    """The statistic ignores the size of the forecast."""
    y, f = np.random.default_rng(seed).standard_normal((2, 200))
    assert clark_west(y, 0.01 * f).statistic == pytest.approx(clark_west(y, f).statistic)


def test_clark_west_has_its_size_where_diebold_mariano_is_timid():
    """With a useless regressor estimated on a rolling window, Clark-West rejects near 5 %, Diebold-Mariano hardly ever.

    The design of table 1 of the paper in small: 400 worlds, 250 days, 60 to estimate. Clark and West report sizes of
    roughly 4 to 7 % for theirs and near 0 for the unadjusted test; bounds are three binomial errors about that.
    """
    rng = np.random.default_rng(13)
    hits = np.zeros(2)
    for _ in range(400):
        y, x = rng.standard_normal((2, 310))
        products = np.concatenate([[0.0], np.cumsum(x * y)])
        squares = np.concatenate([[0.0], np.cumsum(x * x)])
        slope = (products[60:310] - products[:250]) / (squares[60:310] - squares[:250])
        forecast, actual = slope * x[60:], y[60:]
        hits += [test(actual, forecast).rejects(0.05) for test in (clark_west, diebold_mariano)]
    assert 4 <= hits[0] <= 41
    assert hits[1] <= 4


def test_diebold_mariano_is_that_of_harvey_leybourne_and_newbold(returns, skilled):
    """The plain statistic times sqrt((n-1)/n), read from Student's t on the side of skill."""
    from scipy.stats import t

    found = diebold_mariano(returns, skilled)
    difference = returns**2 - (returns - skilled) ** 2
    plain = difference.mean() / math.sqrt(difference.var() / 500)
    assert found.statistic == pytest.approx(plain * math.sqrt(499 / 500), rel=1e-9)
    assert found.p_value == pytest.approx(t.sf(found.statistic, 499), rel=1e-9)


@pytest.mark.parametrize("n_days", [30, 60, 250])
def test_the_tests_have_their_size_on_short_records(n_days):
    """Of 6,000 worlds without skill each test rejects 5 % and 1.67 % of them, within four binomial errors.

    The forecast is noise and errs as often to each side of nothing, so that Clark-West's null holds; for
    Diebold-Mariano the two forecasts lie as far from what comes on either side. The seed is fixed.
    """
    rng = np.random.default_rng(n_days)
    y, f, e = rng.standard_normal((3, 6000, n_days))
    equal = y**2 - (np.abs(y) + 0.1 * e) ** 2 + 0.01  # mean zero: neither is better
    for alpha in (0.05, 0.05 / 3):
        allowed = 4 * math.sqrt(alpha * (1 - alpha) / 6000)
        for values in (2 * y * f, equal):
            share = np.mean([_positive_mean(row, "").rejects(alpha) for row in values])
            assert share == pytest.approx(alpha, abs=allowed)


def test_every_test_speaks_for_the_better_forecast(returns, skilled):
    """A skilled forecast has small p-values; its opposite has large ones."""
    for test in (clark_west, diebold_mariano):
        assert test(returns, skilled).p_value < 0.01
        assert test(returns, -skilled).p_value > 0.99
    assert pesaran_timmermann(returns, skilled).p_value < 0.01
    assert pesaran_timmermann(returns, -skilled).p_value > 0.99


def test_pesaran_timmermann_of_a_counted_table():
    """The statistic of a 2 x 2 table of 100 days worked by hand: p 0.65, p* 0.5, variance 0.0025."""
    actual = np.repeat([1.0, 1.0, -1.0, -1.0], [35, 15, 20, 30])
    called = np.repeat([1.0, -1.0, 1.0, -1.0], [35, 15, 20, 30])
    # p_y = 0.5, p_z = 0.55: p* = 0.5, v = 0.25/100, w = (0.1² · 0.25)/100
    expected = 0.15 / math.sqrt((0.25 - 0.0025) / 100)
    assert pesaran_timmermann(actual, called).statistic == pytest.approx(expected)


def test_days_without_a_direction_do_not_count():
    """Adding days on which the rate, or the forecast, stands still changes nothing in the test of directions."""
    rng = np.random.default_rng(14)
    actual, called = rng.standard_normal((2, 200))
    still = np.zeros(50)
    with_still = pesaran_timmermann(np.concatenate([actual, still]), np.concatenate([called, called[:50]]))
    assert with_still == pesaran_timmermann(actual, called)


def test_what_cannot_be_tested_is_said_and_not_computed(returns):
    """A constant or absent forecast, a copy, a series that never moves or is short: a reason, and no number."""
    zero = np.zeros(500)
    cases = {
        "same sign": pesaran_timmermann(returns, np.full(500, 1e-5)),
        "days with a direction": pesaran_timmermann(returns, zero),
        "the series has the same sign": pesaran_timmermann(np.abs(returns), returns),
        "same error every day": diebold_mariano(returns, zero),
        "never leaves the random walk": clark_west(returns, zero),
        "the same every day": diebold_mariano(zero, np.full(500, 1e-3)),
        "29 scored days": diebold_mariano(returns[:29], returns[1:30]),
        "29 scored": clark_west(returns[:29], returns[1:30]),
    }
    for reason, result in cases.items():
        assert (result.statistic, result.p_value) == (None, None), reason
        assert reason in result.reason
        assert not result.rejects(0.999)


def test_the_confidence_set_keeps_ties_and_drops_the_bad(returns, skilled):
    """A model far worse than another is left out; two of equal skill are both in; a copy shares its twin's fate."""
    rng = np.random.default_rng(15)
    losses = {
        "good": (returns - skilled) ** 2,
        "twin": (returns - skilled) ** 2,
        "rival": (returns - 0.1 * returns - 0.0015 * rng.standard_normal(500)) ** 2,
        "bad": (returns - 0.005 * rng.standard_normal(500)) ** 2,
    }
    found = model_confidence_set(losses)
    assert found.members == ("good", "twin", "rival")
    assert found.p_values["good"] == found.p_values["twin"]
    assert (found.contains("bad"), found.contains("good")) == (False, True)


def test_the_confidence_set_repeats_and_knows_no_unit(returns, skilled):
    """The same seed gives the same p-values, whatever unit the losses are in."""
    losses = {"a": returns**2, "b": (returns - 0.3 * skilled[::-1]) ** 2}
    assert model_confidence_set(losses) == model_confidence_set(losses)
    assert model_confidence_set(losses, seed=1).p_values != model_confidence_set(losses).p_values
    in_points = model_confidence_set({name: values * 1e8 for name, values in losses.items()})
    assert in_points.p_values == pytest.approx(dict(model_confidence_set(losses).p_values))


def test_the_confidence_set_that_cannot_be_computed_says_so(returns):
    """All equal is one tie; losses that differ by a constant, or too few days, give a reason and no member."""
    loss = returns**2
    assert model_confidence_set({"a": loss, "b": loss}).members == ("a", "b")
    for losses, reason in (
        ({"a": loss, "b": loss + 1}, "same amount"),
        ({"a": loss[:20], "b": 2 * loss[:20]}, "20 sco"),
    ):
        found = model_confidence_set(losses)
        assert reason in found.reason
        assert found.contains("a") is None


def test_the_minimum_detectable_r2_is_found_as_often_as_promised():
    """At the R² that 500 days should find four times in five, 600 worlds say 80 %.

    600 worlds have a binomial error of 1.6 %: the bounds are three of them, and one point for the normal formula.
    """
    r2 = minimum_detectable_r2(500)
    rng = np.random.default_rng(16)
    forecast = math.sqrt(r2) * rng.standard_normal((600, 500))
    actual = forecast + math.sqrt(1 - r2) * rng.standard_normal((600, 500))
    difference = actual**2 - (actual - forecast) ** 2
    scores = difference.mean(1) / difference.std(1) * math.sqrt(500)
    assert (scores > 1.645).mean() == pytest.approx(0.80, abs=0.058)


def test_the_power_agrees_with_published_figures():
    """A true R² of 1 % is found in 20 % of years of days, 55 % of five years and about 97 % of twenty."""
    for n_days, power in ((256, 0.20), (1280, 0.55), (5000, 0.97)):
        assert minimum_detectable_r2(n_days, power=power) == pytest.approx(0.01, rel=0.05)
    assert minimum_detectable_r2(10) is None


def test_discoveries_are_declared_together():
    """The k largest of five need 5 / (k alpha) each: three of 34 do what two of 49 could not, and one needs 100."""
    assert discoveries({"a": 34, "b": 0, "c": 35, "d": 40, "e": 19}) == ("d", "c", "a")
    assert discoveries({"a": 49, "b": 49, "c": 1, "d": 0, "e": 0}) == ()
    assert discoveries({"a": 100, "b": 1, "c": 1, "d": 0, "e": 0}) == ("a",)
    assert discoveries({"a": 25, "b": 0, "c": 0, "d": 0, "e": 0}, alpha=0.2) == ("a",)
    assert discoveries({}) == ()


def test_a_contestant_is_scored_as_a_whole(returns, skilled):
    """The scores agree with the single functions, and the random walk stands in the set."""
    found = point_scores(returns, skilled, in_mcs=True)
    assert found.r2_oos == pytest.approx(1 - found.ratio_to_random_walk**2)
    assert found.r2_oos == out_of_sample_r2(returns, skilled)
    assert found.in_mcs
    assert found.tests["diebold_mariano"] == diebold_mariano(returns, skilled)
    mean = point_scores(returns, np.full(500, 2e-5))
    assert mean.pesaran_timmermann.reason
    assert mean.diebold_mariano.p_value is not None
    assert set(who_may_be_best(returns, {"Skilled": skilled}, 42).p_values) == {"random_walk", "Skilled"}


def test_a_series_that_never_moves_has_no_ratio_and_no_test():
    """Constant closes give errors, and None with a reason for everything that divides by the random walk's."""
    still = np.zeros(100)
    found = point_scores(still, np.full(100, 1e-4))
    assert (found.ratio_to_random_walk, found.r2_oos, found.directional_accuracy) == (None, None, None)
    assert who_may_be_best(still, {"Mean": np.full(100, 1e-4), "Zero": still}, 42).contains("Mean") is None
    assert found.diebold_mariano.reason
    assert found.clark_west.reason


@pytest.mark.parametrize("forecast", [np.zeros(3), np.full(50, np.nan)])
def test_forecasts_that_do_not_fit_are_refused(forecast):
    """Another number of days or a missing forecast gives one line."""
    with pytest.raises(InputError, match="one finite forecast for each of the 50 scored days"):
        point_scores(np.ones(50), forecast)


def test_impossible_questions_about_power_are_refused():
    """A alpha or power outside (0, 1), a power below the alpha."""
    for call in (
        lambda: minimum_detectable_r2(100, alpha=0),
        lambda: minimum_detectable_r2(100, power=1.0),
        lambda: minimum_detectable_r2(100, alpha=0.5, power=0.4),
    ):
        with pytest.raises(InputError):
            call()
