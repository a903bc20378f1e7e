import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.evaluate.evidence import accumulate, compare, since
from podium.records import Forecasts

DAYS = np.arange(np.datetime64("2020-01-01"), np.datetime64("2020-01-01") + 400)


def rows(start, stop, forecast, actual=1.0, bounds=None):
    """Rows for consecutive days with one number each."""
    n_days = stop - start
    days = DAYS[start:stop]
    return Forecasts(days, days + 1, np.full(n_days, actual), np.full(n_days, forecast), bounds or {})


@given(st.integers(0, 50), st.integers(51, 100), st.integers(0, 100), st.integers(101, 160))
@settings(max_examples=40, deadline=None)
def test_a_recorded_forecast_never_changes(first, stop, later_first, later_stop):
    """However two records overlap, each origin appears once, in order; the earlier forecast and the later rate stay."""
    joined = accumulate(rows(first, stop, 0.1, actual=1.0), rows(later_first, later_stop, 0.2, actual=2.0))
    known = np.isin(joined.origins, DAYS[first:stop])
    revised = np.isin(joined.origins, DAYS[later_first:later_stop])
    assert (np.diff(joined.origins).astype(int) > 0).all()
    assert set(joined.origins) == set(DAYS[first:stop]) | set(DAYS[later_first:later_stop])
    np.testing.assert_array_equal(joined.forecast, np.where(known, 0.1, 0.2))
    np.testing.assert_array_equal(joined.actual, np.where(revised, 2.0, 1.0))
    np.testing.assert_array_equal(joined.target_dates, joined.origins + 1)


def test_bounds_that_both_have_are_kept():
    """Interval columns of both records are joined like the forecast; one that only one has is left out."""
    earlier = rows(0, 2, 0.1, bounds={"lower_80": np.array([1.0, 2.0]), "lower_95": np.zeros(2)})
    joined = accumulate(earlier, rows(1, 3, 0.2, bounds={"lower_80": np.array([8.0, 9.0])}))
    assert list(joined.bounds) == ["lower_80"]
    np.testing.assert_array_equal(joined.bounds["lower_80"], [1.0, 2.0, 9.0])


def test_evidence_starts_with_the_forecast_made_on_the_day_of_the_title():
    """The forecast made at the close on which the title was taken counts; the one before does not."""
    assert since(rows(0, 10, 0.1), DAYS[4]).origins[0] == DAYS[4]
    assert len(since(rows(0, 10, 0.1), None)) == 0


def test_what_cannot_be_compared_says_why():
    """Equal forecasts, losses that differ by a constant, and few days give a reason and no p-value."""
    equal = compare("A", "B", rows(0, 100, 0.1), rows(0, 100, 0.1), 0.05)
    constant = compare("A", "B", rows(0, 100, 0.1), rows(0, 100, 0.2), 0.05)
    few = compare("A", "B", rows(0, 59, 0.1), rows(0, 59, 0.2), 0.05)
    for found, reason in ((equal, "same error"), (constant, "same amount"), (few, "59 days of evidence")):
        assert reason in found.reason
        assert (found.p_value, found.lower, found.decisive) == (None, None, False)
    assert few.mean_difference == pytest.approx(0.9**2 - 0.8**2)


def test_a_revised_rate_makes_no_difference_between_equal_forecasts():
    """Both errors are taken against the same realised return."""
    found = compare("A", "B", rows(0, 100, 0.1, actual=1.0), rows(0, 100, 0.1, actual=3.0), 0.05)
    assert found.mean_difference == 0
    overlapping = compare("A", "B", rows(0, 100, 0.1, actual=1.0), rows(10, 110, 0.1, actual=3.0), 0.05)
    assert (overlapping.mean_difference, overlapping.n_days) == (0, 90)


def test_an_empty_record_is_no_evidence():
    """A rival that shares no day with the champion gives no mean."""
    assert compare("A", "B", rows(0, 100, 0.1), rows(100, 200, 0.2), 0.05).mean_difference is None
