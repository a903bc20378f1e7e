"""How well the ranges keep their promise on the ECB's rates, and what they cost to make.

    python benchmarks/intervals.py                    # EUR/USD and five others
    python benchmarks/intervals.py EURUSD USDJPY ...  # the pairs named

The last fifth of each series is scored around a forecast of zero, as a championship would. Nothing here is tuned on it
but the step of the intervals, whose alternatives are in docs/decisions/0040-intervals.md.
"""

import sys
import time

import numpy as np

from podium.data.fetch import fetch_series
from podium.evaluate.density import coverage_by_year
from podium.evaluate.horizons import HORIZONS, choose_volatility, direct_target
from podium.evaluate.intervals import COVERAGES, IntervalForecast, interval_forecast
from podium.evaluate.volatility import volatility_walk
from podium.records import Forecasts
from podium.settings import Settings

PAIRS = ("EURUSD", "EURJPY", "USDJPY", "GBPUSD", "EURCHF", "EURDKK")


def main(pairs: tuple[str, ...]) -> None:
    """Print one block a pair."""
    start = time.process_time()
    import arch.univariate
    import scoringrules  # noqa: F401 - imported for its time

    print(f"import arch {arch.__version__} and scoringrules: {time.process_time() - start:.2f} s CPU, once a process")
    for pair in pairs:
        report(pair)


def report(pair: str) -> None:
    """Coverage overall and by year, width, interval score, CRPS skill and cost of one pair."""
    series = fetch_series(Settings.load({"pair": pair, "source": "ecb"})).series
    returns, dates = np.diff(np.log(series.closes)), series.dates[1:]
    n_scored = int(0.2 * len(returns))
    first = len(returns) - 1 - n_scored
    start = time.process_time()
    walk = volatility_walk(returns, dates, dates[first], refit_every=252)
    walked = time.process_time() - start
    print(f"\n{pair}: {n_scored} days from {dates[first + 1]} to {dates[-1]}; walk {walked:.2f} s CPU")
    for horizon in HORIZONS:
        origins = np.arange(first, len(returns) - horizon)
        actual = direct_target(returns, horizon)[origins]
        forecasts = Forecasts(dates[origins], dates[origins + horizon], actual, np.zeros(len(origins)))
        start = time.process_time()
        path = choose_volatility(walk, horizon)
        chosen = time.process_time()
        found = interval_forecast(path, forecasts)
        print(
            f"  {horizon} days ahead (choice {chosen - start:.3f} s, ranges {time.process_time() - chosen:.3f} s CPU)"
        )
        show(found, forecasts)


def show(found: IntervalForecast, forecasts: Forecasts) -> None:
    """The scores of one horizon."""
    scores = found.scores
    for coverage in COVERAGES:
        name = f"{100 * coverage:.0f}"
        lower, upper = found.bounds[f"lower_{name}"], found.bounds[f"upper_{name}"]
        misses = (forecasts.actual < lower) | (forecasts.actual > upper)
        years = coverage_by_year(forecasts.target_dates, misses, coverage)
        by_year = " ".join(f"{year}:{100 * covered:.1f}" for year, (_, covered) in years.items())
        kupiec, both = getattr(scores, f"kupiec_p_{name}"), getattr(scores, f"christoffersen_p_{name}")
        tests = "" if kupiec is None else f", Kupiec p {kupiec:.2f}"
        tests += "" if both is None else f", Christoffersen p {both:.2f}"
        winkler = getattr(scores, f"winkler_{name}")
        width = 100 * getattr(scores, f"width_{name}")
        print(
            f"    {name} %: covered {100 * getattr(scores, f'coverage_{name}'):.2f} %{tests}; "
            f"width {width:.3f} %, interval score {100 * winkler:.3f} %; {by_year}"
        )
    t = "none" if scores.crps_skill_t is None else f"{scores.crps_skill_t:.1f}"
    print(f"    CRPS {scores.crps:.6f}, skill over constant volatility {100 * scores.crps_skill:+.2f} %, t {t}")


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or PAIRS)
