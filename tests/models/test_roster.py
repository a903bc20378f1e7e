"""Who can take part, and with what settings."""

from __future__ import annotations

import pytest

from podium.errors import SettingError, UnknownContestantError
from podium.models.roster import check_known, enter, known
from podium.settings import Settings


def test_the_guides_three_are_known():
    """The families of the guide are offered under its names."""
    assert {"LinearRegression", "ARIMA", "LSTM"} <= set(known())


def test_a_contestant_gets_the_championships_window_and_seed():
    """Window and seed come from the championship, the rest from its own options."""
    settings = Settings(window=20, seed=7, options={"LinearRegression": {"n_lags": 3}})
    contestant = enter("LinearRegression", settings)
    assert (contestant.window, contestant.seed, contestant.n_lags) == (20, 7, 3)
    assert enter("ARIMA", settings).window == 20


def test_an_unknown_family_is_told_who_is_known():
    """The message names the family and those that there are."""
    with pytest.raises(UnknownContestantError, match=r"'Prophet' is not known; choose from ARIMA, LSTM, Linear"):
        check_known(("ARIMA", "Prophet"))


@pytest.mark.parametrize("option", ["layers", "seed", "window", "horizon"])
def test_an_option_that_it_has_not_got_is_named(option):
    """Neither a misspelt option nor a shared setting passes silently."""
    settings = Settings(options={"ARIMA": {option: 1}})
    with pytest.raises(SettingError, match=rf"setting options.ARIMA.{option}: ARIMA has no such option; it has max_p"):
        enter("ARIMA", settings)
