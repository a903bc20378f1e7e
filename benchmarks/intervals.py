"""How well the intervals keep their promise on the ECB's rates, and what they cost to make.

    python benchmarks/intervals.py                    # the 28 live currencies that float, together
    python benchmarks/intervals.py EURUSD USDJPY ...  # the pairs named, one by one, with their years

The last fifth of each series is scored around a forecast of zero, as a championship would. docs/decisions/0043 has what
other rates of learning give on the same days.
"""

import sys
import time

import numpy as np

from podium.data.fetch import fetch_series
from podium.evaluate.conformal import STATES
from podium.evaluate.density import Flags, coverage_by_year
from podium.evaluate.horizons import COMBINATION, HORIZONS, believed_volatility, direct_target, log_mean
from podium.evaluate.interval_scores import COVERAGES, IntervalScores
from podium.evaluate.intervals import IntervalForecast, interval_forecast
from podium.evaluate.volatility.aftershock import shaken
from podium.evaluate.volatility.walk import MODELS, VolatilityWalk, volatility_walk
from podium.records import Dates, Forecasts
from podium.settings import Settings

FLOATING = (
    "USD JPY CZK GBP HUF PLN RON SEK CHF ISK NOK TRY AUD BRL CAD CNY HKD IDR ILS INR KRW MXN MYR NZD PHP SGD THB ZAR"
)


def main(pairs: list[str]) -> None:
    """One block a pair, or one table over all."""
    start = time.process_time()
    import arch.univariate
    import scoringrules  # noqa: F401 - imported for its time

    print(f"import arch {arch.__version__} and scoringrules: {time.process_time() - start:.2f} s CPU, once a process")
    for pair in pairs:
        report(pair)
    if not pairs:
        together([f"EUR{currency}" for currency in FLOATING.split()])


def walk_of(pair: str) -> tuple[VolatilityWalk, int, float]:
    """The walk of a pair, the position of its first scored origin, and the CPU seconds that it took."""
    series = fetch_series(Settings.load({"pair": pair, "source": "ecb"})).series
    returns, dates = np.diff(np.log(series.closes)), series.dates[1:]
    first = len(returns) - 1 - int(0.2 * len(returns))
    start = time.process_time()
    walk = volatility_walk(returns, dates, dates[first], refit_every=252)
    return walk, first, time.process_time() - start


def together(pairs: list[str]) -> None:
    """Coverage by volatility and year over all pairs, and the league of volatility models."""
    scores: list[IntervalScores] = []
    years: dict[float, dict[int, list[float]]] = {coverage: {} for coverage in COVERAGES}
    shocks: dict[float, dict[np.datetime64, list[bool]]] = {coverage: {} for coverage in COVERAGES}
    seconds = 0.0
    for pair in pairs:
        walk, first, took = walk_of(pair)
        found, forecasts = scored(walk, first, 1)
        seconds += took
        scores.append(found.scores)
        after = np.isin(forecasts.origins, shaken_days(walk))
        for coverage, misses in missed(found, forecasts).items():
            for day, miss in zip(forecasts.origins[after], misses[after], strict=True):
                shocks[coverage].setdefault(day, []).append(not miss)
            for year, (_, covered) in coverage_by_year(forecasts.target_dates, misses, 20).items():
                years[coverage].setdefault(year, []).append(covered)
    print(f"{len(pairs)} pairs, {seconds / len(pairs):.2f} s CPU a walk")
    for coverage in COVERAGES:
        name = f"{100 * coverage:.0f}"
        overall = 100 * np.array([getattr(score, f"coverage_{name}") for score in scores])
        thirds = {
            state: 100 * np.mean([score.by_volatility[f"{state}_{name}"] for score in scores]) for state in STATES
        }
        off = {year: 100 * (np.mean(covered) - coverage) for year, covered in years[coverage].items()}
        loss = np.array([getattr(score, f"winkler_{name}") for score in scores])
        print(
            f"  {name} %: covered {overall.mean():.2f} %, "
            f"of one pair at most {abs(overall - 100 * coverage).max():.1f} points off; "
            + ", ".join(f"{state} {covered:.1f}" for state, covered in thirds.items())
            + f"; years {min(off.values()):+.1f} to {max(off.values()):+.1f}; "
            + f"mean interval score {100 * loss.mean():.4f} %"
        )
        print(f"    after a shock: {after_shocks(shocks[coverage])}")
    skills = np.array(
        [[*score.league.values(), score.crps_skill] for score in scores if len(score.league) == len(MODELS)]
    )
    best = skills[:, :-1].max(axis=1)
    print("  CRPS skill over the rolling deviation, mean over pairs:")
    for name, skill in zip([*MODELS, COMBINATION], skills.mean(axis=0), strict=True):
        print(f"    {name:9} {100 * skill:+.2f} %")
    print(f"  {COMBINATION} is at most {100 * (best - skills[:, -1]).max():.2f} points below the best of a pair")


