"""What a series of 30,000 rows and 128 lags cost, against 7,000 rows and the default lags: CPU seconds of one thread.

    python benchmarks/long_series.py [volatility|LinearRegression|ARIMA|LSTM ...]

"in proportion" is the cost of the smaller one times the rows, times the lags for a network that reads them one by one.
"""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np

PARTS = ("volatility", "LinearRegression", "ARIMA", "LSTM")
ROWS, LAGS = (7_000, 30_000), 128


def cost(part: str, n_rows: int, n_lags: int | None) -> float:
    """CPU seconds of a walk at the default settings, imports and a first small one not counted."""
    from podium.data.store import data_version
    from podium.evaluate.volatility.walk import volatility_walk
    from podium.evaluate.walkforward import scored_rows, walk_forward
    from podium.features import build_features, log_returns
    from podium.models.roster import enter
    from podium.records import Series
    from podium.settings import Settings

    settings = Settings() if n_lags is None else Settings(n_lags=n_lags)
    days = np.datetime64("1900-01-01") + np.arange(n_rows)
    closes = 1.1 * np.exp(np.cumsum(0.005 * np.random.default_rng(7).standard_t(6, n_rows)))
    series = Series("EURUSD", days, closes, "test")
    table = build_features(series, settings.n_lags, data_version(series))
    scored = scored_rows(table, settings.n_lags, settings.test_fraction)
    began = time.process_time()
    if part == "volatility":
        volatility_walk(log_returns(closes), days[1:], table.origins[scored.first_scored], settings.refit_every)
    else:
        walk_forward(enter(part, settings), table, scored, settings.refit_every)
    return time.process_time() - began


def main() -> None:
    """A process for each part, so that none has another's memory."""
    if sys.argv[1:2] == ["--one"]:
        part = sys.argv[2]
        cost(part, 1_200, None)
        small, long, wide = cost(part, ROWS[0], None), cost(part, ROWS[1], None), cost(part, ROWS[0], LAGS)
        more = ROWS[1] / ROWS[0]
        print(
            f"| {part} | {small:.2f} s | {long:.2f} s | {long / small / more:.1f} | {wide:.2f} s | {wide / small:.1f} |"
        )
        return
    print("| part | 7,000 rows | 30,000 rows | to proportion | 128 lags | to the default |")
    for part in sys.argv[1:] or PARTS:
        subprocess.run([sys.executable, __file__, "--one", part], check=True)


if __name__ == "__main__":
    main()
