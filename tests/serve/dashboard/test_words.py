from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from podium.serve.dashboard.words import age, day_age, family_and_version, told_day

FRIDAY = "2026-10-30"


@given(st.floats(min_value=0, max_value=4e9))
def test_an_age_is_one_unit_and_never_too_old(seconds: float) -> None:
    """Whatever the age, it is a whole number of one unit, rounded down."""
    told = age(seconds)
    if told == "less than a minute":
        assert seconds < 60
        return
    count, unit = told.split()
    size = {"minute": 60, "hour": 3600, "day": 86_400}[unit.rstrip("s")]
    assert int(count) * size <= seconds
    assert (int(count) + 1) * size > seconds
    assert unit.endswith("s") == (count != "1")


def test_days_are_told_without_the_machines_language() -> None:
    """A date reads the same wherever the server stands."""
    assert told_day("2026-03-05") == "5 Mar 2026"
    now = datetime(2026, 10, 31, 1, tzinfo=UTC)
    assert [day_age(day, now) for day in ("2026-10-31", FRIDAY, "2026-10-01")] == ["today", "yesterday", "30 days ago"]


def test_who_held_the_title_before_is_told_whatever_a_tag_holds() -> None:
    """Family and version of a pinned address; what somebody wrote into the registry by hand stands as it is."""
    assert family_and_version("models:/EURUSD_Grey_Box/3") == "Grey_Box v3"
    for text in ("", "models:/EURUSD_LSTM@champion", "models:/somebody-elses/1", "<b>nobody</b>"):
        assert family_and_version(text) == text
