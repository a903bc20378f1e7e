"""The fluctuation test: its band, what it finds, and what it says."""

import numpy as np
import pytest

from podium.evaluate.fluctuation import BAND, Fluctuation, fluctuation, moving_lead


def forecasts(rng, n_worlds, n_days=1425):
    """Returns with fat tails, and a forecast that is as good as none: its noise costs what its knowledge brings."""
    signal, noise = 0.0003 * rng.standard_normal((2, n_worlds, n_days))
    return 0.005 * rng.standard_t(5, (n_worlds, n_days)) + signal, signal + noise


def test_equals_leave_the_band_in_one_world_of_twenty():
    """Of 800 worlds without a difference at any time 2.5 to 7.5 % leave it; the seed is fixed."""
    left = [abs(moving_lead(y, f)).max() > BAND for y, f in zip(*forecasts(np.random.default_rng(0), 800), strict=True)]
    assert 0.025 <= np.mean(left) <= 0.075


def test_a_time_ahead_is_found_and_its_end_too():
    """Skill on the middle third of the days alone: ahead beyond chance once, and not now."""
    actual, forecast = (part[0] for part in forecasts(np.random.default_rng(1), 1))
    forecast[500:900] = 0.05 * actual[500:900]
    found = fluctuation(actual, forecast)
    assert found.n_days == 427
    assert found.highest > BAND > abs(found.last)
    assert "it was ahead beyond chance once, and is not now" in found.told


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ((4.0, -1.0, 3.5), "is ahead beyond chance"),
        ((1.0, -4.0, -3.5), "is behind beyond chance"),
        ((3.5, -4.0, 0.0), "was ahead and behind beyond chance once"),
        ((2.7, -0.5, 0.2), "never stood out from chance: -0.50 to 2.70 standard errors, 0.20 now, 3.01 is beyond"),
    ],
)
def test_it_is_told_in_one_clause(figures, said):
    """The words follow the band, and every figure is there."""
    assert said in Fluctuation(427, *figures).told


def test_what_cannot_be_said_is_not():
    """Fewer than a hundred days, and a forecast of no change, have no windows."""
    actual = np.random.default_rng(2).standard_normal(1000)
    assert fluctuation(actual[:99], actual[:99] / 2) is None
    assert fluctuation(actual, np.zeros(1000)) is None