def shaken_days(walk: VolatilityWalk) -> Dates:
    """The days whose return was a shock to what the models had forecast together."""
    believed = log_mean(walk.models, np.sqrt(walk.variance))[:-1]
    return walk.dates[walk.start + 1 :][shaken(walk.returns[walk.start + 1 :], believed)]


def after_shocks(covered: dict[np.datetime64, list[bool]]) -> str:
    """Share covered on the day after, with its standard error: pairs of one day shake together, and count together."""
    hits, n = np.array([sum(found) for found in covered.values()]), np.array([*map(len, covered.values())])
    share = hits.sum() / n.sum()
    error = np.sqrt(np.square(hits - share * n).sum()) / n.sum()
    return f"covered {100 * share:.1f} ± {100 * error:.1f} % of {n.sum()} days of a pair, {len(n)} dates"


def report(pair: str) -> None:
    """Coverage overall and by year, width, interval score, CRPS skill and cost of one pair."""
    walk, first, walked = walk_of(pair)
    n_scored, dates = len(walk.returns) - 1 - first, walk.dates
    print(f"\n{pair}: {n_scored} days from {dates[first + 1]} to {dates[-1]}; walk {walked:.2f} s CPU")
    for horizon in HORIZONS:
        start = time.process_time()
        found, forecasts = scored(walk, first, horizon)
        print(f"  {horizon} days ahead ({time.process_time() - start:.3f} s CPU)")
        show(found, forecasts)


def scored(walk: VolatilityWalk, first: int, horizon: int) -> tuple[IntervalForecast, Forecasts]:
    """The intervals around a forecast of zero from the first scored origin on."""
    origins = np.arange(first, len(walk.returns) - horizon)
    actual = direct_target(walk.returns, horizon)[origins]
    forecasts = Forecasts(walk.dates[origins], walk.dates[origins + horizon], actual, np.zeros(len(origins)))
    return interval_forecast(believed_volatility(walk, horizon), forecasts), forecasts


def missed(found: IntervalForecast, forecasts: Forecasts) -> dict[float, Flags]:
    """Whether each outcome lay outside, by coverage."""
    bounds = found.columns
    return {
        coverage: (forecasts.actual < bounds[f"lower_{100 * coverage:.0f}"])
        | (forecasts.actual > bounds[f"upper_{100 * coverage:.0f}"])
        for coverage in COVERAGES
    }


def show(found: IntervalForecast, forecasts: Forecasts) -> None:
    """The scores of one horizon."""
    scores = found.scores
    for coverage, misses in missed(found, forecasts).items():
        name = f"{100 * coverage:.0f}"
        years = coverage_by_year(forecasts.target_dates, misses)
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
    print(f"    CRPS {scores.crps:.6f}, skill over the rolling deviation {100 * scores.crps_skill:+.2f} %, t {t}")


if __name__ == "__main__":
    main(sys.argv[1:])
