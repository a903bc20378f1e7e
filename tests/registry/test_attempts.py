import pytest

from podium.registry.attempts import Attempt, new_attempts


def test_the_shares_of_all_recipes_add_up_to_less_than_one():
    """However they come, alone or together, the sum stays below 1; those seen together have equal shares."""
    known: list[Attempt] = []
    for batch in (3, 1, 1, 5, 20):
        fresh = new_attempts(known, [("EURUSD_A", f"{len(known)}-{i}") for i in range(batch)], "2026-01-02")
        assert len({found.share for found in fresh}) == 1
        known += fresh
    assert len(known) == 30
    assert sum(found.share for found in known) == pytest.approx(1 - 1 / 31)


def test_a_recipe_that_is_known_is_no_new_attempt():
    """Seen again, in any number of runs, nothing is added."""
    known = new_attempts([], [("EURUSD_A", "x"), ("EURUSD_A", "x"), ("EURUSD_B", "y")], "2026-01-02")
    assert [found.recipe for found in known] == ["x", "y"]
    assert known[0].share == pytest.approx(1 / 3)
    assert new_attempts(known, [("EURUSD_A", "x")], "2026-02-02") == []


def test_an_attempt_comes_back_from_its_tag():
    """Key and value of a tag are enough; one broken by hand still counts as tried, and other tags are passed over."""
    (found,) = new_attempts([], [("EURUSD_A", "x")], "2026-01-02")
    assert Attempt.parse("EURUSD_A", {found.key: found.to_json(), "title.1": "{}"}) == [found]
    (broken,) = Attempt.parse("EURUSD_A", {found.key: "?"})
    assert (broken.recipe, broken.share < 1e-6) == ("x", True)
