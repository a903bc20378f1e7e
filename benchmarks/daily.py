"""What a day of `podium daily` costs: seconds by step, rows and bytes.

    python benchmarks/daily.py [--days 20]

In a temporary folder the championship of the three default contestants on the ECB's EUR/USD is held 30 days before its
end. Then the command line does one day at a time, as a scheduler would: a process each, with the newest rate there;
every day is called twice, so that the second finds nothing to do. The newest days are then trained on, once going on
from the training before and once all anew. At the end six pairs are done in one process.
"""

import argparse
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from podium.data.fetch import fetch_series
from podium.data.store import save_series
from podium.pipeline.prepare import preprocess, series_path
from podium.settings import Settings

PAIRS = ("EURUSD", "EURGBP", "EURJPY", "EURCHF", "EURSEK", "EURNOK")
BEFORE = 30


def podium(*words: str) -> tuple[float, list[dict[str, Any]]]:
    """Run a verb; wall seconds and its JSON."""
    began = time.perf_counter()
    program = Path(sys.executable).with_name("podium")
    done = subprocess.run([program, *words, "--json"], check=False, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode not in {0, 3, 8}:
        raise RuntimeError(done.stderr)
    return seconds, json.loads(done.stdout or "[]")


def size() -> tuple[int, int]:
    """Rows in MLflow's database and the ledger, and bytes of everything."""
    rows = 0
    for file in ("mlflow.db", "data/ledger.db"):
        if not Path(file).exists():
            continue
        with closing(sqlite3.connect(file)) as database:
            names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            rows += sum(database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names)
    return rows, sum(path.stat().st_size for path in Path().rglob("*") if path.is_file())


def hold(pair: str, contestants: str) -> list[str]:
    """The championship on the days before; the days after them."""
    settings = Settings.load({"pair": pair})
    series = fetch_series(settings).series
    save_series(series.until(len(series) - BEFORE), series_path(settings))
    preprocess(settings)
    for verb in ("train", "evaluate"):
        podium(verb, "--pair", pair, *(["--contestants", contestants] if contestants and verb == "train" else []))
    return [str(day) for day in series.dates[-BEFORE:]]


def main() -> None:
    """Hold, then day after day; print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=10)
    n_days = parser.parse_args().days
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        days = hold("EURUSD", "")
        podium("daily", "--pair", "EURUSD", "--as-of", days[0], "--retrain", "never")  # makes the ledger
        before, first, again = size(), [], []
        steps: dict[str, list[float]] = {}
        for day in days[1 : n_days + 1]:
            seconds, (done,) = podium("daily", "--pair", "EURUSD", "--as-of", day, "--retrain", "never")
            first.append(seconds)
            for step in done["days"][0]["steps"]:
                steps.setdefault(step["step"], []).append(step["seconds"])
            again.append(podium("daily", "--pair", "EURUSD", "--as-of", day, "--retrain", "never")[0])
        after = size()
        print(f"one pair, a new day:       {statistics.median(first):6.2f} s")
        for name, found in steps.items():
            print(f"    {name:<22} {statistics.median(found):6.2f} s")
        print(f"one pair, nothing to do:   {statistics.median(again):6.2f} s")
        rows, kilobytes = (after[0] - before[0]) / n_days, (after[1] - before[1]) / n_days / 1000
        print(f"rows and bytes a day:      {rows:6.1f} rows, {kilobytes:.1f} kB")
        podium("daily", "--pair", "EURUSD", "--as-of", days[n_days + 1], "--retrain", "never")
        print(f"a training that goes on:   {podium('train', '--pair', 'EURUSD')[0]:6.2f} s")
        Path("data/processed/EURUSD.volatility.npz").unlink()
        print(f"a training, all anew:      {podium('train', '--pair', 'EURUSD', '--again')[0]:6.2f} s")
        for pair in PAIRS[1:]:
            hold(pair, "LinearRegression,ARIMA")
        asked = ("daily", "--pairs", ",".join(PAIRS), "--as-of", days[n_days + 2], "--retrain", "never")
        podium(*asked)  # the pairs that were not done yet catch up
        one = podium("daily", "--pair", "EURUSD", "--as-of", days[n_days + 3], "--retrain", "never")[0]
        six = podium("daily", "--pairs", ",".join(PAIRS), "--as-of", days[n_days + 4], "--retrain", "never")[0]
        print(f"each further pair:         {(six - one) / (len(PAIRS) - 1):6.2f} s")


if __name__ == "__main__":
    main()
