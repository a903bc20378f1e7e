"""The daily message, word by word, and what it leaves out where something is not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time

import numpy as np
import pytest

from podium.data.calendar import lateness
from podium.evaluate.contributions import Change, Contributions
from podium.records import DataVersion, Interval, NextDay
from podium.report.amount import Amount
from podium.report.message import fragment, message

REACH = {"lower_80": 0.0050, "upper_80": 0.0052, "lower_95": 0.0082, "upper_95": 0.0085}
TODAY = NextDay(
    pair="EURUSD",
    origin=date(2026, 11, 26),
    target_date=date(2026, 11, 27),
    close=1.1566,
    forecast=0.000213,
    interval=Interval(origin=date(2026, 11, 26), reach=REACH, sigma=0.004, df=6.0, volatility_model="garch"),
    model_name="EURUSD_LinearRegression",
    model_version=3,
    data_version=DataVersion("ecb", "EURUSD", np.datetime64("2026-11-26"), "5138c3cd"),
    verdict="unproven",
    reason="LinearRegression has the lowest RMSE, 0.00466; it does not beat the random walk",
)
YESTERDAY = replace(
    TODAY,
    origin=date(2026, 11, 25),
    target_date=date(2026, 11, 26),
    close=1.1612,
    interval=replace(TODAY.interval, reach={name: reach * 0.8 for name, reach in REACH.items()}),
)
CHANGE = Change("EURUSD_ARIMA (v2)", "EURUSD_LinearRegression (v3)", -0.00012, 0.000213, 0.0003, 0.000033)
PARTS = Contributions(0.00002, {"lag_0": 0.0001, "lag_1": -0.00004, "lag_2": 0.0, "ma_5": 0.0002, "lag_3": -0.000067})
LATE = lateness(date(2026, 11, 26), datetime(2026, 12, 3, 18, tzinfo=UTC), time(18, tzinfo=UTC))


LATE_TODAY = replace(TODAY, stale=LATE)

WHOLE = """\
The newest stored rate is of 26 Nov 2026, and 5 business days are missing up to 3 Dec 2026: do not act on the rest \
before they are there.
EUR/USD on Friday, 27 Nov 2026, seen from the close of 26 Nov 2026 at 1.15660.
It should lie between 1.15108 and 1.16288 on 4 days of 5 (80%), and between 1.14740 and 1.16672 on 19 of 20 (95%). \
The middle of what is expected is 1.15685, +0.0213% from that close.
1,000,000 EUR on 27 Nov 2026: 1,151,076.59 to 1,162,877.65 USD on 4 days of 5; 1,147,399.03 to 1,166,721.49 USD on \
19 of 20; 1,156,846.38 USD expected, 1,156,600 USD at the last close.
By EURUSD_LinearRegression (v3), whose verdict is unproven: LinearRegression has the lowest RMSE, 0.00466; it does \
not beat the random walk. Act on the range rather than on the direction.
The range for 26 Nov 2026 held: 1.15660 came, inside 1.15385 to 1.16937 (95%).
The range is 25% wider than that for 26 Nov 2026.
The next day's expected change is +0.0213%, and was -0.0120% a day before: newer rates moved it by +0.0300%, and \
EURUSD_LinearRegression (v3) in place of EURUSD_ARIMA (v2) by +0.0033%.
Its parts are a constant +0.0020%, ma_5 +0.0200%, lag_0 +0.0100%, lag_3 -0.0067% and the other 2 columns -0.0040%."""


def test_the_whole_message() -> None:
    """Day, close, ranges, money, verdict, what came, what is new and why, in plain words and in this order."""
    said = message(LATE_TODAY, yesterday=YESTERDAY, change=CHANGE, parts=PARTS, amount=Amount(1e6, "EUR"))
    assert said == WHOLE


def test_old_rates_are_told_before_the_day_and_the_day_before_any_figure() -> None:
    """The first line is that rates are missing; without that it is the target day, before close and range."""
    first, second, *_ = message(LATE_TODAY).splitlines()
    assert first.startswith(
        "The newest stored rate is of 26 Nov 2026, and 5 business days are missing up to 3 Dec 2026"
    )
    assert second.index("Friday, 27 Nov 2026") < second.index("26 Nov 2026 at 1.15660")
    assert message(TODAY).startswith(second)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"yesterday": YESTERDAY},
            ["The range for 26 Nov 2026 held: 1.15660 came, inside", "25% wider than that for 26 Nov 2026"],
        ),
        (
            {"yesterday": replace(YESTERDAY, close=1.18)},
            ["The range for 26 Nov 2026 did not hold: 1.15660 came, outside 1.17"],
        ),
        ({"yesterday": replace(YESTERDAY, interval=TODAY.interval)}, ["as wide as that for 26 Nov 2026"]),
        ({"change": replace(CHANGE, earlier=CHANGE.later, model=0.0)}, ["+0.0300%, and the model is the same."]),
        ({"change": CHANGE}, ["EURUSD_LinearRegression (v3) is no weighted sum of its columns"]),
        ({"change": CHANGE, "parts": PARTS}, ["ma_5 +0.0200%, lag_0 +0.0100%, lag_3 -0.0067% and the other 2 columns"]),
        ({"amount": Amount(1e6, "USD")}, ["1,000,000 USD on 27 Nov 2026: "]),
    ],
)
def test_what_is_new_is_told(given: dict[str, object], words: list[str]) -> None:
    """How the day before came out, how the range has changed, and what moved the forecast; only where it is known."""
    said = message(TODAY, **given)
    assert all(word in said for word in words), said
    assert not any(word in message(TODAY) for word in words)


def test_a_forecast_without_range_or_verdict_says_so() -> None:
    """Nothing is passed over in silence, and nothing breaks."""
    bare = replace(TODAY, interval=None, verdict=None, reason=None, model_version=None)
    said = message(bare, yesterday=replace(YESTERDAY, interval=None))
    assert "There is no range for it. The middle of what is expected is 1.15685" in said
    assert "By EURUSD_LinearRegression; whether it knows a direction is not judged: no reason was recorded." in said


def test_on_a_page_it_is_a_paragraph_a_line() -> None:
    """What somebody wrote into a reason is text there, not markup."""
    page = fragment(message(replace(TODAY, reason="<b>luck</b> & more")))
    assert page.count("<p>") == page.count("</p>") == 3
    assert "&lt;b&gt;luck&lt;/b&gt; &amp; more" in page
