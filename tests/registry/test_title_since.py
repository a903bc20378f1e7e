"""Since when a title is held."""

from __future__ import annotations

from podium.registry.history import Title, crowned, taken


def entry(month: str, name: str, version: int) -> Title:
    """An entry of the history."""
    at = f"2026-0{month}-01T08:00:00.000000Z"
    return Title(at, "champion", name, version, "r", "", "why", "promoted", None, "ann")


def test_a_model_that_is_fitted_anew_keeps_the_day_on_which_it_took_the_title() -> None:
    """The title is since the first of the unbroken entries of its model; a version without an entry has none."""
    past = [entry("1", "EURUSD_A", 1), entry("2", "EURUSD_B", 1), entry("3", "EURUSD_B", 2), entry("4", "EURUSD_B", 3)]
    assert taken(past, "models:/EURUSD_B/3") == past[1]
    assert crowned(past, "models:/EURUSD_B/3") == past[3]
    assert taken(past[:1], "models:/EURUSD_A/1") == past[0]
    assert taken(past, "models:/EURUSD_B/2") is None
    assert taken([], "models:/EURUSD_B/2") is None
