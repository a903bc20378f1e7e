"""What must hold for every split and every key."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from podium.serve.web.split import Split, place_of

keys = st.text(max_size=40) | st.text(st.characters(codec=None), max_size=10)
percentages = st.decimals(min_value=0, max_value=100, places=3)


def split_of(champion: Decimal) -> Split:
    """The split that gives the champion this share."""
    return Split.parse(f"champion={champion},challenger={100 - champion}")


@given(percentages, percentages, keys)
def test_only_keys_that_must_move_do(before: Decimal, after: Decimal, key: str) -> None:
    """Taking traffic from the champion never moves a key of the challenger, and the other way round."""
    old, new = (split_of(share).arm("trial", "salt", key) for share in (before, after))
    if old != new:
        assert new == ("challenger" if after < before else "champion")


@given(st.lists(st.integers(0, 50), max_size=2))
def test_stretches_are_exact(weights: list[int]) -> None:
    """Every arm's stretch of the places differs from its share by less than one place, and together they are all."""
    shares = [*weights, 100 - sum(weights)]
    ranks = ("champion", "challenger", "candidate")
    split = Split.parse(",".join(f"{arm}={share}" for arm, share in zip(ranks, shares, strict=False)))
    starts = (0, *split.ends[:-1])
    for start, end, share in zip(starts, split.ends, split.shares, strict=True):
        assert abs((end - start) - Fraction(share, 100) * 2**64) < 1
    assert split.ends[-1] == 2**64


@given(percentages, keys, st.text(max_size=5), st.text(max_size=5))
def test_the_arm_is_a_pure_function(share: Decimal, key: str, ab_test: str, salt: str) -> None:
    """The same texts give the same arm, from a split read again from its own text."""
    split = split_of(share)
    again = Split.parse(str(split))
    assert again == split
    assert again.arm(ab_test, salt, key) == split.arm(ab_test, salt, key)


@given(st.text(max_size=6), st.text(max_size=6), st.text(max_size=6), st.text(max_size=6))
def test_texts_do_not_run_into_each_other(one: str, two: str, three: str, four: str) -> None:
    """Experiment and salt are set off from each other and from the key: other texts have another place."""
    if (one, two) != (three, four):
        assert place_of(one, two, "key") != place_of(three, four, "key")
