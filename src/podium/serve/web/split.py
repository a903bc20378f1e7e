"""Which model answers a request: a pure function of the A/B test's name, its salt and the request's key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from hashlib import blake2b
from itertools import accumulate
from typing import Self

from podium.errors import SettingError
from podium.records import ALIASES
from podium.settings.wording import hint

_ARM = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_SHARE = re.compile(r"[0-9]{1,3}(\.[0-9]{1,6})?")
_HASHES = 1 << 64


@dataclass(frozen=True, slots=True)
class Split:
    """Shares of the traffic by arm, and the rule that gives every key its arm.

    A key is hashed to one of 2**64 places (BLAKE2b, so that nobody steers his own key into an arm without the salt),
    and the places are dealt out in one unbroken stretch an arm: champion, challenger, candidate. The arithmetic is done
    in integers: the same key has the same arm in every process, on every platform, and an arm's stretch differs from
    its share by less than one place.

    With two arms a change of the shares moves exactly the keys that must move: from 90/10 to 80/20 a tenth of the keys
    goes from the champion to the challenger and no other key changes. With three, a share that moves from the first arm
    to the last also pushes the stretch between them; no function of the shares alone is free of that (Bavarian et al.
    2020, "On the optimality of correlated sampling strategies").

    Attributes:
        arms: names in the order of their stretches.
        shares: percentages in the same order, which sum to 100.
        ends: the end of each arm's stretch, exclusive; the last is 2**64.
    """

    arms: tuple[str, ...]
    shares: tuple[Fraction, ...]
    ends: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `champion=90,challenger=10`; the order of the arms in the text does not matter.

        Args:
            text: percentages by arm, at most six decimals, which sum to 100. An arm may have 0: it exists, gets no
                traffic by itself, and can be forced.

        Raises:
            SettingError: the text is no such list, an arm is no alias, it comes twice, or the sum is not 100.
        """
        shares: dict[str, Fraction] = {}
        for item in text.split(","):
            arm, _, share = (part.strip() for part in item.partition("="))
            if not _ARM.fullmatch(arm) or not _SHARE.fullmatch(share):
                raise SettingError(f"split {text!r}: {item.strip()!r} must read arm=percentage, such as champion=90")
            if arm not in ALIASES:
                raise SettingError(
                    f"split {text!r}: there is no arm {arm!r}; {hint(arm, ALIASES)}arms are {', '.join(ALIASES)}"
                )
            if arm in shares:
                raise SettingError(f"split {text!r}: the arm {arm!r} comes twice; give it one percentage")
            shares[arm] = Fraction(share)
        if sum(shares.values()) != 100:
            raise SettingError(f"split {text!r}: the percentages sum to {float(sum(shares.values())):g}, not to 100")
        arms = tuple(sorted(shares, key=ALIASES.index))
        ends = tuple(int(total * _HASHES / 100) for total in accumulate(shares[arm] for arm in arms))
        return cls(arms, tuple(shares[arm] for arm in arms), ends)

    def arm(self, ab_test: str, salt: str, key: str) -> str:
        """The arm of a request: always the same for the same three texts.

        Args:
            ab_test: name of the A/B test; another name deals all keys anew.
            salt: secret or constant of the deployment, the same for all its processes.
            key: what the arm sticks to, such as a customer's id; any text.
        """
        place = place_of(ab_test, salt, key)
        for arm, end in zip(self.arms, self.ends, strict=True):
            if place < end:
                return arm
        raise AssertionError("the last stretch ends at 2**64")

    def __str__(self) -> str:
        """The text that parses to this split: `champion=90,challenger=10`."""
        return ",".join(f"{arm}={_decimal(share)}" for arm, share in zip(self.arms, self.shares, strict=True))


def place_of(ab_test: str, salt: str, key: str) -> int:
    """Where a key falls among 2**64 places: BLAKE2b of the three texts, each set off by its length."""
    text = f"{len(ab_test)}:{ab_test}{len(salt)}:{salt}{key}"
    # A header may hold what is no valid text; it still has a place.
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _decimal(share: Fraction) -> str:
    # Six decimals were read at most, so this is exact.
    return f"{share.numerator / share.denominator:.6f}".rstrip("0").rstrip(".")
