"""Can `proven` be had by trying often? Somebody tries 990 recipes on a market that nobody can forecast.

    nice python benchmarks/proof_attack.py         # 200 worlds, seed 0, ten minutes
    nice python benchmarks/proof_attack.py 50      # fewer

Each recipe is noise, as good as the random walk in expectation. Every month for five years 16 or 17 new ones are
entered, under another test fraction, in another experiment, or after the runs before were deleted; all are asked
on every day after. In how many worlds is any of them ever proven,

- by Diebold-Mariano on 1,425 scored days, where each five are counted, as if there had been no others;
- by the same, where all tries are counted;
- by the days since each was first seen, each with the whole alpha;
- the same with the share of the alpha that the registry's record gives it, which is the product's rule?
"""

import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from podium.evaluate.confidence_sequence import lower_sequence
from podium.evaluate.evidence import weighed
from podium.registry.attempts import Attempt, new_attempts

ALPHA, YEARS, MONTH, SCORED, COUNTED = 0.05, 5, 21, 1425, 5
TRIES = 990
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def market(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Returns with fat tails that nobody can forecast, of variance 1."""
    return np.asarray(rng.standard_t(5, shape) / np.sqrt(5 / 3))


def recipes(rng: np.random.Generator, actual: Floats, n_recipes: int) -> tuple[Floats, Floats]:
    """Forecasts of so many recipes, and the outcomes with what these know added: as much as their noise costs.

    Args:
        rng: of the worlds.
        actual: shape (n_worlds, n_days).
        n_recipes: at a time.

    Returns:
        Both of shape (n_worlds, n_recipes, n_days).
    """
    signal, noise = 0.1 * rng.standard_normal((2, *actual.shape[:1], n_recipes, actual.shape[1]))
    return signal + noise, actual[:, np.newaxis] + signal


def batches(n_tries: int, n_months: int) -> list[int]:
    """How many recipes are entered in each month."""
    edges = np.linspace(0, n_tries, n_months + 1).astype(int)
    return [int(size) for size in np.diff(edges)]


def shares(entered: list[int]) -> list[float]:
    """The share of the alpha that a recipe of each month's batch is given by the registry's record."""
    known: list[Attempt] = []
    found = []
    for month, count in enumerate(entered):
        seen = [("EURUSD_Any", f"{month}-{number}") for number in range(count)]
        fresh = new_attempts(known, seen, "2026-01-02")
        found.append(fresh[0].share)
        known += fresh
    return found


def proven_ahead(rng: np.random.Generator, n_worlds: int, entered: list[int], given: list[float]) -> Flags:
    """Worlds in which some recipe is proven on some day after it was entered."""
    n_days = MONTH * len(entered)
    actual = market(rng, (n_worlds, n_days))
    proven = np.zeros(n_worlds, dtype=bool)
    for month, (count, share) in enumerate(zip(entered, given, strict=True)):
        forecast, outcome = recipes(rng, actual[:, MONTH * month :], count)
        gain = weighed(outcome, np.zeros_like(outcome), forecast)
        lower = lower_sequence(gain, ALPHA * share).lower
        proven |= (lower > 0).any(axis=(1, 2))
    return proven


def proven_behind(rng: np.random.Generator, n_worlds: int, n_tries: int, counted: int) -> Flags:
    """Worlds in which some recipe has a Diebold-Mariano p below alpha over the tries that are counted."""
    from scipy import stats

    limit = float(stats.t.isf(ALPHA / counted, df=SCORED - 1))
    actual = market(rng, (n_worlds, SCORED))
    proven = np.zeros(n_worlds, dtype=bool)
    for count in batches(n_tries, max(n_tries // 20, 1)):
        forecast, outcome = recipes(rng, actual, count)
        gain = forecast * (2 * outcome - forecast)
        t = np.sqrt(SCORED) * gain.mean(axis=-1) / gain.std(axis=-1, ddof=1)
        proven |= (t > limit).any(axis=1)
    return proven


def main(n_worlds: int) -> None:
    """One line a rule."""
    start, entered = time.perf_counter(), batches(TRIES, YEARS * 12)
    rules: dict[str, Callable[[np.random.Generator], Flags]] = {
        "Diebold-Mariano, each five counted": lambda rng: proven_behind(rng, n_worlds, TRIES, COUNTED),
        "Diebold-Mariano, all counted": lambda rng: proven_behind(rng, n_worlds, TRIES, TRIES),
        "since first seen, whole alpha": lambda rng: proven_ahead(rng, n_worlds, entered, [1.0] * len(entered)),
        "since first seen, its share (the product)": lambda rng: proven_ahead(rng, n_worlds, entered, shares(entered)),
    }
    for name, rule in rules.items():
        rate = float(rule(np.random.default_rng(0)).mean())
        error = np.sqrt(rate * (1 - rate) / n_worlds)
        print(f"{name}: {rate:.1%} +- {error:.1%} of {n_worlds} worlds", flush=True)
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 200)
