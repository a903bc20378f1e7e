"""An amount of money, and what a forecast means for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.errors import SettingError
from podium.records import DataVersion, Interval, NextDay
from podium.report.amount import Amount

REACH = {"lower_80": 0.004, "upper_80": 0.005, "lower_95": 0.009, "upper_95": 0.011}
AHEAD = NextDay(
    pair="EURUSD",
    origin=date(2026, 11, 25),
    target_date=date(2026, 11, 26),
    close=1.25,
    forecast=0.001,
    interval=Interval(origin=date(2026, 11, 25), reach=REACH, sigma=0.005, df=6.0, volatility_model="garch"),
    model_name="EURUSD_LinearRegression",
    data_version=DataVersion("ecb", "EURUSD", np.datetime64("2026-11-25"), "5138c3cd"),
)


@pytest.mark.parametrize(
    ("text", "value", "currency"),
    [
        ("1000000 EUR", 1e6, "EUR"),
        ("1,000,000.50 eur", 1_000_000.5, "EUR"),
        ("0.01USD", 0.01, "USD"),
        (" 7 USD ", 7, "USD"),
    ],
)
def test_an_amount_is_a_number_and_a_currency(text: str, value: float, currency: str) -> None:
    """As people write it."""
    assert Amount.parse(text) == Amount(value, currency)


@pytest.mark.parametrize(
    "text",
    ["", "EUR", "1000000", "-5 EUR", "0 EUR", "1.000.000 EUR", "1,5 EUR", "1e6 EUR", "1 EURO", f"{'9' * 400} EUR"],
)
def test_what_is_none_is_refused(text: str) -> None:
    """No guess is made of what a comma or a sign means."""
    with pytest.raises(SettingError, match="give a number above zero and a currency, such as '1000000 EUR'") as caught:
        Amount.parse(text)
    assert "\n" not in str(caught.value)


def test_a_currency_that_is_not_of_the_pair_is_refused() -> None:
    """The line names those that the pair has."""
    with pytest.raises(SettingError, match="amount in JPY: EURUSD has EUR and USD; give one of these"):
        Amount(1.0, "JPY").other("EURUSD")


@given(st.floats(0.01, 1e12), st.floats(1e-4, 1e4), st.floats(-0.05, 0.05))
def test_there_and_back_is_the_same_money(value: float, close: float, forecast: float) -> None:
    """Both ways use the same rates: the least of one currency is the most of the other, and bounds stay in order."""
    told = replace(AHEAD, close=close, forecast=forecast)
    there = Amount(value, "EUR").ahead(told)
    back = {"lower_80": "upper_80", "upper_80": "lower_80", "lower_95": "upper_95", "upper_95": "lower_95"}
    for name, money in there.items():
        again = Amount(money, "USD").ahead(told)
        assert again[back.get(name, name)] == pytest.approx(value)
        assert again["lower_95"] < again["lower_80"] < again["forecast"] < again["upper_80"] < again["upper_95"]


def test_the_day_is_named_before_any_money() -> None:
    """One sentence: whose amount, on which day, what it may be worth."""
    told = Amount(1e6, "EUR").told(AHEAD)
    assert told == (
        "1,000,000 EUR on 2026-11-26: 1,246,255.62 to 1,257,522.55 USD on 4 days of 5; "
        "1,240,039.89 to 1,265,090.36 USD on 19 of 20; 1,251,250.63 USD expected, 1,250,000 USD at the last close"
    )
    assert Amount(5e5, "USD").told(replace(AHEAD, interval=None)) == (
        "500,000 USD on 2026-11-26: 399,600.20 EUR expected, 400,000 EUR at the last close"
    )
