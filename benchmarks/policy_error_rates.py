"""How often does a policy take the title from a champion that did not deserve it, and how soon when it did?

    python benchmarks/policy_error_rates.py            # 2,000 worlds of each kind, one to four minutes
    python benchmarks/policy_error_rates.py 500        # fewer worlds

A world is a champion, its challengers and daily returns. In a null world all of them are equally good: each forecasts
a part of the return of its own, of the same size. In a world with skill the champion forecasts nothing and one
challenger has the R² named. Both policies are asked at the end of each month of 21 days.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from podium.evaluate.confidence_sequence import MIN_DAYS, lower_sequence
from podium.evaluate.evidence import weighed
from podium.evaluate.policy import WALK_SHARE

YEAR, MONTH = 252, 21
LEVEL = 0.05
CHUNK = 250
NOISES = ("normal", "student", "garch")

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Moves:
    """When each world's title moved, as the number of the look, counted from 0; -1 if it never did."""

    significant: NDArray[np.intp]
    dm_one_sided: NDArray[np.intp]
    dm_two_sided: NDArray[np.intp]

    @classmethod
    def joined(cls, parts: list["Moves"]) -> "Moves":
        """Several chunks of worlds as one."""
        names = ("significant", "dm_one_sided", "dm_two_sided")
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def noise_of(kind: str, rng: np.random.Generator, n_worlds: int, n_days: int) -> Floats:
    """Unforecastable returns of variance 1: normal, Student's t with 4 degrees, GARCH(1,1) with t of 5."""
    if kind == "normal":
        return rng.standard_normal((n_worlds, n_days))
    if kind == "student":
        return np.asarray(rng.standard_t(4, (n_worlds, n_days)) / np.sqrt(2))
    shocks = rng.standard_t(5, (n_worlds, n_days)) / np.sqrt(5 / 3)
    returns, variance = np.empty_like(shocks), np.ones(n_worlds)
    for day in range(n_days):
        returns[:, day] = np.sqrt(variance) * shocks[:, day]
        variance = 0.01 + 0.04 * returns[:, day] ** 2 + 0.95 * variance
    return np.asarray(returns)


def null_world(
    kind: str, rng: np.random.Generator, n_worlds: int, n_days: int, *, n_contestants: int = 2, r2: float = 0.01
) -> tuple[Floats, list[Floats]]:
    """Returns (n_worlds, n_days), and one forecast a contestant: each knows its own part, of variance `r2`."""
    parts = [np.sqrt(r2) * rng.standard_normal((n_worlds, n_days)) for _ in range(n_contestants)]
    rest = np.sqrt(1 - n_contestants * r2) * noise_of(kind, rng, n_worlds, n_days)
    return sum(parts) + rest, parts


def skilled_world(
    kind: str, rng: np.random.Generator, n_worlds: int, n_days: int, *, r2: float
) -> tuple[Floats, list[Floats]]:
    """Returns, the champion's forecast of nothing and the challenger's, with a true R² of `r2`."""
    signal = np.sqrt(r2) * rng.standard_normal((n_worlds, n_days))
    actual = signal + np.sqrt(1 - r2) * noise_of(kind, rng, n_worlds, n_days)
    return actual, [np.zeros_like(signal), signal]


def moves(actual: Floats, forecasts: list[Floats], looks: NDArray[np.intp], alpha: float = LEVEL) -> Moves:
    """The first look at which each policy takes the title from the first contestant, for many worlds at once.

    The same arithmetic as `podium.evaluate.policy.decide`, without its words; a test holds the two together.
    """
    losses = [(actual - forecast) ** 2 for forecast in forecasts]
    champion, *rivals = forecasts
    walk = np.zeros_like(actual)
    each, walk_alpha = (1 - WALK_SHARE) * alpha / len(rivals), WALK_SHARE * alpha
    decisive = [_ahead(weighed(actual, champion, rival), looks, each) for rival in rivals]
    degraded = _ahead(weighed(actual, champion, walk), looks, walk_alpha)
    successors = [
        (np.cumsum(weighed(actual, champion, rival), axis=1)[:, looks] > 0)
        & ~_ahead(weighed(actual, rival, walk), looks, walk_alpha)
        for rival in rivals
    ]
    taken = np.any(decisive, axis=0) | (degraded & np.any(successors, axis=0))
    scores = [_diebold_mariano(losses[0] - rival, looks) for rival in losses[1:]]
    share = alpha / len(scores)  # the fixed-sample test gets its correction for several challengers, too
    return Moves(
        significant=_first(taken),
        dm_one_sided=_first(np.any([p < share for p in scores], axis=0)),
        dm_two_sided=_first(np.any([np.minimum(p, 1 - p) < share / 2 for p in scores], axis=0)),
    )


