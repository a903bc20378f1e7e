"""Adaptive conformal inference: how many times the believed half width an interval must reach, learnt from misses.

See `podium.evaluate.intervals` for the rule and its promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.errors import InputError
from podium.evaluate.confidence_sequence import check_probability
from podium.records import Floats

RATE: Final = 0.03  # step of ln m for the next day; decision 0043 shows what other rates buy and cost
NARROWEST: Final = 0.1  # floor of m: a peg that breaks is caught up with in weeks, not years
STATES: Final = ("calm", "middle", "violent")
MEMORY: Final = 2500  # origins by which a volatility is called calm or violent: ten years
MIN_MEMORY: Final = 60

Learnt = Sequence[float]
"""g of the module docstring, then c of each state."""

NOTHING: Final[Learnt] = (0.0,) * (1 + len(STATES))


def cut_points(sigma: Floats) -> tuple[float, ...]:
    """The terciles of the last ten years' volatility, shape (n_origins,); empty where there are fewer than 60 days."""
    seen = sigma[-MEMORY:]
    return tuple(np.quantile(seen, [1 / 3, 2 / 3]).tolist()) if len(seen) > MIN_MEMORY else ()


def state_of(sigma: Floats, cuts: Sequence[float]) -> NDArray[np.intp]:
    """Position in `STATES` of each volatility; the middle where there are no cut points."""
    return np.searchsorted(cuts, sigma, side="right") if cuts else np.full(np.shape(sigma), 1)


def volatility_states(sigma: Floats, refits: Sequence[int]) -> NDArray[np.intp]:
    """Position in `STATES` of every origin, by cut points that are renewed when models are fitted.

    Args:
        sigma: shape (n_walk,), the volatility believed.
        refits: rows at whose close models were fitted, the first of them 0.
    """
    blocks = [
        state_of(sigma[begin:end], cut_points(sigma[: begin + 1])) for begin, end in pairwise([*refits, len(sigma)])
    ]
    return np.concatenate(blocks)


def multiplier(learnt: Learnt, state: int) -> float:
    """How many times the believed half width, in this state."""
    return float(np.exp(learnt[0] + learnt[1 + state]))


def learn(learnt: Learnt, state: int, *, miss: bool, allowed: float, rate: float = RATE) -> list[float]:
    """One outcome more.

    Args:
        learnt: what is known so far.
        state: of the origin whose outcome is known now.
        miss: whether the outcome lay beyond this side.
        allowed: share of days on which it may.
        rate: step of ln m.
    """
    step, moved = rate / 2 * (miss - allowed), list(learnt)
    if learnt[0] + learnt[1 + state] + 2 * step >= np.log(NARROWEST):
        moved[0] += step
        moved[1 + state] += step
    return moved


def conformal_multiplier(
    excess: Floats, states: NDArray[np.intp], allowed: float, delay: int = 1, rate: float = RATE
) -> tuple[Floats, Learnt]:
    """The multiplier m for every origin, each from outcomes known at its close, and what is known after the last.

    Args:
        excess: shape (n_origins,), how far an outcome lay on this side of the forecast, over the believed half width;
            NaN where unknown.
        states: shape (n_origins,), see `volatility_states`.
        allowed: share of days on which the outcome may lie beyond.
        delay: days from an origin to its outcome; the miss of origin t first moves the multiplier of t + delay.
        rate: step of ln m; 0 keeps the believed interval.

    Returns:
        shape (n_origins,), 1 until the first outcome is known; and g and c at the last origin.

    Raises:
        InputError: a share outside (0, 1), a delay below one day or a negative rate.
    """
    check_probability(allowed)
    if delay < 1 or rate < 0:
        raise InputError(f"delay {delay} and rate {rate}: at least one day and a rate of zero or more are needed")
    learnt: Learnt = NOTHING
    multipliers = np.empty(len(excess))
    for origin, state in enumerate(states.tolist()):
        settled = origin - delay  # the newest origin whose outcome is known at this close
        if settled >= 0:
            miss = bool(excess[settled] > multipliers[settled])
            learnt = learn(learnt, int(states[settled]), miss=miss, allowed=allowed, rate=rate)
        multipliers[origin] = multiplier(learnt, state)
    return multipliers, learnt
