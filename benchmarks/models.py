"""What each contestant's walk-forward costs on the ECB's EUR/USD: import, fits, forecasts, graph.

    python benchmarks/models.py              # all three, a process each
    python benchmarks/models.py LSTM ARIMA   # those named

CPU seconds grow when the machine is shared, wall seconds more so: give figures of an idle one.
"""

import subprocess
import sys
import time

FAMILIES = ("LinearRegression", "ARIMA", "LSTM")


def clocks() -> tuple[float, float]:
    """CPU and wall seconds."""
    return time.process_time(), time.perf_counter()


def show(step: str, since: tuple[float, float]) -> None:
    """One line of the table."""
    cpu, wall = clocks()
    print(f"  {step:24} {cpu - since[0]:6.2f} s CPU {wall - since[1]:6.2f} s wall", flush=True)


def measure(family: str) -> None:
    """Every step of one contestant in this process, at the default settings."""
    from podium.data.fetch import fetch_series
    from podium.data.store import data_version
    from podium.evaluate.metrics import score
    from podium.evaluate.walkforward import scored_rows, walk_forward
    from podium.features import build_features, frame
    from podium.models.roster import enter
    from podium.settings import Settings

    settings = Settings()
    series = fetch_series(settings).series
    table = build_features(series, settings.n_lags, data_version(series))
    days = scored_rows(table, settings.n_lags, settings.test_fraction)
    print(f"{family}: {days.n_scored} scored days, refitted every {settings.refit_every}")
    contestant, X = enter(family, settings), frame(table)
    start = clocks()
    contestant.fit(X[:400], table.target[:400]).predict(X[:1])
    show("imports and a small fit", start)
    start = clocks()
    walked = walk_forward(contestant, table, days, settings.refit_every)
    show("fits and forecasts", start)
    start = clocks()
    walked.future.onnx(table.names)
    _ = walked.future.native
    show("graph and native model", start)
    found = score(walked.forecasts.actual, walked.forecasts.forecast)
    print("  " + ", ".join(f"{name} {value:.6f}" for name, value in found.items()), dict(walked.future.params))


if __name__ == "__main__":
    if len(sys.argv) == 2:
        measure(sys.argv[1])
    else:
        for name in sys.argv[1:] or FAMILIES:
            subprocess.run([sys.executable, __file__, name], check=True)