def study(
    kind: str,
    n_worlds: int,
    n_years: int,
    *,
    seed: int = 0,
    every: int = MONTH,
    r2: float | None = None,
    rivals: int = 1,
) -> Moves:
    """Moves in `n_worlds` worlds: null ones, or with skill where `r2` is given.

    Args:
        kind: of noise, one of `NOISES`.
        n_worlds: how many.
        n_years: of 252 days.
        seed: of the worlds.
        every: days between looks.
        r2: true R² of the challenger; None for a null world.
        rivals: challengers in a null world.
    """
    rng = np.random.default_rng([seed, NOISES.index(kind)])
    looks = np.arange(every - 1, n_years * YEAR, every)
    parts = []
    for size in _chunks(n_worlds):
        days = n_years * YEAR
        world = (
            null_world(kind, rng, size, days, n_contestants=rivals + 1)
            if r2 is None
            else skilled_world(kind, rng, size, days, r2=r2)
        )
        parts.append(moves(*world, looks))
    return Moves.joined(parts)


def main(n_worlds: int) -> None:
    """Print the error rates and the waiting times."""
    start = time.perf_counter()
    print(f"{n_worlds} worlds of each kind; alpha {LEVEL:.0%}; looks from day {MIN_DAYS} on; ± one binomial error\n")
    print("Title moved wrongly within 5 years, all contestants equally good")
    print(f"{'noise':8} {'looks':8} {'challengers':>11} {'significant':>14} {'DM one-sided':>14} {'DM two-sided':>14}")
    for kind in NOISES:
        for name, every, rivals in (("monthly", MONTH, 1), ("monthly", MONTH, 2), ("daily", 1, 1)):
            found = study(kind, n_worlds, 5, every=every, rivals=rivals)
            cells = (found.significant, found.dm_one_sided, found.dm_two_sided)
            print(f"{kind:8} {name:8} {rivals:>11} " + " ".join(f"{_share(cell):>14}" for cell in cells))
    print("\nTitle moved rightly by `significant`: champion without skill, one challenger with it, monthly looks")
    print(f"{'noise':8} {'true R²':>7} {'in 5 years':>11} {'in 10 years':>11} {'median':>10} {'quartiles':>16}")
    for kind in NOISES:
        for r2 in (0.01, 0.02, 0.05):
            waits = _years(study(kind, n_worlds, 20, r2=r2).significant)
            low, middle, high = np.quantile(waits, [0.25, 0.5, 0.75], method="higher")
            within = " ".join(f"{np.mean(waits <= limit):>11.1%}" for limit in (5, 10))
            spread = f"{_wait(low)} to {_wait(high)}"
            print(f"{kind:8} {r2:>7.0%} {within} {_wait(middle):>10} {spread:>16}")
    print(f"\n{time.perf_counter() - start:.0f} s")


def _ahead(difference: Floats, looks: NDArray[np.intp], alpha: float) -> Flags:
    return lower_sequence(difference, alpha).lower[:, looks] > 0


def _diebold_mariano(difference: Floats, looks: NDArray[np.intp]) -> Floats:
    # One step ahead: no autocovariances; the correction of Harvey, Leybourne and Newbold; Student's t.
    from scipy import stats

    n = looks + 1.0
    mean = np.cumsum(difference, axis=1)[:, looks] / n
    variance = np.cumsum(difference**2, axis=1)[:, looks] / n - mean**2
    with np.errstate(divide="ignore", invalid="ignore"):
        score = mean / np.sqrt(variance / n) * np.sqrt((n - 1) / n)
    return np.where(n >= MIN_DAYS, stats.t.sf(score, n - 1), 0.5)


def _first(taken: Flags) -> NDArray[np.intp]:
    return np.where(taken.any(axis=1), taken.argmax(axis=1), -1)


def _chunks(n_worlds: int) -> Iterator[int]:
    for start in range(0, n_worlds, CHUNK):
        yield min(CHUNK, n_worlds - start)


def _share(first: NDArray[np.intp]) -> str:
    share = np.mean(first >= 0)
    return f"{share:.1%} ± {np.sqrt(share * (1 - share) / len(first)):.1%}"


def _years(first: NDArray[np.intp]) -> Floats:
    return np.where(first >= 0, (first + 1) * MONTH / YEAR, np.inf)


def _wait(years: float) -> str:
    return f"{years:.1f} y" if np.isfinite(years) else "> 20 y"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
