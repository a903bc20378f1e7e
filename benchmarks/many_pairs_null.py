"""How many discoveries over many pairs are false, looked at every day for years?

    nice python benchmarks/many_pairs_null.py          # 200 histories of 29 pairs, five years: about two minutes
    nice python benchmarks/many_pairs_null.py 40       # fewer

No pair has skill, nor the lack of it, which would make it too easy: differences of losses are centred. Returns are a
common GARCH(1,1) with Student's t of 5 degrees and one of the pair's own; each forecast is noise of a tenth of their
size, a half of it common to all pairs. Every pair has tried three recipes, so that its champion's share of the alpha is
a twelfth, and the best by RMSE so far leads. A history is wrong if anything is declared on any of its days; with no
skill anywhere that is the share of false discoveries.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from numpy.typing import NDArray

from podium.evaluate.confidence_sequence import lower_sequence
from podium.evaluate.evidence import weighed
from podium.evaluate.significance import discoveries

PAIRS, RECIPES, DAYS, ALPHA = 29, 3, 1260, 0.05
SHARE = 1 / (RECIPES + 1) / RECIPES  # of the alpha, for each of the recipes of a first championship


def garch(rng: np.random.Generator, n_series: int, n_days: int) -> NDArray[np.float64]:
    """GARCH(1,1) with Student's t of 5 degrees, variance 1."""
    shocks = rng.standard_t(5, (n_series, n_days)) / np.sqrt(5 / 3)
    returns, variance = np.empty_like(shocks), np.ones(n_series)
    for day in range(n_days):
        returns[:, day] = np.sqrt(variance) * shocks[:, day]
        variance = 0.01 + 0.04 * returns[:, day] ** 2 + 0.95 * variance
    return np.asarray(returns)


def history(rng: np.random.Generator, n_days: int = DAYS, share: float = SHARE) -> NDArray[np.float64]:
    """E-values of each pair's leader after each day, shape (PAIRS, n_days)."""
    world = garch(rng, PAIRS + 1, n_days)
    actual = np.sqrt(0.5) * (world[1:] + world[:1])[:, np.newaxis]  # (pairs, 1, days)
    noise = rng.standard_normal((PAIRS + 1, RECIPES, n_days))
    forecast = 0.1 * np.sqrt(0.5) * (noise[1:] + noise[:1])
    actual = np.broadcast_to(actual, forecast.shape).copy()
    difference = weighed(actual, np.zeros_like(forecast), forecast)
    difference -= difference.mean()
    p_values = lower_sequence(difference, ALPHA * share).p_value
    worth = np.where(p_values < 1, share / np.maximum(p_values, 1e-300), 0.0)
    leader = np.argmin(np.cumsum((actual - forecast) ** 2, axis=-1), axis=1)
    return np.asarray(np.take_along_axis(worth, leader[:, np.newaxis], axis=1)[:, 0])


def declared(worth: NDArray[np.float64], alpha: float = ALPHA) -> bool:
    """Whether any pair is declared on any day; days on which none could be are passed over."""
    best = worth.max(axis=0) >= 1 / alpha
    return any(
        discoveries({str(pair): value for pair, value in enumerate(worth[:, day])}, alpha)
        for day in np.flatnonzero(best)
    )


def main(n_histories: int) -> None:
    """Print the share of histories in which anything was ever declared."""
    began, wrong, naive = time.monotonic(), 0, 0
    for seed in range(n_histories):
        worth = history(np.random.default_rng(seed))
        wrong += declared(worth)
        naive += bool((worth.max(axis=0) >= 1 / ALPHA).any())
    seconds = time.monotonic() - began
    print(f"{n_histories} histories of {PAIRS} pairs, {DAYS} days: {wrong} with a false discovery ({seconds:.0f} s)")
    print(f"each pair by itself at {ALPHA:.0%}: {naive}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
