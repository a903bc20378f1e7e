"""What one small LSTM over all pairs would bring, beside one a pair: the shipped network, trained on more rows.

    nice python benchmarks/pooled_lstm.py            # ten euro pairs, seed 42, about ten minutes

Both walk forward over the last fifth of a pair's days with the default settings and refits. The pooled network learns
at each refit from the windows of all 29 live currencies up to that day, each over the deviation of its own returns; the
tail of the days of all of them decides when to stop. It forecasts from the pair's own window. The first line a pair has
RMSE over the random walk's; the last ones the mean ratio, a t statistic of the mean difference of squared errors over
the variance of the pair, clustered by day, and the CPU seconds.
"""

import time
from collections.abc import Sequence

import numpy as np

from podium.data.fetch import fetch_series
from podium.data.sources.ecb import bundled_table
from podium.data.store import data_version
from podium.evaluate.walkforward import ScoredRows, scored_rows, walk_forward
from podium.features import build_features, frame
from podium.models.lstm import LstmContestant, LstmModel
from podium.records import Dates, FeatureTable, Floats
from podium.settings import Settings

PAIRS = ["USD", "JPY", "GBP", "CHF", "SEK", "NOK", "AUD", "CAD", "ZAR", "PLN"]
SETTINGS = Settings()
Rows = tuple[Floats, Floats, Dates]


def table_of(pair: str) -> FeatureTable:
    """Features of the bundled rates."""
    series = fetch_series(Settings(pair=pair)).series
    return build_features(series, SETTINGS.n_lags, data_version(series))


def rows_until(table: FeatureTable, day: np.datetime64, network: LstmContestant) -> Rows:
    """Standardised lags, outcomes and days of all origins whose outcome is known on that day."""
    n_known = int(np.searchsorted(table.target_dates[:-1], day, side="right"))
    y = table.target[:n_known]
    scale = np.std(y)
    lags = np.asarray(network._network.sequences(frame(table)[:n_known]) / np.float32(scale))
    return lags, np.asarray(y / scale), table.origins[:n_known]


def pooled_fit(tables: Sequence[FeatureTable], day: np.datetime64, contestant: LstmContestant) -> list[np.ndarray]:
    """The weights of the network that has seen all pairs up to a day."""
    parts = [rows_until(table, day, contestant) for table in tables]
    X, y, days = (np.concatenate([part[at] for part in parts]) for at in range(3))
    order = np.argsort(days, kind="stable")
    weights, _ = contestant._network.train(
        X[order],
        y[order].astype(np.float32),
        n_validation=int(len(y) * contestant.validation_fraction),
        epochs=contestant.epochs,
        patience=contestant.patience,
        batch_size=contestant.batch_size,
    )
    return weights


def main() -> None:
    """Ten pairs, alone and pooled."""
    contestant = LstmContestant()
    contestant.warm_up()
    tables = {code: table_of(f"EUR{code}") for code in bundled_table().live()}
    days: dict[str, ScoredRows] = {
        code: scored_rows(tables[code], SETTINGS.n_lags, SETTINGS.test_fraction) for code in PAIRS
    }
    seconds = {"alone": 0.0, "pooled": 0.0}
    errors: dict[str, dict[str, Floats]] = {}
    fitted: dict[np.datetime64, list[np.ndarray]] = {}
    for code in PAIRS:
        table, scored = tables[code], days[code]
        start = time.process_time()
        alone = walk_forward(contestant, table, scored, SETTINGS.refit_every).forecasts
        seconds["alone"] += time.process_time() - start
        pooled = np.empty(scored.n_scored)
        for begin in range(scored.first_scored, scored.n_known, SETTINGS.refit_every):
            day, stop = table.origins[begin], min(begin + SETTINGS.refit_every, scored.n_known)
            start = time.process_time()
            if day not in fitted:
                fitted[day] = pooled_fit(list(tables.values()), day, contestant)
            scale = float(np.std(table.target[:begin]))
            model = LstmModel(contestant._network, table.names, fitted[day], scale, {})
            pooled[begin - scored.first_scored : stop - scored.first_scored] = model.predict(frame(table)[begin:stop])
            seconds["pooled"] += time.process_time() - start
        errors[code] = {
            "random walk": alone.actual,
            "alone": alone.actual - alone.forecast,
            "pooled": alone.actual - pooled,
        }
        root = {name: np.sqrt(np.mean(error**2)) for name, error in errors[code].items()}
        print(
            f"EUR{code} RMSE {root['random walk']:.6f}  alone {root['alone'] / root['random walk']:.5f}  "
            f"pooled {root['pooled'] / root['random walk']:.5f}",
            flush=True,
        )
    report(errors, {code: tables[code].origins[days[code].first_scored : days[code].n_known] for code in PAIRS})
    n_fits = {"alone": 8 * len(PAIRS), "pooled": len(fitted)}
    for name, took in seconds.items():
        print(f"{name}: {took:.0f} s CPU in all, {took / n_fits[name]:.1f} s a fit")


def report(errors: dict[str, dict[str, Floats]], origins: dict[str, np.ndarray]) -> None:
    """Mean ratios, and whether they are told from one another."""
    for name in ("alone", "pooled"):
        ratios = [np.sqrt(np.mean(each[name] ** 2) / np.mean(each["random walk"] ** 2)) for each in errors.values()]
        print(f"{name}: mean ratio to the random walk {np.mean(ratios):.5f}, below one on {sum(r < 1 for r in ratios)}")
    for better, than in (("pooled", "alone"), ("pooled", "random walk"), ("alone", "random walk")):
        by_day: dict[np.datetime64, float] = {}
        for code, each in errors.items():
            gain = (each[than] ** 2 - each[better] ** 2) / np.mean(each["random walk"] ** 2)
            for day, value in zip(origins[code], gain, strict=True):
                by_day[day] = by_day.get(day, 0.0) + value
        sums = np.array([*by_day.values()])
        t = sums.mean() / (sums.std(ddof=1) / np.sqrt(len(sums)))
        print(f"{better} against {than}: {100 * sums.sum() / sum(map(len, origins.values())):+.3f} %, t {t:+.2f}")


if __name__ == "__main__":
    main()
