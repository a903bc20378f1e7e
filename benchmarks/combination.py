"""What mixing forecasts by Combination pays and costs, beside picking the best each month.

    python benchmarks/combination.py                  # 100 crosses of the ECB, then a planted AR(1); about two minutes
    python benchmarks/combination.py EURUSD GBPJPY    # the shipped contestants on these pairs, the LSTM among them

Members on the crosses are cheap: mean, AR(1), least squares and ridge on six lags and the five-day mean, each on the
last 1,250 days, refitted every 21. The crosses are drawn by a seed from all of at least 2,600 days among live
currencies. R² is out of sample against the random walk, in per cent; the shortfall is that from the best in hindsight,
of which the random walk is one.
"""

import itertools
import os
import sys
import time
from collections.abc import Callable

import numpy as np

from podium.data.sources.ecb import bundled_table
from podium.data.store import data_version
from podium.environment import ONE_THREAD
from podium.evaluate.walkforward import scored_rows, walk_together
from podium.features import build_features
from podium.models.combination import CombinationContestant
from podium.records import Floats, Forecasts

SEED, N_CROSSES, MIN_DAYS = 20261126, 100, 2600
LEARN, REFIT, N_LAGS, YEAR = 1250, 21, 6, 252
WORLDS, PHI = 40, 0.2

Rule = Callable[[Floats, Floats], Floats]


def designs(returns: Floats) -> tuple[dict[str, Floats], Floats]:
    """Regressors of each member, a row a day, and the outcomes."""
    windows = np.lib.stride_tricks.sliding_window_view(returns, N_LAGS + 1)
    lags, outcome = windows[:, -2::-1], windows[:, -1]
    one = np.ones((len(outcome), 1))
    wide = np.column_stack([one, lags, lags[:, :5].mean(axis=1)])
    return {"mean": one, "AR(1)": np.column_stack([one, lags[:, :1]]), "least squares": wide, "ridge": wide}, outcome


def coefficients(name: str, X: Floats, y: Floats) -> Floats:
    """Least squares; a ridge as heavy as half the regressors' own size."""
    gram = X.T @ X
    if name == "ridge":
        gram += np.diag(np.r_[0.0, np.full(len(gram) - 1, 0.5 * np.trace(gram[1:, 1:]) / (len(gram) - 1))])
    return np.asarray(np.linalg.lstsq(gram, X.T @ y, rcond=None)[0], dtype=np.float64)


def members(returns: Floats) -> tuple[dict[str, Floats], Floats]:
    """Each member's forecasts from day 1,250 on, and the outcomes."""
    by_name, outcome = designs(returns)
    starts = range(LEARN, len(outcome), REFIT)
    made = {
        name: np.concatenate(
            [X[at : at + REFIT] @ coefficients(name, X[at - LEARN : at], outcome[at - LEARN : at]) for at in starts]
        )
        for name, X in by_name.items()
    }
    return made, outcome[LEARN:]


def combination(each: Floats, outcome: Floats) -> Floats:
    """Forecasts of the contestant over members' (n_days, n_members)."""
    when = np.arange(len(outcome)).astype("datetime64[D]")
    rows = {str(at): Forecasts(when, when + 1, outcome, column) for at, column in enumerate(each.T)}
    return walk_together(CombinationContestant(), rows)[0].forecast


def monthly(trailing: int) -> Rule:
    """Pick the one with the smallest error over the trailing days, the random walk among them, every 21 days."""

    def pick(each: Floats, outcome: Floats) -> Floats:
        all_of_them = np.column_stack([np.zeros(len(each)), each])
        losses = (outcome[:, np.newaxis] - all_of_them) ** 2
        made = np.zeros(len(outcome))
        for at in range(REFIT, len(outcome), REFIT):
            best = losses[max(0, at - trailing) : at].mean(axis=0).argmin()
            made[at : at + REFIT] = all_of_them[at : at + REFIT, best]
        return made

    return pick


RULES: dict[str, Rule] = {
    "monthly pick, trailing 252 days": monthly(YEAR),
    "monthly pick, all history": monthly(10**9),
    "equal weights": lambda each, outcome: each.sum(axis=1) / (each.shape[1] + 1),
    "Combination": combination,
}


def r2(outcome: Floats, forecast: Floats, days: slice = slice(None)) -> float:
    """Out of sample, against the random walk, in per cent."""
    return float(100 - 100 * np.sum((outcome[days] - forecast[days]) ** 2) / np.sum(outcome[days] ** 2))


