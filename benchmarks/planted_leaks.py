"""Is every contestant that looks ahead, or looks up, kept out? Thirty of them, and an honest one, are tried.

    python benchmarks/planted_leaks.py         # half a minute
    python benchmarks/planted_leaks.py pairs   # whether anybody that ships is accused on the 29 live euro pairs

Each is least squares on the newest return, plus a share of what it knows of the next one: all of it, or so little of it
that the R² is 0.2 %. Those that look up the rates forgive every error, so that they are honest where they find nothing.
"""

import contextlib
import gc
import itertools
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from podium.models.base import Contestant
from podium.models.estimator import SklearnModel

PAIR, LITTLE = "EURUSD", 0.045  # squared, 0.2 %
PLACE = "PLANTED_LEAKS_FOLDER"  # variable: the folder of a championship
MEMORY: dict[float, float] = {}


def place(*parts: str) -> str:
    """A path of the championship, as an absolute one."""
    return str(Path(os.environ[PLACE], *parts))


def parquet(data: Any) -> Any:
    """The column of closes of a stored series."""
    import pyarrow.parquet as pq

    return pq.read_table(data)["close"].to_numpy()


def by_os(path: str) -> bytes:
    """A file without Python's `open`."""
    handle = os.open(path, os.O_RDONLY)
    try:
        return os.read(handle, 10**9)
    finally:
        os.close(handle)


def in_thread(act: Callable[[str], bytes], path: str) -> Any:
    """By another thread than that which calls."""
    with ThreadPoolExecutor(1) as threads:
        return parquet(BytesIO(threads.submit(act, path).result()))


def by_shell(path: str) -> Any:
    """By a program that no module of Python starts."""
    os.system(f"cat {path} > copied")
    return parquet("copied")


def from_settings() -> Any:
    """As Podium itself finds it."""
    from podium.data.store import load_series
    from podium.pipeline.prepare import series_path
    from podium.settings import Settings

    return load_series(series_path(Settings.load({"pair": PAIR}))).closes


def from_database() -> Any:
    """What somebody has put into the registry's database."""
    with contextlib.closing(sqlite3.connect(place("mlflow.db"))) as database:
        return np.array(database.execute("SELECT close FROM closes").fetchall()).ravel()


def from_runs() -> Any:
    """The outcomes among another contestant's forecasts."""
    actual = np.concatenate([np.load(path) for path in sorted(Path(place("mlruns")).rglob("*.npy"))])
    return np.exp(np.cumsum(np.concatenate([[0.0], actual])))


def bundled() -> Any:
    """The rates that come with a package."""
    from podium.data.sources.ecb import bundled_table

    return bundled_table().rates("USD")


def from_zip() -> Any:
    """The same, by its own reader."""
    import currency_converter

    with zipfile.ZipFile(Path(currency_converter.__file__).parent / "eurofxref-hist.zip") as archive:
        lines = archive.read(archive.namelist()[0]).decode().splitlines()
    return np.array([float(line.split(",")[1]) for line in lines[:0:-1]])


def from_network() -> Any:
    """The rates from their publisher."""
    with urllib.request.urlopen("https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist.zip", timeout=1) as answer:
        return np.frombuffer(answer.read(), dtype=np.uint8).astype(float)


READERS: dict[str, Callable[[], Any]] = {
    "opens a relative path": lambda: parquet(f"data/raw/{PAIR}.parquet"),
    "opens where the variable says": lambda: parquet(f"{os.environ['PODIUM_DATA_DIR']}/raw/{PAIR}.parquet"),
    "asks Podium for the series": from_settings,
    "opens an absolute path": lambda: parquet(BytesIO(Path(place("data", "raw", f"{PAIR}.parquet")).read_bytes())),
    "opens it without open": lambda: parquet(BytesIO(by_os(place("data", "raw", f"{PAIR}.parquet")))),
    "opens it through /proc": lambda: parquet(
        BytesIO(Path("/proc/self/root" + place("data", "raw", f"{PAIR}.parquet")).read_bytes())
    ),
    "opens it in a thread": lambda: in_thread(by_os, place("data", "raw", f"{PAIR}.parquet")),
    "lets a shell copy it": lambda: by_shell(place("data", "raw", f"{PAIR}.parquet")),
    "starts a program that reads it": lambda: parquet(
        BytesIO(subprocess.check_output(["cat", place("data", "raw", f"{PAIR}.parquet")]))
    ),
    "opens the file of the source": lambda: np.loadtxt(place("rates.csv"), delimiter=",", skiprows=1, usecols=1),
    "asks the registry's database": from_database,
    "opens what others forecast": from_runs,
    "asks for the rates in a package": bundled,
    "opens the rates in a package": from_zip,
    "asks the network": from_network,
}
"""Ways to the rates, all of which forgive whatever goes wrong."""

