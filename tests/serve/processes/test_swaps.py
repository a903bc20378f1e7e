"""Who leads changes while real processes serve."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from podium.registry.glance import mark_of
from podium.registry.mlflow_store import MlflowStore
from podium.serve.hotswap.manifest import Manifest, save
from podium.serve.hotswap.signals import MANIFEST, READ
from podium.serve.processes.supervisor import _Companion, worker_config
from podium.serve.web.security import new_key
from tests.serve.processes.live import Load, Serving
from tests.support import until

pytestmark = pytest.mark.servers


def test_an_alias_moved_under_load_is_served_without_a_failed_request(
    serving: Serving, own_world: Any, split_body: Any
) -> None:
    """The alias is moved by a plain MLflow client; within seconds the answers change, and every one was good."""
    server = serving()
    load = Load(server.port, split_body())
    until(lambda: len(load.answers) > 50, "fifty answers")
    client = MlflowStore(own_world.settings).client
    for version in ("2", "1", "2"):
        moved = time.monotonic()
        client.set_registered_model_alias("EURUSD_LinearRegression", "champion", version)
        until(lambda version=version: load.answers[-1][1].endswith(f"Regression/{version}"), "the moved alias")
        assert time.monotonic() - moved < 15
    load.stop()
    assert load.failures == []
    assert {status for status, *_ in load.answers} == {200}
    by_version: dict[str, set[tuple[float, ...]]] = {}
    for _, version, _, numbers in load.answers:
        by_version.setdefault(version, set()).add(tuple(numbers))
    assert {version: len(numbers) for version, numbers in by_version.items()} == {
        "EURUSD_LinearRegression/1": 1,
        "EURUSD_LinearRegression/2": 1,
    }


def test_reload_serves_the_new_champion_at_once(
    serving: Serving, own_world: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """After `POST /v1/reload` has answered, the moved alias is in service; the log tells start, swap, refusal, stop."""
    server = serving(interval=600.0, patience=120.0, access_log=True, log_format="json")
    MlflowStore(own_world.settings).client.set_registered_model_alias("EURUSD_LinearRegression", "champion", "2")
    assert server.champion().endswith("/1")
    status, _, content = server.ask("POST", "/v1/reload")
    assert (status, json.loads(content)["pairs"]["EURUSD"]["champion"]) == (200, "EURUSD_LinearRegression/2")
    assert [server.ask("POST", "/invocations", "nonsense")[0] for _ in range(3)] == [400] * 3
    logged = ""

    def told() -> bool:
        nonlocal logged
        logged += capfd.readouterr().err
        return "EURUSD_LinearRegression/2" in logged

    until(told, "a line that tells of the swap")
    assert server.stop() == 0
    lines = [json.loads(line)["message"] for line in (logged + capfd.readouterr().err).splitlines()]
    told_by_us = [line.partition(", challenger")[0] for line in lines if "HTTP/1.1" not in line]
    assert told_by_us[0] == "serving EURUSD: champion EURUSD_LinearRegression/1"
    assert sorted(told_by_us[1:3])[0].startswith("refused POST /invocations: 400, The body is not valid JSON")
    assert sorted(told_by_us[1:3])[1] == "serving EURUSD: champion EURUSD_LinearRegression/2"
    assert told_by_us[3:] == ["stopped; open requests were answered"]
    assert sum('"POST /invocations HTTP/1.1" 400' in line for line in lines) == 3


def test_a_reload_is_answered_when_every_process_serves_what_was_found(serving: Serving, own_world: Any) -> None:
    """Of three processes none answers from the old champion once `POST /v1/reload` has been answered."""
    server = serving(processes=3, interval=600.0)
    client = MlflowStore(own_world.settings).client
    for version in ("2", "1"):
        client.set_registered_model_alias("EURUSD_LinearRegression", "champion", version)
        assert server.ask("POST", "/v1/reload")[0] == 200
        assert {server.champion() for _ in range(20)} == {f"EURUSD_LinearRegression/{version}"}


def test_a_title_that_nobody_holds_for_a_while_goes_on_being_served(serving: Serving, own_world: Any) -> None:
    """The alias is taken away first and given to another model later: no request is refused in between."""
    server = serving(interval=600.0)
    client = MlflowStore(own_world.settings).client
    client.delete_registered_model_alias("EURUSD_LinearRegression", "champion")
    status, _, content = server.ask("POST", "/v1/reload")
    assert (status, json.loads(content)["status"]) == (200, "degraded")
    assert "holds @champion" in json.loads(content)["problems"]["EURUSD"]
    assert server.champion() == "EURUSD_LinearRegression/1"
    client.set_registered_model_alias("EURUSD_Drift", "champion", "1")
    assert json.loads(server.ask("POST", "/v1/reload")[2])["problems"] == {}
    assert server.champion() == "EURUSD_Drift/1"


def test_servers_of_one_folder_that_serve_other_pairs_keep_apart(serving: Serving, own_world: Any) -> None:
    """A server of another pair does not overwrite what this one has read, nor take its models away."""
    server = serving(interval=600.0)
    other = serving(interval=600.0, pairs=("USDJPY",), patience=60.0)
    assert other.ask("POST", "/v1/reload")[0] == 200
    assert json.loads(other.ask("GET", "/health")[2])["pairs"] == {}
    assert server.ask("POST", "/v1/reload")[0] == 200
    assert server.champion() == "EURUSD_LinearRegression/1"
    assert len(list(own_world.cache.glob("*/manifest.json"))) == 2


def test_what_an_earlier_server_left_is_served_if_it_is_still_true(own_world: Any) -> None:
    """The manifest of a registry that has not changed since is told to be current, before any reader has read it."""
    config = worker_config(own_world.settings)
    save(Manifest(), config.cache / MANIFEST)
    os.utime(config.cache / MANIFEST, (1, 1))
    companion = _Companion(own_world.settings, config, ("127.0.0.1", 0), print)
    (config.cache / READ).write_text("another")
    companion._watch.look()
    assert not companion._is_current()
    assert (config.cache / MANIFEST).stat().st_mtime == 1
    (config.cache / READ).write_text(mark_of(own_world.settings.tracking_uri))
    assert companion._is_current()
    assert (config.cache / MANIFEST).stat().st_mtime >= config.begun - 1


def test_a_server_that_starts_again_serves_at_once_what_is_current(serving: Serving, own_world: Any) -> None:
    """With a warm cache and an unchanged registry the server does not wait until the registry has been read."""
    serving().stop()
    (read,) = own_world.cache.glob(f"*/{READ}")
    before = read.stat().st_mtime_ns
    with FileLock(own_world.root / "mlflow.db.lock"):  # which the reader waits for
        assert serving(patience=600.0).champion() == "EURUSD_LinearRegression/1"
        assert read.stat().st_mtime_ns == before


def test_mlflows_own_client_moves_over_by_changing_the_address(serving: Serving, world: Any, rows: Any) -> None:
    """MLflow's scoring client talks to Podium as to its own server."""
    import pandas as pd
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    client = ScoringServerClient("127.0.0.1", serving().port)
    client.wait_server_ready(timeout=10)
    found = client.invoke(pd.DataFrame(rows, columns=list(world.table.names)))
    assert len(found.get_predictions()) == 4


def test_an_approver_gives_a_title_by_a_request(serving: Serving, own_world: Any, tmp_path: Path) -> None:
    """A process of its own asks the registry: the title is served at once, and no process at work imported MLflow."""
    keys, (key, line) = tmp_path / "keys", new_key("anna")
    keys.touch(mode=0o600)
    keys.write_text(line)
    store = MlflowStore(own_world.settings)
    store.record_step(own_world.versions[1], 1, "proposed", "lowest RMSE", None)
    server = serving(keys_file=str(keys), approvers=["anna"], interval=600.0, patience=120.0)
    yes = json.dumps({"number": 1, "decision": "approve", "why": "so"})
    status, _, content = server.ask("POST", "/v1/proposals/EURUSD", yes, **{"X-API-Key": key})
    assert (status, json.loads(content)["in_service"]) == (200, True), content
    found = json.loads(server.ask("GET", "/v1/podium/EURUSD", **{"X-API-Key": key})[2])
    assert (found["podium"][0]["version"], found["titles"][-1]["by"]) == (2, "anna")
    (worker,) = server.workers()
    maps = Path(f"/proc/{worker}/maps").read_text()
    assert [library for library in ("pandas", "sklearn", "scipy") if f"/{library}/" in maps] == []