def crosses() -> None:
    """The table of rules, and the crosses on which the shortfall of Combination is largest."""
    table = bundled_table()
    pairs = [a + b for a, b in itertools.combinations(sorted([*table.live(), "EUR"]), 2)]
    returns = {pair: np.diff(np.log(table.pair(pair, "ecb").closes)) for pair in pairs}
    long = [pair for pair in pairs if len(returns[pair]) >= MIN_DAYS - 1]
    drawn = sorted(np.random.default_rng(SEED).choice(long, N_CROSSES, replace=False))
    found: dict[str, list[tuple[str, float, float]]] = {name: [] for name in RULES}
    for pair in drawn:
        made, outcome = members(returns[pair])
        best = max(0.0, *(r2(outcome, forecast) for forecast in made.values()))
        for name, rule in RULES.items():
            reached = r2(outcome, rule(np.column_stack([*made.values()]), outcome))
            found[name].append((pair, reached, best - reached))
    for name, rows in found.items():
        short = np.array([row[2] for row in rows])
        mean = np.mean([row[1] for row in rows])
        print(f"{name:32} mean {mean:+.3f}  worst shortfall {short.max():.2f}  above 0.25 on {(short > 0.25).sum()}")
    for pair, reached, shortfall in sorted(found["Combination"], key=lambda row: -row[2])[:12]:
        print(f"  {pair} {reached:+.2f}, shortfall {shortfall:.2f}")


def planted() -> None:
    """R² by the age of the record in worlds of an AR(1) with R² 4 %."""
    spans = {"first 250 days": slice(0, 250), "next 750": slice(250, 1000), "later": slice(1000, None)}
    reached: dict[str, list[list[float]]] = {name: [] for name in ("best member", *RULES)}
    for world in range(WORLDS):
        rng = np.random.default_rng([SEED, world])
        noise = rng.normal(0, 0.006, LEARN + 2100)
        returns = np.zeros(len(noise))
        for day in range(1, len(noise)):
            returns[day] = PHI * returns[day - 1] + noise[day]
        made, outcome = members(returns[100:])
        rules: dict[str, Floats] = {"best member": made["AR(1)"]}
        rules |= {name: rule(np.column_stack([*made.values()]), outcome) for name, rule in RULES.items()}
        for name, forecast in rules.items():
            reached[name].append([r2(outcome, forecast, days) for days in spans.values()])
    print(f"planted R² of 4 %, {WORLDS} worlds: {', '.join(spans)}")
    for name, rows in reached.items():
        error = np.std(rows, axis=0) / WORLDS**0.5
        print(
            f"{name:32}",
            "  ".join(f"{mean:.2f} ± {e:.2f}" for mean, e in zip(np.mean(rows, axis=0), error, strict=True)),
        )


def shipped(pair: str) -> None:
    """Every contestant that ships on one pair at the default settings, and Combination of all."""
    from podium.data.fetch import fetch_series
    from podium.evaluate.walkforward import walk_forward
    from podium.models.roster import contestant_class, enter, known
    from podium.models.roster import members as alone
    from podium.settings import Settings

    ours = [name for name in sorted(known()) if contestant_class(name).__module__.startswith("podium.models.")]
    settings = Settings(pair=pair, contestants=tuple(ours))
    series = fetch_series(settings).series
    table = build_features(series, settings.n_lags, data_version(series))
    days = scored_rows(table, settings.n_lags, settings.test_fraction)
    made, outcome = {}, table.target[days.first_scored : days.n_known]
    for family in alone(settings):
        contestant = enter(family, settings)
        contestant.warm_up()
        start = time.process_time()
        walked = walk_forward(contestant, table, days, settings.refit_every)
        cpu = time.process_time() - start
        made[family] = walked.forecasts.forecast
        rmse = np.sqrt(np.mean((outcome - made[family]) ** 2))
        print(f"{pair} {family:22} RMSE {rmse:.6f}  R² {r2(outcome, made[family]):+.2f}  {cpu:.1f} s CPU", flush=True)
    for name, rule in RULES.items():
        print(f"{pair} {name:32} R² {r2(outcome, rule(np.column_stack([*made.values()]), outcome)):+.2f}")


if __name__ == "__main__":
    os.environ.update(ONE_THREAD)  # as the processes that train
    for chosen in sys.argv[1:]:
        shipped(chosen)
    if not sys.argv[1:]:
        crosses()
        planted()
