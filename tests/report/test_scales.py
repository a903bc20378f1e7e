import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.report.scales import date_ticks, round_scale

VALUES = st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 6)), min_size=1, max_size=30)


@given(values=VALUES, tight=st.booleans())
@settings(max_examples=80, deadline=None)
def test_every_value_lies_on_its_scale_and_ticks_are_few_and_in_order(values: list[float], tight: bool) -> None:
    """Whatever is drawn is in view, between a handful of ticks."""
    scale = round_scale([np.array(values)], tight=tight)
    shares = scale.share(np.array(values))
    assert (shares >= -1e-9).all()
    assert (shares <= 1 + 1e-9).all()
    assert 2 <= len(scale.ticks) <= 9
    assert list(scale.ticks) == sorted(set(scale.ticks))


@given(low=st.floats(-1, 1), width=st.floats(1e-5, 10))
@settings(max_examples=80, deadline=None)
def test_the_digits_tell_the_ticks_apart(low: float, width: float) -> None:
    """Two ticks never read the same."""
    scale = round_scale([np.array([low, low + width])])
    written = [f"{tick:.{scale.digits}f}" for tick in scale.ticks]
    assert len(set(written)) == len(written)
    assert [float(text) for text in written] == pytest.approx(scale.ticks, abs=1e-9)


@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [0.0], [5.0, 5.0], [-3.0]])
def test_a_scale_of_nothing_or_of_one_value_has_an_extent(values: list[float]) -> None:
    """A flat line is drawn in the middle of something."""
    scale = round_scale([np.array(values, dtype=float)])
    assert scale.high > scale.low


@given(start=st.integers(0, 20000), n_days=st.integers(2, 12000))
@settings(max_examples=80, deadline=None)
def test_date_ticks_lie_inside_and_are_few(start: int, n_days: int) -> None:
    """From two days to thirty years the axis has between one and about nine labels, all inside."""
    days = np.datetime64("1990-01-01") + start + np.arange(n_days)
    ticks = date_ticks(days)
    assert 1 <= len(ticks) <= 10
    assert all(days[0] <= day <= days[-1] for day, _ in ticks)
    assert all(label for _, label in ticks)


def test_january_carries_its_year() -> None:
    """Months are named, the first with its year, and where a year begins, it is."""
    days = np.arange("2025-10-05", "2026-03-20", dtype="datetime64[D]")
    assert [label for _, label in date_ticks(days)] == ["Nov 2025", "Dec", "2026", "Feb", "Mar"]
