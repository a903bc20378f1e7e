"""EUR/USD with the kind of high and low that some providers file one day early.

    python make_series.py rates.csv            # each row's high and low are of the day that FOLLOWS its close
    python make_series.py rates.csv --honest   # each row's high and low are of the day that ended at its close

The closes are the ECB's. What the price did between two closes is not published, so it is drawn: a random walk tied to
both closes (a Brownian bridge), with the volatility of the month before, from a fixed seed.
"""

import sys
from pathlib import Path

import numpy as np

from podium.data.fetch import fetch_series
from podium.settings import Settings

STEPS = 48  # half hours
MONTH = 21


def main(path: Path, honest: bool) -> None:
    """Write date, close, high and low of each day."""
    series = fetch_series(Settings(pair="EURUSD", source="ecb")).series
    high, low = extremes(np.log(series.closes), np.random.default_rng(7))  # of the days between neighbouring closes
    # The day between closes t and t + 1 belongs to t + 1, when it has ended; filed under t, it tells the future.
    days = slice(1, None) if honest else slice(None, -1)
    rows = zip(series.dates[days], series.closes[days], np.exp(high), np.exp(low), strict=True)
    lines = [f"{day},{close:.4f},{top:.5f},{bottom:.5f}\n" for day, close, top, bottom in rows]
    path.write_text("Date,Close,High,Low\n" + "".join(lines))


def extremes(prices: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Highest and lowest log price on the way from each close to the next, shape (n_days - 1,) each."""
    returns = np.diff(prices)
    past = np.concatenate([np.full(MONTH, returns[:MONTH].std()), returns])
    sigma = np.array([past[day : day + MONTH].std() for day in range(len(returns))])
    steps = rng.normal(size=(len(returns), STEPS)) * sigma[:, np.newaxis] / np.sqrt(STEPS)
    way = np.cumsum(steps, axis=1)
    share = np.arange(1, STEPS + 1) / STEPS
    bridge = prices[:-1, np.newaxis] + way + share * (returns - way[:, -1])[:, np.newaxis]  # ends at the next close
    bridge = np.column_stack([prices[:-1], bridge])
    return bridge.max(axis=1), bridge.min(axis=1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), honest="--honest" in sys.argv[2:])
