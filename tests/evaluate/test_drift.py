"""Alarms of drift: seldom false in five years of daily looks, found in weeks, over when the cause is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from podium.errors import InputError
from podium.evaluate.drift import (
    DAYS,
    MEMORY,
    REFERENCE,
    THRESHOLD,
    WIDTH_THRESHOLD,
    Drift,
    biased,
    miscovered,
    widened,
)

BEFORE = 500


def outcomes(seed: int, n_days: int) -> np.ndarray:
    """Standardised outcomes while all is well: Student's t of 6 degrees, variance 1."""
    return np.random.default_rng(seed).standard_t(6, n_days) * math.sqrt(4 / 6)


def test_a_false_alarm_is_rare_in_five_years_of_daily_looks():
    """In 30 worlds without a change at most 3 of any question; a fixed 20-day threshold is crossed in two of three."""
    false, crossed = 0, 0
    for seed in range(30):
        z = outcomes(seed, REFERENCE + DAYS)
        found = (widened(z), biased(z), miscovered(np.abs(z) < 1.1756, 0.8))  # the t's quantile at 80 %
        false += any((one.evidence >= one.threshold).any() for one in found)
        crossed += (np.convolve(z**2, np.full(20, 0.05), "valid") > 1.5**2).any()
    assert false <= 3
    assert crossed > 20


@pytest.mark.parametrize(("times", "most"), [(1.5, 60), (2.0, 30)])
def test_wider_outcomes_are_found_within_weeks(times, most):
    """Half of 40 worlds are found within so many days, three of four in half as many more; and it says since when."""
    delays, since = [], []
    for seed in range(40):
        z = outcomes(seed, BEFORE + 100)
        z[BEFORE:] *= times
        drift = widened(z)
        above = drift.evidence[BEFORE - REFERENCE :] >= drift.threshold
        delays.append(above.argmax() + 1 if above.any() else 10**6)
        since.append(drift.since)
    assert np.median(delays) <= most
    assert np.quantile(delays, 0.75) <= 1.5 * most
    assert abs(np.median(since) - 100) <= 10


def test_what_sigma_was_always_wrong_by_is_no_drift():
    """Sigma twice too small from the first day on, and tails of another shape: nothing has changed."""
    z = 2 * np.random.default_rng(1).standard_normal(REFERENCE + DAYS)
    assert not (widened(z).evidence >= WIDTH_THRESHOLD).any()


def test_narrower_outcomes_are_no_alarm():
    """It asks for wider ones only."""
    z = outcomes(2, 900)
    z[BEFORE:] /= 2
    assert not widened(z).alarm


@pytest.mark.parametrize("mean", [-0.5, 0.5])
def test_a_mean_error_is_found_to_either_side(mean):
    """Half a deviation for half a year."""
    z = outcomes(3, BEFORE + 130)
    assert not biased(z).alarm
    z[BEFORE:] += mean
    assert biased(z).alarm


@pytest.mark.parametrize(("coverage", "now"), [(0.8, 0.6), (0.8, 0.95), (0.95, 0.8)])
def test_coverage_that_is_off_is_found_to_either_side(coverage, now):
    """Too few hits, and too many, within a year."""
    rng = np.random.default_rng(4)
    hits = np.concatenate([rng.random(BEFORE) < coverage, rng.random(250) < now])
    assert not miscovered(hits[:BEFORE], coverage).alarm
    assert miscovered(hits, coverage).alarm


def test_it_is_over_when_the_cause_is():
    """A year of twice the width is an alarm to its end, and over within two months after it."""
    z = outcomes(5, BEFORE + 250 + 60)
    z[BEFORE : BEFORE + 250] *= 2
    assert widened(z[: BEFORE + 250]).alarm
    assert widened(z[: BEFORE + 250]).evidence.max() <= MEMORY * WIDTH_THRESHOLD
    assert not widened(z).alarm


def test_an_alarm_does_not_flicker():
    """A dip below the threshold is no end; half of it is, until it is crossed again."""
    paths = ([7.3], [7.3, 5.0], [7.3, 3.6], [7.3, 3.6, 5.0], [5.0], [])
    raised = [Drift(np.array(path), 7.2, 1).alarm for path in paths]
    assert raised == [True, True, False, False, False, False]


def test_the_betting_scores_are_worth_at_most_one():
    """The mean of each day's bet while nothing changes: below one but for the error of 200,000 draws."""
    z = np.random.default_rng(6).standard_t(5, 200_000)
    for b in (0.2, 0.4):
        assert np.exp(b * z - (b * z) ** 2 / 2).mean() <= 1.005
    assert pytest.approx(math.log(1260 / 0.05)) == THRESHOLD


def test_too_short_a_record_says_nothing():
    """Before the reference is full nothing is asked, and nothing is raised."""
    for drift in (widened(outcomes(7, 100)), biased(outcomes(7, 100)), miscovered([True] * 100, 0.8), widened([])):
        assert (drift.alarm, drift.evidence.size, drift.since) == (False, 0, 0)


def test_what_cannot_be_tested_is_refused():
    """A value that is not finite, and a coverage that is none."""
    with pytest.raises(InputError, match="not finite"):
        widened([1.0, float("nan")])
    with pytest.raises(InputError, match=r"between 0\.5 and 1"):
        miscovered([True], 1.2)
