"""`podium ui`: MLflow's pages on stores that are ready, on a port that is free."""

from __future__ import annotations

import re
import socket
import sqlite3
from contextlib import closing

import pytest

from podium.cli import workplace

SECRET = "hunter22"
pytestmark = pytest.mark.usefixtures("workdir")


def test_the_pages_take_the_next_port_and_name_the_holder(podium, monkeypatch):
    """A port in use: a note that names who has it or how to ask, the next free one, no password in the command."""
    seen = {}
    monkeypatch.setattr(
        workplace, "_until_interrupted", lambda command, env: seen.update(command=command, env=env) or 0
    )
    monkeypatch.setattr("podium.registry.mlflow_store.MlflowStore.client", None)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        address = f"postgresql://u:{SECRET}@127.0.0.1/x"
        said = podium("ui", "--port", str(port), "--tracking-uri", address)
    assert said.exit_code == 0
    assert re.match(rf"note: port {port} is taken \(ask `lsof -i :{port}` who has it\); taking \d+\n", said.err)
    taken = int(said.err.rsplit("taking ", 1)[1])
    assert taken > port
    assert said.out == f"MLflow on http://127.0.0.1:{taken} - Ctrl-C ends it\n"
    assert seen["command"][seen["command"].index("--port") + 1] == str(taken)
    assert SECRET not in " ".join(seen["command"])
    assert seen["env"]["MLFLOW_BACKEND_STORE_URI"] == address
    told = podium("ui", "--port", str(port), "--tracking-uri", address, "--json").json
    assert told["address"].startswith("http://127.0.0.1:")


def test_the_pages_open_on_stores_that_are_ready(podium, monkeypatch):
    """In an empty folder both schemas are made before MLflow's server starts, and it is handed both addresses."""
    seen = {}

    def serve(command, environment):
        seen.update(environment, experiments=_tables("runs.db"), models=_tables("models.db"))
        return 0

    monkeypatch.setattr(workplace, "_until_interrupted", serve)
    addresses = ("--tracking-uri", "sqlite:///runs.db", "--registry-uri", "sqlite:///models.db")
    assert podium("ui", *addresses).exit_code == 0
    assert "experiments" in seen["experiments"]
    assert "registered_models" in seen["models"]
    assert seen["MLFLOW_BACKEND_STORE_URI"] == "sqlite:///runs.db"
    assert seen["MLFLOW_REGISTRY_STORE_URI"] == "sqlite:///models.db"


def _tables(database: str) -> set[str]:
    with closing(sqlite3.connect(database)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
