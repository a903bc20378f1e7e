"""How long the chores take with many runs: a championship is filled up with copies of one of its runs, and measured.

    python benchmarks/upkeep.py FOLDER [RUNS] [postgresql | postgresql+psycopg://... s3://...]

`postgresql` starts a server of its own. FOLDER is where `podium run` was run; it is copied and stays as it is. Wall and
CPU seconds, this process's alone.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path

import servers
from podium.registry import locations
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings
from podium.upkeep.backup import backup, restore
from podium.upkeep.doctor import doctor
from podium.upkeep.migrate import migrate
from podium.upkeep.prune import prune

COPIED = ("runs", "metrics", "latest_metrics", "params", "tags", "inputs", "logged_models")
COPIED_MODEL = ("logged_model_metrics", "logged_model_params", "logged_model_tags")


def fill(settings: Settings, n_runs: int) -> None:
    """Copies of the champion's run, rows and files, under new ids and a year older."""
    champion = MlflowStore(settings).champion()
    run = MlflowStore(settings).client.get_run(champion.run_id)
    model = run.data.tags["model_uri"].removeprefix("models:/")
    places = [Path(run.info.artifact_uri), Path(run.info.artifact_uri).parents[1] / "models" / model]
    with closing(sqlite3.connect("mlflow.db")) as connection, connection:
        rows = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in (*COPIED, *COPIED_MODEL)}
        rows = {name: [row for row in found if {run.info.run_id, model} & set(row)] for name, found in rows.items()}
        for _ in range(n_runs):
            new = {run.info.run_id: uuid.uuid4().hex, model: f"m-{uuid.uuid4().hex}", "input": uuid.uuid4().hex}

            def renamed(value: object, new: dict[str, str] = new) -> object:
                text = str(value)
                for old in (run.info.run_id, model):
                    text = text.replace(old, new[old])
                return text if isinstance(value, str) else value

            for name, found in rows.items():
                made = [[renamed(value) for value in row] for row in found]
                for number, row in enumerate(made if name == "inputs" else ()):
                    row[0] = f"{new['input'][:30]}{number:06}"
                marks = ",".join("?" * len(made[0])) if made else ""
                connection.executemany(f"INSERT INTO {name} VALUES ({marks})", made) if made else None
            for place in places:
                shutil.copytree(place, str(renamed(str(place))))
        older = "UPDATE runs SET start_time = start_time - 31536000000 WHERE run_uuid != ?"
        connection.execute(older, (champion.run_id,))
        others = "key = 'data_version' AND run_uuid NOT IN (SELECT run_id FROM model_versions)"
        connection.execute(f"UPDATE tags SET value = value || '-old' WHERE {others}")


def rewrite(uri: str, database: Path) -> None:
    """Write the new addresses of a folder that was copied."""
    locations.readdress(uri, locations.moved(locations.runs(uri), database))


def timed(what: str, act: Callable[[], object]) -> None:
    """Do it once; say how long it took."""
    wall, cpu = time.monotonic(), time.process_time()
    done = act()
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    print(f"{what}: {wall:.1f} s, {cpu:.1f} s CPU  {str(done)[:90]}", flush=True)


def main() -> None:
    """Fill, then each chore in turn."""
    source, n_runs = Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000
    with tempfile.TemporaryDirectory(prefix="podium-") as top:
        desk = Path(top, "desk")
        shutil.copytree(source, desk)
        os.chdir(desk)
        settings = Settings(tracking_uri=f"sqlite:///{desk}/mlflow.db")
        timed("rewriting a folder that was copied", partial(rewrite, settings.tracking_uri, Path("mlflow.db")))
        fill(settings, n_runs)
        print(f"{n_runs} runs more, database {Path('mlflow.db').stat().st_size / 1e6:.0f} MB")
        timed("doctor", lambda: doctor(settings))
        timed("backup", lambda: backup(settings, Path(top, "desk.zip")))
        new = Path(top, "restored")
        new.mkdir()
        os.chdir(new)
        timed("restore", lambda: restore(Path(top, "desk.zip"), {"tracking_uri": f"sqlite:///{new}/mlflow.db"}))
        os.chdir(desk)
        timed("migrate, rows alone, to SQLite", lambda: migrate(settings, f"sqlite:///{top}/rows/mlflow.db"))
        if len(sys.argv) > 4:
            timed("migrate to servers", lambda: migrate(settings, sys.argv[3], sys.argv[4]))
        elif len(sys.argv) > 3:
            with servers.postgres() if sys.argv[3] == "postgresql" else nullcontext() as database:
                to = database.fresh() if database else sys.argv[3]
                timed("migrate, rows alone, to PostgreSQL", lambda: migrate(settings, to))
        timed("prune, asking", lambda: prune(settings, 30, dry_run=True).n_bytes)
        timed("prune", lambda: prune(settings, 30).database_bytes)


if __name__ == "__main__":
    main()
