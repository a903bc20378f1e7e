"""Does the confidence sequence of the policy err as seldom as it says where losses are skewed or correlated?

    nice python benchmarks/sequence_worlds.py          # 2,000 worlds of each kind, about ten minutes
    nice python benchmarks/sequence_worlds.py 200      # fewer
    nice python benchmarks/sequence_worlds.py 1000 10  # other seeds: this is added to each

In each world two forecasters are equally good for five years, and the sequence is looked at every day at the policy's
one-sided 4 %. Four ways of comparing are measured: squared errors as they are; weighed by the volatility known
beforehand; weighed, with outcomes capped (the product's); and the last again by an e-process that assumes no central
limit theorem (Waudby-Smith and Ramdas 2024). Errors depend on how far apart the two lie, since what is staked does:
deviations of the daily difference of 0.1, 0.2 and 0.4 of the outcome's variance belong to an R² of 0.25, 1 and 4 %.

Equally good means equal in what a way compares: its differences are centred. Below, the product's way is also shown in
worlds whose squared errors as they are have the same mean, by one crash that is still to come. There no test can hold
its alpha and find skill too: before the crash such a world is one with skill.
"""

import sys
import time
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from podium.evaluate.confidence_sequence import lower_sequence
from podium.evaluate.evidence import known_beforehand, weighed

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

YEAR, MONTH, ALPHA, BLOCK = 252, 21, 0.04, 20
BETS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16)  # mixed in equal parts, in units of the differences' own size


def squared(actual: Floats, own: Floats, other: Floats) -> Floats:
    """Squared errors as they are, in units of the mean squared outcome."""
    return ((actual - own) ** 2 - (actual - other) ** 2) / np.mean(actual**2)


def weighed_only(actual: Floats, own: Floats, other: Floats) -> Floats:
    """Weighed, not capped."""
    size = known_beforehand(actual)
    gain = (actual - own) ** 2 - (actual - other) ** 2
    return np.divide(gain, size**2, out=np.zeros_like(actual), where=size > 0)


WAYS: Mapping[str, Callable[[Floats, Floats, Floats], Floats]] = {
    "as they are": squared,
    "weighed": weighed_only,
    "weighed, capped": weighed,
}
PRODUCT = "weighed, capped"


def crossed(difference: Floats, *, correlated: bool = True) -> NDArray[np.bool_]:
    """Whether the lower bound is above zero, by day, for many worlds at once."""
    return np.asarray(lower_sequence(difference, ALPHA, correlated=correlated).lower > 0)


def crossed_by_bets(difference: Floats) -> NDArray[np.bool_]:
    """The same by a mixture of bets on the next difference, each a share of what the past says of its size."""
    before = np.cumsum(difference**2, axis=-1) - difference**2
    size = np.sqrt(before / np.maximum(np.arange(difference.shape[-1]), 1))
    unit = np.divide(difference, size, out=np.zeros_like(difference), where=size > 0)
    wealth = sum(np.exp(np.cumsum(np.log1p(np.maximum(bet * unit, -0.9)), axis=-1)) for bet in BETS) / len(BETS)
    return np.asarray(wealth > 1 / ALPHA)


