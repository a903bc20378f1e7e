"""The day after a shock is wider than the models of volatility say: by how much, learnt from the shocks before."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.records import Floats

SHOCK: Final = 2.5  # deviations of what was forecast for the day
DOUBT: Final = 10  # shocks that count as followed by an ordinary day, before any is known


def shaken(returns: Floats, believed: Floats) -> NDArray[np.bool_]:
    """Whether the return of each day was a shock to the deviation forecast for it the day before; both (n_days,)."""
    return np.abs(returns) > SHOCK * believed


def lifts(size: Floats, after: NDArray[np.bool_], refits: Sequence[int], delay: int) -> Floats:
    """How many times wider an outcome is after a shock than on all days, learnt when models are fitted.

    The mean size after shocks over that of all days, `DOUBT` ordinary days among the former.

    Args:
        size: shape (n_walk,), of each origin's outcome over its forecast deviation; NaN where it is to come.
        after: shape (n_walk,), whether the origin's own day was a shock.
        refits: rows at whose close models are fitted, the first of them 0.
        delay: days from an origin to its outcome.

    Returns:
        shape (n_walk,), 1 until an outcome is known; the same from one refit to the next.
    """
    found = np.ones(len(size))
    for begin, end in pairwise([*refits, len(size)]):
        known, shocks = size[: max(0, begin - delay + 1)], after[: max(0, begin - delay + 1)]
        if ordinary := known.mean() if len(known) else 0.0:
            found[begin:end] = (known[shocks].sum() / ordinary + DOUBT) / (shocks.sum() + DOUBT)
    return found
