import subprocess
import sys
import timeit
from collections import Counter

import pytest

from podium.errors import SettingError
from podium.serve.web.split import Split, place_of

KEYS = [f"customer-{number}" for number in range(100_000)]
PLACES = [5092241609747621217, 16784524147746917256, 16709355344394499143, 14562529044173946219]


def test_every_process_and_platform_agrees() -> None:
    """Places are fixed by the three texts: values worked out once stay what they were."""
    assert [place_of("default", "salt", key) for key in ("", "a", "customer-7", "naïve \N{PILE OF POO}")] == PLACES


def test_another_process_gives_the_same_arms() -> None:
    """A process with another hash seed deals out the same arms."""
    code = (
        "from podium.serve.web.split import Split\n"
        "split = Split.parse('champion=60,challenger=40')\n"
        "print(''.join(split.arm('trial', 'salt', str(key))[2] for key in range(200)))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    split = Split.parse("champion=60,challenger=40")
    assert texts == {"".join(split.arm("trial", "salt", str(key))[2] for key in range(200)) + "\n"}


@pytest.mark.parametrize("text", ["champion=90,challenger=10", "champion=50,challenger=30,candidate=20"])
def test_counts_follow_the_shares(text: str) -> None:
    """On 100,000 keys the counts pass a chi-square test of the shares at one in a thousand."""
    split = Split.parse(text)
    counts = Counter(split.arm("trial", "salt", key) for key in KEYS)
    expected = {arm: len(KEYS) * float(share) / 100 for arm, share in zip(split.arms, split.shares, strict=True)}
    chi_square = sum((counts[arm] - count) ** 2 / count for arm, count in expected.items())
    assert chi_square < {2: 10.83, 3: 13.82}[len(split.arms)]


def test_a_b_tests_are_independent() -> None:
    """Knowing a key's arm in one A/B test says nothing of the other: half of the challenger's keys meet again."""
    split = Split.parse("champion=50,challenger=50")
    both = Counter((split.arm("one", "salt", key), split.arm("two", "salt", key)) for key in KEYS)
    assert all(abs(count - len(KEYS) / 4) < 600 for count in both.values())  # four standard deviations
    assert len(both) == 4


def test_a_tenth_moves_from_90_10_to_80_20() -> None:
    """The champion hands over a tenth of the keys, and no other key changes its arm."""
    old, new = Split.parse("champion=90,challenger=10"), Split.parse("champion=80,challenger=20")
    moves = Counter((old.arm("trial", "salt", key), new.arm("trial", "salt", key)) for key in KEYS)
    assert ("challenger", "champion") not in moves
    assert moves["champion", "challenger"] == pytest.approx(len(KEYS) / 10, rel=0.05)


def test_the_order_in_the_text_does_not_matter() -> None:
    """Naming the challenger first is the same split."""
    assert Split.parse(" challenger = 10 , champion=90 ") == Split.parse("champion=90,challenger=10.0")


def test_an_arm_with_nothing_gets_nothing() -> None:
    """An arm with 0 per cent exists, and no key falls to it; one with 100 gets all."""
    split = Split.parse("champion=0,challenger=100")
    assert split.arms == ("champion", "challenger")
    assert {split.arm("trial", "salt", key) for key in KEYS[:5000]} == {"challenger"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "''"),
        ("champion", "'champion' must read"),
        ("champion=90", "sum to 90, not to 100"),
        ("champion=90,challenger=20", "sum to 110"),
        (
            "champion=90,chalenger=10",
            "no arm 'chalenger'; did you mean challenger? arms are champion, challenger, cand",
        ),
        ("Champion=100", "did you mean champion?"),
        ("champion=90,b=10", "no arm 'b'; arms are"),
        ("champion=90,champion=10", "'champion' comes twice"),
        ("champion=110,challenger=-10", "'challenger=-10'"),
        ("champion=nan,challenger=10", "'champion=nan'"),
        ("champion=9e1,challenger=10", "'champion=9e1'"),
        ("champion=٩٠,challenger=10", "must read"),
        ("champion=90,challenger=10,", "''"),
        ("cham pion=90,challenger=10", "'cham pion=90'"),
        ("champion=99.9999999,challenger=0.0000001", "must read"),
    ],
)
def test_what_is_no_split_is_refused(text: str, said: str) -> None:
    """A text that is not arms with percentages summing to 100 is named in one line."""
    with pytest.raises(SettingError) as caught:
        Split.parse(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_routing_is_cheap() -> None:
    """Choosing an arm takes less than 20 microseconds."""
    split = Split.parse("champion=90,challenger=10")
    best = min(timeit.repeat(lambda: split.arm("default", "salt", "customer-123456"), number=2000, repeat=5)) / 2000
    assert best < 20e-6
