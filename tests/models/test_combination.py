"""Combination: weights that learn every day, and the one model that members and weights become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.evaluate.walkforward import walk_together
from podium.features import frame
from podium.models.arima import ArimaContestant
from podium.models.base import Contestant
from podium.models.combination import CombinationContestant
from podium.models.combiner import Mixture
from podium.models.linear import LinearRegressionContestant
from podium.records import Forecasts
from tests.models.refusal import refusal

N_DAYS = 60
WORLDS, N_WALK, PHI = 20, 250, 0.2  # an AR(1) with R² 4 %


def days(actual, *members):
    """Members' forecasts of the same days, by the names a, b, c ..."""
    when = np.datetime64("2020-01-01") + np.arange(len(actual))
    return {chr(97 + at): Forecasts(when, when + 1, actual, forecast) for at, forecast in enumerate(members)}


def drawn(seed, n_members=3, n_days=N_DAYS):
    """Outcomes, and forecasts that know nothing of them."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.006, n_days), rng.normal(0, 0.001, (n_members, n_days))


@given(seed=st.integers(0, 1000), day=st.integers(0, N_DAYS - 1), horizon=st.integers(1, 5))
def test_weights_of_a_day_know_nothing_of_it(seed, day, horizon):
    """Whatever is changed in an outcome that is not known at a day's close leaves that day's weights and forecast."""
    actual, forecasts = drawn(seed)
    combiner = CombinationContestant(horizon=horizon)
    before, _ = walk_together(combiner, days(actual, *forecasts))
    first_unknown = max(0, day - horizon + 1)
    other = actual.copy()
    other[first_unknown:] = -7 * other[first_unknown:] + 0.01
    after, _ = walk_together(combiner, days(other, *forecasts))
    assert np.array_equal(after.forecast[: day + 1], before.forecast[: day + 1])
    assert all(np.array_equal(after.bounds[name][: day + 1], of[: day + 1]) for name, of in before.bounds.items())


def test_the_outcome_known_last_moves_the_weights():
    """Yesterday's outcome is known at today's close, and today's weights have learned from it."""
    actual, forecasts = drawn(1)
    _, before = walk_together(CombinationContestant(), days(actual, *forecasts))
    actual[-1] = -actual[-1]
    _, after = walk_together(CombinationContestant(), days(actual, *forecasts))
    assert not np.allclose(after, before)


def test_it_begins_with_half_on_the_random_walk():
    """On the first day the random walk has half, or what the option says, and the members share the rest."""
    actual, forecasts = drawn(2)
    rows, _ = walk_together(CombinationContestant(), days(actual, *forecasts))
    assert [of[0] for of in rows.bounds.values()] == pytest.approx([1 / 2, 1 / 6, 1 / 6, 1 / 6])
    assert list(rows.bounds) == ["weight_random_walk", "weight_a", "weight_b", "weight_c"]
    most, _ = walk_together(CombinationContestant(random_walk=0.9), days(actual, *forecasts))
    assert most.bounds["weight_random_walk"][0] == pytest.approx(0.9)


def test_the_rule_is_wintenbergers():
    """The weights are those of the formulas in the module's docstring, written out number by number."""
    actual, forecasts = drawn(3, n_members=2)
    learner = CombinationContestant().learner(2)
    first, R, V, B = [0.5, 0.25, 0.25], [0.0] * 3, [0.0] * 3, [0.0] * 3
    p = first
    actual[40] = 0.2  # a day of thirty deviations
    for day, (outcome, each) in enumerate(zip(actual, forecasts.T, strict=True)):
        if day < 20:
            learner.learn(each, outcome)
            assert learner.weights == pytest.approx(first[1:])
            continue
        past, fade = actual[:day] ** 2, 0.97 ** np.arange(day)[::-1]
        s2 = max((past * fade).sum() / fade.sum(), 0.09 * past.mean())
        y = np.clip(outcome, -5 * s2**0.5, 5 * s2**0.5)
        f = [0.0, *each]
        m = sum(p[k] * f[k] for k in range(3))
        r = [2 * (m - y) * (m - f[k]) / s2 for k in range(3)]
        V = [V[k] + r[k] ** 2 for k in range(3)]
        B = [max(B[k], abs(r[k])) for k in range(3)]
        eta = [min(1 / (2 * B[k]), (np.log(1 / first[k]) / V[k]) ** 0.5) for k in range(3)]
        R = [R[k] + r[k] - eta[k] * r[k] ** 2 for k in range(3)]
        w = [first[k] * eta[k] * np.exp(eta[k] * R[k]) for k in range(3)]
        p = [w[k] / sum(w) for k in range(3)]
        learner.learn(each, outcome)
        assert learner.weights == pytest.approx(p[1:], rel=1e-9)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_unit_of_the_returns_does_not_matter(scale):
    """Returns in another unit have the same weights, so that a peg and a crisis currency are treated alike."""
    actual, forecasts = drawn(4)
    _, weights = walk_together(CombinationContestant(), days(actual, *forecasts))
    _, scaled = walk_together(CombinationContestant(), days(scale * actual, *(scale * forecasts)))
    assert scaled == pytest.approx(weights, rel=1e-9)


