"""Alarms of drift, looked at every day for five years: how often they are false, and how many days they take.

    nice python benchmarks/drift_alarms.py --worlds 2000 > drift.json     # five minutes
    python benchmarks/drift_alarms.py --record                            # on the ECB's EUR/USD itself

Worlds are GARCH(1,1) with Student's t, parameters as fitted to the ECB's EUR/USD from 1999 on, sigma forecast by the
true recursion, after three years of record. Faults begin on the same day in each. Beside the sequential tests: a fixed
threshold on realised by forecast volatility of the last 20 days, and the best test that there can be, a CUSUM of
likelihood ratios that knows every parameter and is given the threshold at which 5 % of its own five years are false.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from podium.data.store import load_series
from podium.evaluate.drift import DAYS, REFERENCE, Drift, biased, miscovered, widened
from podium.evaluate.volatility.walk import volatility_walk
from podium.pipeline.prepare import ingest
from podium.settings import Settings

Floats = NDArray[np.float64]
Parameters = tuple[float, float, float]
EURUSD = (0.0304, 0.9680, 7.2)  # reaction, memory, degrees of freedom
WORLDS = {"fitted": EURUSD, "t of 5": (0.05, 0.94, 5.0), "quiet": (0.03, 0.90, 7.2)}
FAULTS = {
    "outcomes 1.5 times as wide as forecast": ("scale", 1.5),
    "outcomes 2 times as wide as forecast": ("scale", 2.0),
    "the market 1.5 times as wide, forecasts follow": ("market", 1.5),
    "errors off by 0.3 sigma": ("mean", 0.3),
    "errors off by 0.5 sigma": ("mean", 0.5),
}
NAMES = ("volatility-jumped", "errors-drifted", "coverage-off", "fixed threshold", "best test", "tuned threshold")
BEFORE, AFTER, BURN_IN, FAULTY = 750, 500, 500, 500
RATIO, RATIO_DAYS = 1.5, 20


def world(seed: int, parameters: Parameters, n_days: int) -> Floats:
    """Returns of variance 1 on average, shape (n_days,)."""
    reaction, memory, tails = parameters
    rng = np.random.default_rng(seed)
    shocks = rng.standard_t(tails, n_days + BURN_IN) * math.sqrt((tails - 2) / tails)
    variance, returns = 1.0, np.empty(n_days + BURN_IN)
    for day, shock in enumerate(shocks):
        returns[day] = math.sqrt(variance) * shock
        variance = 1 - reaction - memory + reaction * returns[day] ** 2 + memory * variance
    return returns[BURN_IN:]


def sigma_of(returns: Floats, parameters: Parameters) -> Floats:
    """What the recursion forecasts for each day the day before."""
    reaction, memory, _ = parameters
    variance, found = 1.0, np.empty(len(returns))
    for day, value in enumerate(returns):
        found[day] = variance
        variance = 1 - reaction - memory + reaction * value**2 + memory * variance
    return np.sqrt(found)


def ratio(z: Floats) -> Floats:
    """Realised by forecast volatility of the last days, of the days that are asked about."""
    squares = np.convolve(z**2, np.full(RATIO_DAYS, 1 / RATIO_DAYS), "valid")[REFERENCE - RATIO_DAYS + 1 :]
    return np.sqrt(squares)[-DAYS:]


def best_test(returns: Floats, parameters: Parameters, times: float) -> Floats:
    """CUSUM of the likelihood ratio of `times` the volatility, with every parameter known; of the days asked about."""
    reaction, memory, tails = parameters
    base = 1 - reaction - memory
    now, other, wealth, found = 1.0, times**2, 0.0, np.empty(len(returns))
    for day, value in enumerate(returns):
        if wealth <= 0:
            other, wealth = times**2 * now, 0.0
        square = value**2
        wealth += 0.5 * math.log(now / other) + (tails + 1) / 2 * (
            math.log1p(square / now / (tails - 2)) - math.log1p(square / other / (tails - 2))
        )
        found[day] = wealth
        now = base + reaction * square + memory * now
        other = times**2 * base + reaction * square + memory * other
    return found[REFERENCE:][-DAYS:]


def paths(returns: Floats, z: Floats, parameters: Parameters) -> dict[str, Floats]:
    """By alarm, how far it is above its threshold on each of the days that are asked about; below zero it is silent."""
    tails = parameters[2]
    scale = math.sqrt((tails - 2) / tails)
    wide, bias = widened(z), biased(z)
    off = [miscovered(np.abs(z) < scale * t.isf((1 - coverage) / 2, tails), coverage) for coverage in (0.8, 0.95)]
    return {
        "volatility-jumped": wide.evidence - wide.threshold,
        "errors-drifted": bias.evidence - bias.threshold,
        "coverage-off": np.max([one.evidence - one.threshold for one in off], axis=0),
        "fixed threshold": ratio(z) - RATIO,
        "best test": best_test(returns, parameters, 1.5),
    }


def healthy(task: tuple[int, Parameters]) -> list[float]:
    """The highest of each path within five years in which nothing changes."""
    seed, parameters = task
    returns = world(seed, parameters, BEFORE + DAYS)
    found = paths(returns, returns / sigma_of(returns, parameters), parameters)
    return [float(path[-DAYS:].max()) for path in found.values()]


def faulty(task: tuple[int, Parameters, str]) -> list[list[float]]:
    """Each path from the fault on."""
    seed, parameters, fault = task
    returns = world(seed + 10**6, parameters, BEFORE + AFTER)
    later = np.arange(len(returns)) >= BEFORE
    kind, size = FAULTS[fault]
    if kind == "market":
        returns = returns * np.where(later, size, 1.0)
    z = returns / sigma_of(returns, parameters)
    if kind == "scale":
        z = z * np.where(later, size, 1.0)
    elif kind == "mean":
        z = z + size * later
    return [path[-AFTER:].tolist() for path in paths(returns, z, parameters).values()]


def record() -> dict[str, list[str]]:
    """Spans of alarm on the real record, sigma by the six volatility models as they are fitted each year."""
    with tempfile.TemporaryDirectory() as folder:
        ingest(Settings(data_dir=Path(folder)))
        series = load_series(next(Path(folder).rglob("*.parquet")))
    returns, dates = np.diff(np.log(series.closes)), series.dates[1:]
    walk = volatility_walk(returns, dates, dates[1000], refit_every=252)
    z = returns[walk.start + 1 :] / np.exp(0.5 * np.log(walk.variance).mean(axis=0))[:-1]
    days = dates[walk.start + 1 :]
    tests: dict[str, Callable[[Floats], Drift]] = {
        "volatility-jumped": widened,
        "errors-drifted": biased,
        "coverage-off": lambda known: miscovered(np.abs(known) < t.isf(0.1, 6) * math.sqrt(4 / 6), 0.8),
    }
    found: dict[str, list[str]] = {"days": [f"{days[0]} to {days[-1]}"]}
    for name, test in tests.items():
        flags = np.array([test(z[:n]).alarm for n in range(REFERENCE + 1, len(z) + 1)])
        edges = np.flatnonzero(np.diff(np.r_[False, flags, False]))
        asked = days[REFERENCE:]
        found[name] = [f"{asked[i]} to {asked[j - 1]}" for i, j in zip(edges[::2], edges[1::2], strict=True)]
    return found


def days_until(path: Floats, threshold: float) -> float:
    """Days from the fault to the alarm; infinite where it is not found within the days looked at."""
    above = path >= threshold
    return float(above.argmax() + 1) if above.any() else math.inf


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--record", action="store_true")
    given = parser.parse_args()
    if given.record:
        print(json.dumps(record(), indent=1))
        return
    seeds = range(given.seed, given.seed + given.worlds)
    figures: dict[str, object] = {}
    with multiprocessing.Pool(given.processes) as pool:
        for name, parameters in WORLDS.items():
            highest = np.array(pool.map(healthy, [(seed, parameters) for seed in seeds], chunksize=10))
            tuned = np.quantile(highest[:, 3:], 0.95, axis=0)  # of fixed threshold and best test
            limits = [0.0, 0.0, 0.0, 0.0, tuned[1], tuned[0]]
            columns = [0, 1, 2, 3, 4, 3]
            raised = highest[:, columns] >= limits
            false = dict(zip(NAMES, raised.mean(axis=0).round(4).tolist(), strict=True))
            found: dict[str, object] = {"false within five years": false}
            false["any of the three"] = round(float(raised[:, :3].any(axis=1).mean()), 4)
            false["tuned threshold is a ratio of"] = round(float(tuned[0] + RATIO), 3)
            for fault in FAULTS:
                runs = np.array(pool.map(faulty, [(seed, parameters, fault) for seed in seeds[:FAULTY]], chunksize=10))
                delays = np.array(
                    [[days_until(run[c], limit) for c, limit in zip(columns, limits, strict=True)] for run in runs]
                )
                found[fault] = {
                    alarm: {
                        "median days": _plain(np.median(column)),
                        "within 250 days": round(float((column <= 250).mean()), 3),
                    }
                    for alarm, column in zip(NAMES, delays.T, strict=True)
                }
            figures[name] = found
    print(json.dumps(figures, indent=1))


def _plain(days: float) -> float | None:
    return None if math.isinf(days) else float(days)


if __name__ == "__main__":
    main()
