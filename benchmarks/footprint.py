"""What a day leaves in the registry: commits, statements, rows, bytes and files of each step, in a SQLite file.

    python benchmarks/footprint.py [LinearRegression,ARIMA]

One pair on the ECB's rates: trained, evaluated, and both again with nothing new. Counts, so a busy machine will do.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from podium.pipeline.contest import evaluate
from podium.pipeline.prepare import ingest, preprocess
from podium.pipeline.train import train
from podium.registry import mlflow_tables
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings

SEEN: Counter[str] = Counter()


@event.listens_for(Engine, "before_cursor_execute")
def _count_statement(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
    SEEN["statements"] += 1
    SEEN["changed"] |= statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE"))


@event.listens_for(Engine, "commit")
def _count_commit(connection: Any) -> None:
    SEEN["commits"] += SEEN["changed"]
    SEEN["changed"] = 0


def held(uri: str) -> Counter[str]:
    """What there is now."""
    files = [path for path in Path("mlruns").rglob("*") if path.is_file()]
    rows = sum(mlflow_tables.count(uri).values())
    n_bytes = sum(path.stat().st_size for path in files)
    return Counter(rows=rows, database=Path("mlflow.db").stat().st_size, files=len(files), bytes=n_bytes)


def step(name: str, uri: str, act: Callable[[], object]) -> None:
    """Do it; one row."""
    before = held(uri)
    SEEN.clear()
    act()
    commits, statements = SEEN["commits"], SEEN["statements"]
    after = held(uri)
    more = {key: after[key] - before[key] for key in after}
    sizes = f"{more['rows']} | {more['database'] / 1e3:.0f} kB | {more['files']} | {more['bytes'] / 1e3:.0f} kB"
    print(f"| {name} | {commits} | {statements} | {sizes} |")


def main() -> None:
    """A row for each step."""
    families = tuple((sys.argv[1:] or ["LinearRegression,ARIMA"])[0].split(","))
    with tempfile.TemporaryDirectory(prefix="podium-") as folder:
        os.chdir(folder)
        uri = f"sqlite:///{folder}/mlflow.db"
        settings = Settings(tracking_uri=uri, contestants=families, workers=1)
        MlflowStore(settings).prepare()
        ingest(settings)
        preprocess(settings)
        print("| step | commits | statements | rows | database | files | bytes of files |")
        for again in ("", " again, nothing new"):
            step(f"train {', '.join(families)}{again}", uri, lambda: train(settings))
            step(f"evaluate{again}", uri, lambda: evaluate(settings))


if __name__ == "__main__":
    main()
