import numpy as np
import pytest

from podium.data.continuity import changes, departures, price_level, same_outcomes
from podium.data.store import data_version
from podium.records import Series


def _like(series: Series, rows: slice = slice(None), factor: float = 1.0, source: str = "") -> Series:
    return Series(series.pair, series.dates[rows], series.closes[rows] * factor, source or series.source)


def test_a_series_that_only_goes_on_is_nothing_to_tell(series):
    """More days at the end, or the same once more."""
    assert changes(_like(series, slice(0, 390)), series) == ()
    assert changes(series, series) == ()
    assert departures(data_version(series.until(390)), data_version(series)) == []


def test_every_change_is_told_in_a_sentence_of_its_own(series):
    """Source, end, beginning and rates, with the words that a reader needs to find them."""
    told = changes(series, _like(series, slice(5, 390), 1.01, "ecb"))
    assert told == (
        "EURUSD: the rates come from ecb, those stored before came from csv",
        f"EURUSD: the rates end on {series.dates[389]}, those stored before ended on {series.dates[-1]}",
        f"EURUSD: the rates begin on {series.dates[5]}, those stored before began on {series.dates[0]}",
        told[3],
    )
    assert "385 of 385 days have another rate than before" in told[3]


def test_one_revised_rate_is_shown(series):
    """The day with the largest difference, and both rates."""
    closes = series.closes.copy()
    closes[7] *= 1.02
    revised = Series(series.pair, series.dates, closes, series.source)
    (told,) = changes(series, revised)
    assert f"1 of 400 days have another rate than before, {series.dates[7]} {closes[7]:g} instead of" in told


def test_a_title_departs_with_the_source_or_the_end(series):
    """Each is a fault of its own, which can be allowed by its name."""
    decided = data_version(series)
    assert [fault.check for fault in departures(decided, data_version(_like(series, source="ecb")))] == ["other_series"]
    assert [fault.check for fault in departures(decided, data_version(series.until(399)))] == ["earlier_end"]
    both = departures(decided, data_version(_like(series, slice(0, 399), source="ecb")))
    assert [fault.check for fault in both] == ["other_series", "earlier_end"]


def test_the_level_of_prices_is_that_of_twenty_days(series):
    """A factor is seen, one way and the other; one revised day is not, nor a series that has none of the days."""
    last = series.dates[300]
    level = price_level(series, last)
    assert level == np.median(series.closes[281:301])
    assert np.isnan(price_level(series, series.dates[0] - 1))
    found, closes = data_version(series), series.closes.copy()
    closes[300] *= 100
    assert price_level(Series(series.pair, series.dates, closes, series.source), last) == pytest.approx(level, rel=0.01)
    for factor, checks in ((1.0, []), (1.005, []), (1.02, ["other_level"]), (0.01, ["other_level"])):
        assert [fault.check for fault in departures(found, found, (level, factor * level))] == checks


@pytest.mark.parametrize(("wrong", "same"), [(0, True), (40, True), (60, False), (100, False)])
def test_most_outcomes_must_be_the_same(wrong, same):
    """Revisions change a few; more than half is another series, and so are days that are not there."""
    rng = np.random.default_rng(1)
    origins, outcomes = np.arange("2024-01-01", 100, dtype="datetime64[D]"), rng.normal(0, 0.005, 100)
    targets = np.where(np.arange(100) < wrong, outcomes + 0.001, outcomes)
    assert same_outcomes(origins, outcomes, origins, targets) is same
    assert same_outcomes(origins, outcomes, origins[wrong:], outcomes[wrong:]) is same