def test_members_that_say_nothing_new_change_nothing():
    """Forecasts of zero, and a rate that stands still, leave the weights where they began and warn of nothing."""
    still = np.zeros(N_DAYS)
    _, weights = walk_together(CombinationContestant(), days(still, still, still))
    assert weights == pytest.approx([0.25, 0.25])
    _, weights = walk_together(CombinationContestant(), days(drawn(5)[0], still, still))
    assert weights == pytest.approx([0.25, 0.25])


def test_it_finds_skill_within_a_year_and_hardly_loses_where_there_is_none():
    """On a planted R² of 4 % it takes 2 % within 250 days; among members that know nothing it stays near zero."""
    found, lost = [], []
    for seed in range(WORLDS):
        rng = np.random.default_rng(seed)
        noise, returns = rng.normal(0, 0.006, 1000 + N_WALK), np.zeros(1000 + N_WALK)
        for day in range(1, len(returns)):
            returns[day] = PHI * returns[day - 1] + noise[day]
        found.append(r2(returns))
        lost.append(r2(noise))
    assert np.mean(found) >= 0.02
    assert np.mean(lost) >= -0.003
    assert min(lost) >= -0.02


def r2(returns):
    """Of the mixture of mean, AR(1) and least squares on six lags, over the last 250 days, fitted on those before."""
    lagged = np.lib.stride_tricks.sliding_window_view(returns, 7)  # (n, 7), the outcome last
    X, y = lagged[:, -2::-1], lagged[:, -1]
    learn, later = slice(None, -N_WALK), slice(-N_WALK, None)
    members = []
    for n_lags in (0, 1, 6):
        design = np.column_stack([np.ones(len(X)), X[:, :n_lags]])
        members.append(design[later] @ np.linalg.lstsq(design[learn], y[learn])[0])
    rows, _ = walk_together(CombinationContestant(), days(y[later], *members))
    return 1 - np.sum((rows.actual - rows.forecast) ** 2) / np.sum(rows.actual**2)


WEIGHTS = np.array([0.5, 0.2])


@dataclass(frozen=True)
class Mixed(Contestant):
    """Two members, fitted as themselves, with weights that are given."""

    family: ClassVar[str] = "Mixed"
    description: ClassVar[str] = "Half a LinearRegression, a fifth of an ARIMA."

    def fit(self, X, y):
        names = tuple(X.columns)
        members = {"LinearRegression": LinearRegressionContestant(), "ARIMA": ArimaContestant(order=(1, 0))}
        graphs = {name: member.fit(X, y).onnx(names) for name, member in members.items()}
        return Mixture(graphs, WEIGHTS, names)


def test_a_mixture_is_admitted_like_anybody(recent):
    """The model that members and weights become passes every admission check."""
    assert refusal(Mixed(), recent) == ""


def test_the_graph_is_the_weighted_sum_of_the_members(recent):
    """One graph answers what the members' answers, weighed, add up to; the weights are params."""
    X, y = frame(recent), recent.target
    mixed = Mixed().fit(X[:-1], y[:-1])
    linear = LinearRegressionContestant().fit(X[:-1], y[:-1]).predict(X)
    ar = ArimaContestant(order=(1, 0)).fit(X[:-1], y[:-1]).predict(X)
    assert mixed.predict(X) == pytest.approx(0.5 * linear + 0.2 * ar, abs=1e-15)
    assert mixed.params == pytest.approx(
        {"weight_random_walk": 0.3, "weight_LinearRegression": 0.5, "weight_ARIMA": 0.2}
    )
    assert mixed.onnx(recent.names[::-1]) is None