def garch(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """GARCH(1,1) with Student's t of 5 degrees, variance 1."""
    shocks = rng.standard_t(5, shape) / np.sqrt(5 / 3)
    returns, variance = np.empty(shape), np.ones(shape[0])
    for day in range(shape[1]):
        returns[:, day] = np.sqrt(variance) * shocks[:, day]
        variance = 0.01 + 0.04 * returns[:, day] ** 2 + 0.95 * variance
    return returns


def correlated(rng: np.random.Generator, shape: tuple[int, int], memory: float = 0.4) -> Floats:
    """AR(1); without memory, differences of constant volatility."""
    found = rng.standard_normal(shape)
    for day in range(1, shape[1]):
        found[:, day] += memory * found[:, day - 1]
    return found


def skewed(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """A lognormal, turned round: many small gains, few large losses."""
    return np.asarray(np.exp(0.5) - np.exp(rng.standard_normal(shape)))


def crashing(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """A gain of 0.1 of the noise each day, paid back on one day of a thousand."""
    return 0.1 + rng.standard_normal(shape) - 100.0 * (rng.random(shape) < 0.001)


OUTCOMES = {"garch": garch, "skewed": skewed, "crash": crashing}
ABOVE = (0.025, 0.05, 0.1)


def made_worlds(
    name: str, rng: np.random.Generator, n_worlds: int, far: float = 0.05, n_days: int = 5 * YEAR
) -> tuple[Floats, ...]:
    """Outcomes and two forecasts that lie as far from nothing on either side: the other one always above."""
    above = np.full((n_worlds, n_days), far)
    return OUTCOMES[name](rng, (n_worlds, n_days)), -above, above


def errors_in(
    name: str, way: str, rng: np.random.Generator, n_worlds: int, *, far: float = 0.05, centred: bool = True
) -> Floats:
    """The differences of a made world, shape (n_worlds, n_days)."""
    found = WAYS[way](*made_worlds(name, rng, n_worlds, far))
    return found - WAYS[way](*made_worlds(name, rng, 2000, far)).mean() * (found != 0) if centred else found


def real_pairs() -> dict[str, tuple[Floats, Floats, Floats]]:
    """By currency against the euro: outcomes, six lags refitted monthly on 1,250 days, and forecasts of no change."""
    from podium.data.sources.ecb import bundled_table

    table = bundled_table()
    return {code: _rolling(table.rates(code)) for code in table.live() if code != "ISK"}  # ISK was not quoted for years


def _rolling(rates: Floats, window: int = 1250, n_lags: int = 6) -> tuple[Floats, Floats, Floats]:
    returns = np.diff(np.log(rates[~np.isnan(rates)]))
    lags = np.lib.stride_tricks.sliding_window_view(returns, n_lags)[:-1, ::-1]
    X, target = np.column_stack([np.ones(len(lags)), lags]), returns[n_lags:]
    forecast = np.zeros(len(target))
    for start in range(window, len(target), MONTH):
        learned = slice(start - window, start)
        beta = np.linalg.lstsq(X[learned], target[learned], rcond=None)[0]
        forecast[start : start + MONTH] = X[start : start + MONTH] @ beta
    return target[window:], np.zeros(len(target) - window), forecast[window:]


def resampled(difference: Floats, rng: np.random.Generator, n_worlds: int, n_days: int = 5 * YEAR) -> Floats:
    """Five years of blocks of the centred differences, shape (n_worlds, n_days)."""
    starts = rng.integers(0, len(difference) - BLOCK, (n_worlds, -(-n_days // BLOCK)))
    rows: Rows = (starts[:, :, np.newaxis] + np.arange(BLOCK)).reshape(n_worlds, -1)[:, :n_days]
    return np.asarray((difference - difference.mean())[rows])


def error_of_pair(rows: tuple[Floats, Floats, Floats], way: str, n_worlds: int, seed: int = 0) -> float:
    """How often one of two equally good forecasters is called better, the worse of the two directions."""
    difference = WAYS[way](*rows)
    return max(
        float(crossed(resampled(side * difference, np.random.default_rng(seed), n_worlds)).any(axis=1).mean())
        for side in (1.0, -1.0)
    )


def waits(
    noise: str, r2: float, way: str, n_worlds: int, *, seed: int = 0, n_years: int = 16, slope: float = 1.0
) -> Floats:
    """Years of monthly looks until a forecaster with this R² is called better than no change; infinite if never.

    A slope of outcomes on forecasts below one: they are bolder than they should be; above: more timid.
    """
    rng = np.random.default_rng(seed)
    shape = (n_worlds, n_years * YEAR)
    forecast = np.sqrt(r2 / (2 * slope - 1)) * rng.standard_normal(shape)
    rest = rng.standard_normal(shape) if noise == "normal" else garch(rng, shape)
    actual = slope * forecast + np.sqrt(1 - slope**2 * r2 / (2 * slope - 1)) * rest
    found = crossed(WAYS[way](actual, np.zeros(shape), forecast))[:, MONTH - 1 :: MONTH]
    return np.where(found.any(axis=1), (found.argmax(axis=1) + 1) * MONTH / YEAR, np.inf)


def rate(found: NDArray[np.bool_]) -> str:
    """The share of worlds with a day on which it is so."""
    return f"{found.any(axis=1).mean():.1%}"


def main(n_worlds: int, seed: int = 0) -> None:
    """Print the error rates, then the waiting times."""
    start = time.perf_counter()
    print(f"{n_worlds} worlds of each kind, five years, a look every day, one-sided {ALPHA:.0%}\n")
    for memory in (0.0, 0.4, 0.6, 0.8):
        made = correlated(np.random.default_rng(seed + 1), (n_worlds, 5 * YEAR), memory)
        made /= made.std()
        cells = [f"{4 * far:.1f} {rate(crossed(4 * far * made))}" for far in ABOVE]
        told = f"without memory {rate(crossed(0.2 * made, correlated=False))}, e-process {rate(crossed_by_bets(made))}"
        print(f"differences with AR(1) {memory}, by deviation: {', '.join(cells)}; at 0.2 {told}", flush=True)
    for name in OUTCOMES:
        draw = partial(errors_in, name, n_worlds=n_worlds)
        cells = [f"{way} {rate(crossed(draw(way, np.random.default_rng(seed + 2))))}" for way in WAYS]
        by_far = [
            f"{4 * far:.1f} {rate(crossed(draw(PRODUCT, np.random.default_rng(seed + 2), far=far)))}" for far in ABOVE
        ]
        bets = crossed_by_bets(draw(PRODUCT, np.random.default_rng(seed + 2)))
        raw = crossed(draw(PRODUCT, np.random.default_rng(seed + 2), centred=False))
        print(
            f"{name} outcomes: {', '.join(cells)}, e-process {rate(bets)}; product by deviation {', '.join(by_far)}; "
            f"product where only the mean as it is is equal {rate(raw)}",
            flush=True,
        )
    pairs = real_pairs()
    print(f"\nBlock bootstraps of {len(pairs)} real pairs, the worse direction")
    for way in WAYS:
        found = {code: error_of_pair(rows, way, n_worlds, seed) for code, rows in pairs.items()}
        worst = ", ".join(
            f"{code} {found[code]:.1%}" for code in sorted(found, key=found.__getitem__, reverse=True)[:4]
        )
        print(f"{way:16} at most 5 % in {sum(one <= 0.05 for one in found.values())}; the worst: {worst}", flush=True)
    print("\nMedian wait for skill against no change, monthly looks")
    for noise in ("normal", "garch"):
        for r2, n_years in ((0.01, 24), (0.02, 14), (0.05, 8)):
            cells = [
                f"{way} {np.median(waits(noise, r2, way, n_worlds, seed=seed, n_years=n_years)):.1f} y" for way in WAYS
            ]
            print(f"{noise:8} R² {r2:.0%}: {', '.join(cells)}", flush=True)
    for slope, n_years in ((0.75, 20), (2.0, 8), (4.0, 6)):
        waited = waits("normal", 0.02, PRODUCT, n_worlds, seed=seed, n_years=n_years, slope=slope)
        print(f"normal   R² 2%, slope of outcomes on forecasts {slope}: {np.median(waited):.1f} y", flush=True)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:])) if len(sys.argv) > 1 else main(2000)
