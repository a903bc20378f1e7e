"""What the verdict, the intervals and the plots add to `podium run`.

    python benchmarks/verdict.py

A championship of LinearRegression, ARIMA and LSTM on the ECB's EUR/USD is run once, in a temporary folder. Each part is
then done again in a process of its own, imports included, and its processor time taken. In `podium run` the contestants
work side by side and share what is imported, so the sum is an upper bound of what it adds on the clock.
"""

import dataclasses
import os
import subprocess
import sys
import tempfile

from podium.cli.verbs import run as podium
from podium.data.store import load_series
from podium.evaluate.horizons import believed_volatility
from podium.evaluate.intervals import interval_forecast
from podium.pipeline.contest import gather
from podium.pipeline.judge import Case, judge
from podium.pipeline.prepare import load_table, series_path
from podium.pipeline.record import read_walked, recorded
from podium.pipeline.walk_cache import shared_walk, walk_path
from podium.registry.mlflow_store import MlflowStore
from podium.registry.plots import cumulative_skill, forecast
from podium.settings import Settings

GOAL = 6.0


def ranges(settings: Settings) -> None:
    """The volatility walk, made anew, and each contestant's intervals and scores."""
    walk_path(settings).unlink(missing_ok=True)
    store, case = _case(settings)
    for run in case.runs:
        forecasts = read_walked(store, run.run_id)
        walk = shared_walk(settings, load_series(series_path(settings)), forecasts.origins[0])
        interval_forecast(believed_volatility(walk), dataclasses.replace(forecasts, bounds={}))


def plots(settings: Settings) -> None:
    """The two pictures of each contestant."""
    import io

    store, case = _case(settings)
    for run in case.runs:
        forecasts = read_walked(store, run.run_id)
        for draw in (forecast, cumulative_skill):
            draw(forecasts, settings.pair, run.family).savefig(io.BytesIO())


def verdict(settings: Settings) -> None:
    """Tests, model confidence set, sentinel, evidence, policy and judgement."""
    store, case = _case(settings)
    versions = {version.family: version for version in store.versions()}
    records = {run.family: recorded(store, run, case.days, case.table, None) for run in case.runs}
    judge(settings, case, records, versions)


def nothing(settings: Settings) -> None:
    """What the three above need before they begin, which `podium run` pays for anyway."""
    store, case = _case(settings)
    for run in case.runs:
        read_walked(store, run.run_id)


def _case(settings: Settings) -> tuple[MlflowStore, Case]:
    store = MlflowStore(settings)
    return store, gather(store, None, load_series(series_path(settings)), load_table(settings))


PARTS = {part.__name__: part for part in (nothing, ranges, plots, verdict)}


def main() -> None:
    """Run the championship, then each part three times in processes of their own; the fastest counts."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        podium(["run"])
        seconds = {name: min(_timed(name) for _ in range(3)) for name in PARTS}
    added = {name: took - seconds["nothing"] for name, took in seconds.items() if name != "nothing"}
    for name, took in added.items():
        print(f"{name}: {took:.2f} s CPU")
    print(f"together: {sum(added.values()):.2f} s CPU, at most {GOAL:g} s wanted")


def _timed(name: str) -> float:
    before = os.times()
    subprocess.run([sys.executable, __file__, name], check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


if __name__ == "__main__":
    if sys.argv[1:]:
        PARTS[sys.argv[1]](Settings.load())
    else:
        main()