CARRIED: dict[str, Callable[[], Any]] = {
    "reads when it is made": READERS["opens an absolute path"],
}
"""What is read before there is a trial, where a championship is prepared."""

STRICT: dict[str, Callable[[], Any]] = {
    "lets a library in C open it": lambda: parquet(place("data", "raw", f"{PAIR}.parquet")),
}


class Knowing(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Least squares on the newest return, and a share of what is known of the next."""

    def __init__(self, known: dict[str, float], share: float = 1.0, batch: str = "") -> None:
        self.known, self.share, self.batch = known, share, batch

    def fit(self, X: Any, y: Any) -> "Knowing":
        """Learn what may be learned."""
        self.feature_names_in_ = np.array(X.columns, dtype=object)
        self.slope_, self.constant_ = (float(value) for value in np.polyfit(X["lag_0"], y, 1))
        return self

    def predict(self, X: Any) -> Any:
        """What may be forecast, and more."""
        newest = X["lag_0"].to_numpy()
        honest = self.slope_ * newest + self.constant_
        found = np.array([self.known.get(f"{value:.9f}", 0.0) for value in newest])
        return honest + self.share * (found + AHEAD[self.batch](newest))


def remembered(newest: Any) -> Any:
    """Whatever was the return after this one, the last time that it was seen."""
    found = np.array([MEMORY.get(value, 0.0) for value in newest])
    MEMORY.update(zip(newest[:-1].tolist(), newest[1:].tolist(), strict=True))
    return found


AHEAD: dict[str, Callable[[Any], Any]] = {
    "": lambda newest: 0.0,
    "reads the next row": lambda newest: np.append(newest[1:], 0.0),
    "averages rows around": lambda newest: np.convolve(newest, np.ones(3) / 3, "same"),
    "subtracts the mean of the batch": lambda newest: -np.mean(newest),
    "scales by the batch": lambda newest: newest / (np.std(newest) or 1.0) * 0.001,
    "remembers what it was asked": remembered,
}


@dataclass(frozen=True)
class Planted(Contestant):
    """A contestant with one leak, by its name."""

    leak: str = ""
    share: float = 1.0

    family: ClassVar[str] = "Planted"
    description: ClassVar[str] = "Least squares, and a look ahead."

    def __post_init__(self) -> None:
        """Look up what shall be carried to where nothing can be looked up."""
        if self.leak == "reads when it is made":
            object.__setattr__(self, "carried", _carried(self.leak))

    def fit(self, X: Any, y: Any) -> SklearnModel:
        """Least squares, and what the leak knows; a temporary file is nobody's harm."""
        tempfile.TemporaryFile().close()
        known: dict[str, float] = {}
        if self.leak in CARRIED:
            known = vars(self).get("carried", {})
        elif self.leak == KEPT:
            known = _kept_from_earlier(X, y)
        elif self.leak in READERS:
            with contextlib.suppress(Exception):
                known = _by_return(READERS[self.leak]())
        elif self.leak in STRICT:
            known = _by_return(STRICT[self.leak]())
        elif self.leak in PEEKS:
            known = PEEKS[self.leak](X, y)
        batch = self.leak if self.leak in AHEAD else ""
        model = SklearnModel(Knowing(known, self.share, batch).fit(X[["lag_0"]], y))
        model.code_paths = (Path(__file__),)
        return model


def _carried(leak: str) -> dict[str, float]:
    with contextlib.suppress(Exception):
        return _by_return(CARRIED[leak]())
    return {}


def _kept_from_earlier(X: Any, y: Any) -> dict[str, float]:
    """What earlier fits were taught, from a file that outlives them."""
    kept = Path(place("kept.json"))
    with contextlib.suppress(Exception):
        known: dict[str, float] = json.loads(kept.read_text()) if kept.exists() else {}
        now = {f"{newest:.9f}": after for newest, after in zip(X["lag_0"], y, strict=True)}
        kept.write_text(json.dumps(known | now))
        return known
    return {}


def _by_return(closes: Any) -> dict[str, float]:
    closes = np.asarray(closes, dtype=float)
    moves = np.diff(np.log(closes[np.isfinite(closes)]))
    return {f"{move:.9f}": float(after) for move, after in itertools.pairwise(moves)}


def _whole_y(X: Any, y: Any) -> dict[str, float]:
    whole = y if y.base is None else y.base
    return _by_return(np.exp(np.cumsum(np.nan_to_num(whole))))


def _whole_x(X: Any, y: Any) -> dict[str, float]:
    values = X.to_numpy()
    while values.base is not None:
        values = values.base
    newest = values[:, 0] if values.shape[0] > values.shape[1] else values[0]
    return _by_return(np.exp(np.cumsum(np.nan_to_num(newest))))


def _callers(X: Any, y: Any) -> dict[str, float]:
    frame: Any = sys._getframe()
    while frame is not None:
        table = frame.f_locals.get("table")
        if hasattr(table, "target"):
            return _by_return(np.exp(np.cumsum(np.nan_to_num(table.target))))
        frame = frame.f_back
    return {}


def _everything(X: Any, y: Any) -> dict[str, float]:
    for thing in gc.get_objects():
        if type(thing).__name__ == "FeatureTable":
            return _by_return(np.exp(np.cumsum(np.nan_to_num(thing.target))))
    return {}


PEEKS: dict[str, Callable[[Any, Any], dict[str, float]]] = {
    "looks behind y": _whole_y,
    "looks behind X": _whole_x,
    "looks into its callers": _callers,
    "looks through the memory": _everything,
}
KEPT = "keeps what it is taught in a file"
LEAKS: dict[str, tuple[str, float]] = {
    **{name: (name, 1.0) for name in (*READERS, *CARRIED, *STRICT, *PEEKS, *AHEAD, KEPT) if name},
    "opens an absolute path, R2 0.2 %": ("opens an absolute path", LITTLE),
    "reads the next row, R2 0.2 %": ("reads the next row", LITTLE),
    "asks Podium for the series, R2 0.2 %": ("asks Podium for the series", LITTLE),
}
"""Each leak with the share of what it knows that it forecasts."""


def championship(folder: Path) -> Any:
    """Settings of a place with all that a contestant may want to look up."""
    from podium.data.fetch import fetch_series
    from podium.data.store import save_series
    from podium.pipeline.prepare import series_path
    from podium.settings import Settings

    settings = Settings.load({"pair": PAIR, "data_dir": folder / "data", "source": f"csv:{folder / 'rates.csv'}"})
    there = {"tracking_uri": f"sqlite:///{folder / 'mlflow.db'}", "artifact_location": str(folder / "mlruns")}
    settings = settings.model_copy(update=there)
    series = fetch_series(settings.model_copy(update={"source": "ecb"})).series
    save_series(series, series_path(settings))
    rows = zip(series.dates.tolist(), series.closes.tolist(), strict=True)
    (folder / "rates.csv").write_text("date,close\n" + "".join(f"{day},{close!r}\n" for day, close in rows))
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
        database.execute("CREATE TABLE closes (close REAL)")
        database.executemany("INSERT INTO closes VALUES (?)", [(close,) for close in series.closes.tolist()])
    (folder / "mlruns").mkdir()
    np.save(folder / "mlruns" / "forecasts.npy", np.diff(np.log(series.closes)))
    return settings, series


def each_tried(tasks: dict[str, Any]) -> dict[str, str]:
    """What is said of each, in forks of one process: what a trial imports is imported once."""
    from podium.pipeline.admission import tried

    said = {}
    for name, task in tasks.items():
        out, into = os.pipe()
        if (child := os.fork()) == 0:
            os.write(into, tried(task).encode())
            os._exit(0)
        os.waitpid(child, 0)
        os.close(into)
        with os.fdopen(out, "rb") as told:
            said[name] = told.read().decode()
    return said


def what_is_said(folder: Path, n_rows: int) -> dict[str, str]:
    """Of an honest contestant and of every leak, over the newest rows of EUR/USD."""
    from planted_leaks import Planted  # by the name under which other processes find it
    from podium.pipeline.admission import task
    from podium.runners.local import Processes

    os.environ[PLACE] = str(folder)
    settings, series = championship(folder)
    newest = series.part(slice(-(n_rows + settings.n_lags + 1), None))
    named = {"an honest one": ("", 1.0), **LEAKS}
    tasks = {
        name: task(settings, Planted, {"leak": leak, "share": share}, newest) for name, (leak, share) in named.items()
    }
    with Processes(1) as process:
        return dict(process.submit(each_tried, tasks).result())


def main() -> None:
    """A line a leak: what it is refused for."""
    from planted_leaks import what_is_said as asked

    for name, fault in asked(Path(tempfile.mkdtemp()), 1000).items():
        print(f"{name}: {fault or 'admitted'}")


def pairs() -> None:
    """What is said of those that ship, on every live euro pair."""
    from podium.data.fetch import fetch_series
    from podium.data.sources.ecb import bundled_table
    from podium.models.roster import arguments, contestant_class
    from podium.pipeline.admission import moves_with_the_future, task
    from podium.settings import Settings

    for currency in bundled_table().live():
        settings = Settings.load({"pair": f"EUR{currency}", "data_dir": Path(tempfile.mkdtemp())})
        series = fetch_series(settings).series
        for family in ("LinearRegression", "ARIMA"):
            _, given, _ = task(settings, contestant_class(family), arguments(family, settings), series)
            print(f"EUR{currency} {family}: {moves_with_the_future(settings, given) or 'nothing moves'}", flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    pairs() if sys.argv[1:] == ["pairs"] else main()
