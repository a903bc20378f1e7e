"""Whom does the leak sentinel accuse on the ECB's live currencies, and which leaks does it find?

    python benchmarks/sentinel.py              # the 29 live currencies against the euro, LinearRegression and ARIMA
    python benchmarks/sentinel.py EURUSD ...   # the pairs named
    python benchmarks/sentinel.py limits       # the share of leaks of each size that is found, seed 0, two minutes
    python benchmarks/sentinel.py crosses      # the 435 crosses of 30 currencies, least squares on six lags

A leak is a noisy copy of the next return of EUR/USD, scaled so that its R² is what it says, on the last 1,425 days or
in 190 of them. For the pairs, each is ingested, trained and evaluated in one registry in a temporary folder; then
`status --all` is shown. The figures are the champion's on the last fifth of the days.
"""

import contextlib
import functools
import io
import itertools
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from podium.cli.verbs import run as podium
from podium.data.sources.ecb import bundled_table
from podium.errors import PodiumError
from podium.evaluate.sentinel import find_leak, series_break
from podium.pipeline.contest import evaluate
from podium.pipeline.prepare import ingest, preprocess
from podium.pipeline.train import train
from podium.settings import Settings

LIVE = (
    "AUD BRL CAD CHF CNY CZK DKK GBP HKD HUF IDR ILS INR ISK JPY "
    "KRW MXN MYR NOK NZD PHP PLN RON SEK SGD THB TRY USD ZAR"
)
FAMILIES = ("LinearRegression", "ARIMA")


N_DAYS, N_LEAKY, N_LAGS = 1425, 190, 6
Floats = NDArray[np.float64]


rates = functools.cache(bundled_table)


def returns(first: str, second: str) -> Floats:
    """Log returns of a cross of two of the ECB's currencies, or of the euro."""
    table = rates()
    own = table.rates(first) if first != "EUR" else 1.0
    closes = table.rates(second) / own
    return np.asarray(np.diff(np.log(closes[~np.isnan(closes)])))


def leak(actual: Floats, r2: float, rng: np.random.Generator) -> Floats:
    """A noisy copy of what is to come, with this true R²; noise that explains nothing for 0."""
    size = np.sqrt(np.mean(actual**2))
    noise = size * rng.standard_normal(len(actual))
    return np.asarray(r2 * (actual + np.sqrt(1 / r2 - 1) * noise) if r2 else 0.02 * noise)


def words(actual: Floats, forecast: Floats) -> str:
    """`leak`, `amber` or nothing."""
    found = find_leak("X", actual, forecast, names=("x",), features=forecast[:, np.newaxis])
    return "" if found is None else "amber" if found.amber else "leak"


def found_at(r2: float, draws: int, rng: np.random.Generator) -> Counter[str]:
    """What is said of so many leaks of this size."""
    actual = returns("EUR", "USD")[-N_DAYS:]
    return Counter(words(actual, leak(actual, r2, rng)) for _ in range(draws))


def found_in_episodes(draws: int, rng: np.random.Generator) -> Counter[str]:
    """What is said of a leak of R² 64 % on 190 days, anywhere among the others."""
    actual = returns("EUR", "USD")[-N_DAYS:]
    said: Counter[str] = Counter()
    for _ in range(draws):
        start = int(rng.integers(0, N_DAYS - N_LEAKY))
        forecast = leak(actual, 0.0, rng)
        forecast[start : start + N_LEAKY] = leak(actual[start : start + N_LEAKY], 0.64, rng)
        said[words(actual, forecast)] += 1
    return said


def crosses() -> Iterator[tuple[str, str, str]]:
    """Each cross with what is said of least squares on six lags, and of the series itself."""
    for first, second in itertools.combinations(("EUR", *rates().live()), 2):
        moves = returns(first, second)
        lags = np.lib.stride_tricks.sliding_window_view(moves, N_LAGS)[:-1, ::-1]
        target, split = moves[N_LAGS:], int(0.8 * (len(moves) - N_LAGS))
        beta = np.linalg.lstsq(lags[:split], target[:split], rcond=None)[0]
        scored = target[split:]
        yield first + second, words(scored, lags[split:] @ beta), series_break(target[:split], scored)


def limits(draws: int = 400) -> None:
    """One line a size of leak."""
    rng = np.random.default_rng(0)
    for r2 in (0.0, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.10):
        said = found_at(r2, draws, rng)
        print(f"R2 {r2:.1%}: amber {said['amber'] / draws:.1%}, leak {said['leak'] / draws:.1%}", flush=True)
    said = found_in_episodes(draws, rng)
    print(f"R2 64% in {N_LEAKY} of {N_DAYS} days: amber {said['amber'] / draws:.1%}, leak {said['leak'] / draws:.1%}")


def all_crosses() -> None:
    """Who is suspected, and which series are other than they were."""
    found = list(crosses())
    print(f"{len(found)} crosses: {Counter(word for _, word, _ in found)}")
    for name, word, told in found:
        if word or told:
            print(f"{name}: {word or '-'} {told}")


def main(pairs: tuple[str, ...]) -> None:
    """One line a pair, then all of them together."""
    words: Counter[str] = Counter()
    start = time.perf_counter()
    for pair in pairs:
        settings = Settings.load({"pair": pair, "contestants": FAMILIES})
        try:
            ingest(settings)
            preprocess(settings)
            train(settings)
            judgement = evaluate(settings)
        except PodiumError as error:
            print(f"{pair}: {error}", flush=True)
            words["no championship"] += 1
            continue
        words[judgement.verdict] += 1
        for found in judgement.leaks:
            print(f"{pair}: {found.message}", flush=True)
        best = max(row.skill.r2_oos or 0.0 for row in judgement.ranking)
        direction = max(row.skill.directional_accuracy or 0.0 for row in judgement.ranking)
        print(f"{pair}: {judgement.verdict}, best R2 {best:+.2%}, best direction {direction:.1%}", flush=True)
    print(f"{len(pairs)} pairs in {time.perf_counter() - start:.0f} s: {dict(words)}")
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        podium(["status", "--all"])
    print(shown.getvalue())


if __name__ == "__main__":
    if sys.argv[1:] in (["limits"], ["crosses"]):
        {"limits": limits, "crosses": all_crosses}[sys.argv[1]]()
        sys.exit()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        main(tuple(sys.argv[1:]) or tuple(f"EUR{code}" for code in LIVE.split()))
