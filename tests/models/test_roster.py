"""Who can take part, and with what settings."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar

import pytest

from podium.errors import SettingError, UnknownContestantError
from podium.models import roster
from podium.models.base import Contestant
from podium.models.linear import LinearRegressionContestant
from podium.models.roster import check_known, enter, enter_all, known
from podium.settings import Settings


def test_the_guides_three_are_known():
    """The families of the guide are offered under its names."""
    assert {"LinearRegression", "ARIMA", "LSTM"} <= set(known())


def test_a_contestant_gets_the_championships_window_and_seed():
    """Window and seed come from the championship, the rest from its own options."""
    settings = Settings(n_lags=20, seed=7, options={"LinearRegression": {"lags_used": 3}})
    contestant = enter("LinearRegression", settings)
    assert (contestant.n_lags, contestant.seed, contestant.lags_used) == (20, 7, 3)
    assert enter("ARIMA", settings).n_lags == 20


def test_an_unknown_family_is_told_who_is_known():
    """The message names the family and those that there are."""
    with pytest.raises(UnknownContestantError, match="'Prophet' is not known; choose from ARIMA, ") as refused:
        check_known(("ARIMA", "Prophet"))
    assert str(refused.value).endswith(", ".join(sorted(known())))


@pytest.mark.parametrize("option", ["layers", "seed", "n_lags", "horizon"])
def test_an_option_that_it_has_not_got_is_named(option):
    """Neither a misspelt option nor a shared setting passes silently."""
    settings = Settings(options={"ARIMA": {option: 1}})
    with pytest.raises(SettingError, match=rf"setting options.ARIMA.{option}: ARIMA has no such option; it has max_p"):
        enter("ARIMA", settings)


@pytest.mark.parametrize(
    ("family", "option", "value", "words"),
    [
        ("LSTM", "units", "abc", "a whole number"),
        ("LSTM", "units", "16", "a whole number"),
        ("LSTM", "units", True, "a whole number"),
        ("LSTM", "units", -1, "at least 1"),
        ("LSTM", "epochs", 0, "at least 1"),
        ("LSTM", "patience", 0, "at least 1"),
        ("LSTM", "batch_size", 0, "at least 1"),
        ("LSTM", "validation_fraction", 1.0, "at most 0.5"),
        ("LSTM", "learning_rate", float("nan"), "at most 1"),
        ("ARIMA", "max_p", -1, "at least 0"),
        ("ARIMA", "order", [1, 0, 1], "a list of at most 2"),
        ("ARIMA", "order", "1,0", "a list"),
        ("ARIMA", "order", [1, -1], "[1] a number of at least 0"),
        ("LinearRegression", "lags_used", "x", "a whole number"),
        ("LinearRegression", "lags_used", 0, "at least 1"),
    ],
)
def test_a_value_that_an_option_cannot_have_is_named_before_any_work(family, option, value, words):
    """One line with the option, its value and what is allowed, from entering alone; no fit meets it."""
    settings = Settings(contestants=(family,), options={family: {option: value}})
    with pytest.raises(SettingError) as caught:
        enter_all(settings)
    assert str(caught.value).startswith(f"setting options.{family}.{option} = {value!r}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_that_do_not_go_together_are_named():
    """More lags than `n_lags` are refused, not cut."""
    settings = Settings(n_lags=32, options={"LinearRegression": {"lags_used": 50}})
    with pytest.raises(SettingError, match=r"options.LinearRegression: lags_used = 50 is more than the 32 that X has"):
        enter("LinearRegression", settings)


def test_an_order_is_a_list_of_two():
    """A list, which is how podium.toml writes it, becomes the pair that the contestant wants."""
    assert enter("ARIMA", Settings(options={"ARIMA": {"order": [1, 0]}})).order == (1, 0)


@pytest.mark.parametrize(("written", "meant"), [("LTSM", "LSTM"), ("arima", "ARIMA"), ("LinearRegresion", "LinearReg")])
def test_options_of_nobody_are_named_with_the_nearest(written, meant):
    """A misspelt table of options is not passed over."""
    with pytest.raises(SettingError, match=rf"setting options.{written}: no such contestant; did you mean {meant}"):
        enter("LinearRegression", Settings(options={written: {}}))


class Undecorated(LinearRegressionContestant):
    """Says nothing of its own fields."""

    family: ClassVar[str] = "Mine"


@dataclass(frozen=True)
class Dashed(LinearRegressionContestant):
    """Has a name that no address takes."""

    family: ClassVar[str] = "My Model"


@dataclass(frozen=True)
class Fitless(Contestant):
    """Learns nothing."""

    family: ClassVar[str] = "Mine"
    description: ClassVar[str] = "Nothing."


@pytest.mark.parametrize(
    ("name", "target", "words"),
    [
        ("Mine", "nowhere.at.all:Thing", "cannot be loaded, ModuleNotFoundError: No module named 'nowhere'"),
        ("Mine", "podium.models.linear:Nothing", "cannot be loaded, AttributeError"),
        ("Mine", "podium.errors:Fault", "is not a subclass of podium.models.base.Contestant"),
        ("Mine", Undecorated, "is no dataclass; write @dataclass(frozen=True)"),
        ("Mine", LinearRegressionContestant, "calls its family 'LinearRegression'"),
        ("My Model", Dashed, "letters and digits"),
        ("Mine", Fitless, "abstract class Fitless"),
    ],
)
def test_a_broken_contestant_is_named(monkeypatch, name, target, words):
    """An entry point that cannot be used is one line with its name and what is wrong with it."""
    point = EntryPoint(name, target if isinstance(target, str) else "mine:It", roster.GROUP)
    monkeypatch.setattr(roster, "known", lambda: {name: point})
    if not isinstance(target, str):
        monkeypatch.setattr(EntryPoint, "load", lambda _: target)
    with pytest.raises(SettingError) as caught:
        enter(name, Settings())
    assert words in str(caught.value)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_of_who_does_not_take_part_are_checked_too(workdir):
    """A misspelt or wrong option of the LSTM is refused where only ARIMA enters, with its line and in our words."""
    Path("podium.toml").write_text("contestants = ['ARIMA']\n[options.LSTM]\nunits = 0\n")
    with pytest.raises(SettingError) as caught:
        enter_all(Settings.load())
    assert str(caught.value) == (
        "setting options.LSTM.units = 0 (podium.toml line 3): a number of at least 1 is wanted"
    )
    Path("podium.toml").write_text("[options.LSTM]\nunit = 8\n")
    with pytest.raises(SettingError, match=r"options.LSTM.unit \(podium.toml line 2\): .* did you mean units\?"):
        enter("ARIMA", Settings.load())
