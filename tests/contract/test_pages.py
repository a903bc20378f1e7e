"""docs/production.md and docs/scale.md, followed: the commands that stand there, in their order, on real servers."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from podium.registry.log_items import example_rows
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings
from tests.servers import PAIRS
from tests.support import OPENER, free_port, until

pytestmark = pytest.mark.servers

LAST = "3 of 3 pairs done, 0 failed"


@pytest.fixture(scope="module")
def client(reader, page_server, tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The folder of a client of the server, and what its `podium run` said."""
    folder = reader.folder(tmp_path_factory.mktemp("client") / "desk")
    return folder, reader.does(reader.words("production.md", 1, port=str(page_server.port)), folder)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch) -> None:
    """Nothing between us and loopback."""
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def keys(object_store, monkeypatch) -> str:
    """The store's keys are in the environment; the name of the bucket."""
    for name, value in object_store.environment.items():
        monkeypatch.setenv(name, value)
    return object_store.bucket


def champions_files(settings: Settings) -> str:
    """Where the files of the pair's champion lie, which forecasts."""
    store = MlflowStore(settings)
    model = store.load(store.champion().pinned_uri)
    assert len(model.predict(model.input_example)) > 0
    return str(store.client.get_run(store.champion().run_id).info.artifact_uri)


def test_every_block_of_the_pages_is_followed(reader):
    """There is none but those that fixtures and tests take: server, client, database, MySQL; one machine, several."""
    assert (len(reader.blocks("production.md")), len(reader.blocks("scale.md"))) == (4, 2)


def test_a_client_of_the_server_needs_its_address_alone(client, page_server):
    """It has no key, and files go through the server into the store, past the disks of both; two processes serve."""
    folder, ran = client
    assert ran.returncode == 0, ran.stderr
    assert champions_files(Settings(tracking_uri=page_server.address)).startswith("mlflow-artifacts:/")
    assert not (folder / "mlruns").exists()
    assert [path.name for path in page_server.folder.iterdir()] == ["server.log"]
    shell = psutil.Process(page_server.process.pid)
    assert len([each for each in (shell, *shell.children(recursive=True)) if each.name() != "bash"]) == 2


def test_a_name_that_is_not_allowed_gets_403(page_server):
    """As the page explains it to whom it meets."""
    asked = f"{page_server.address}/api/2.0/mlflow/experiments/get?experiment_id=0"
    OPENER.open(urllib.request.Request(asked, headers={"Host": f"127.0.0.1:{page_server.port}"}), timeout=10).close()
    with pytest.raises(urllib.error.HTTPError, match="403") as refused:
        OPENER.open(urllib.request.Request(asked, headers={"Host": "elsewhere"}), timeout=10)
    refused.value.close()


def test_a_database_and_a_store_need_no_server(page_database, keys):
    """Whoever has the database's address and the store's keys finds the champion; no file of it is on the machine."""
    address, folder = page_database
    assert champions_files(Settings(tracking_uri=address)).startswith(f"s3://{keys}/mlflow/")
    assert not (folder / "mlruns").exists()


def test_clients_of_a_server_may_reach_the_store_themselves(page_server, keys, context, make_result):
    """With the location and the keys, files go from the client to the store, past the server."""
    words = {"artifact_location": f"s3://{keys}/mlflow", "experiment": f"own {uuid.uuid4().hex}"}
    store = MlflowStore(Settings(tracking_uri=page_server.address, **words))
    run = store.log_run(make_result("LinearRegression"), context)
    assert store.client.get_run(run.run_id).info.artifact_uri.startswith(f"s3://{keys}/mlflow/")
    assert len(store.load(run.model_uri).predict(example_rows(context.table))) > 0


@pytest.fixture
def cluster(monkeypatch) -> Iterator[Path]:
    """A folder by which the processes of a cluster are known; they outlive their shell, and are ended by their ids."""
    folder = Path(tempfile.mkdtemp(prefix="podium-ray-"))  # a short name: sockets lie in it
    monkeypatch.setenv("RAY_TMPDIR", str(folder))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    yield folder
    left = list(processes_of(folder))
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, 10)
    shutil.rmtree(folder, ignore_errors=True)


def processes_of(cluster: Path, words: str = "") -> Iterator[psutil.Process]:
    """Those that have words in their command line."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            ours = process.environ().get("RAY_TMPDIR") == str(cluster)
            if ours and words in " ".join(process.cmdline()):
                yield process


def end_state(settings: Settings) -> dict[str, object]:
    """What is to be the same wherever it was computed: runs, scores, aliases, titles."""
    found: dict[str, object] = {}
    for pair in PAIRS:
        store = MlflowStore(settings.model_copy(update={"pair": pair}))
        experiment = store.client.get_experiment_by_name(f"{pair}_Experiments")
        runs = store.client.search_runs([experiment.experiment_id], "tags.status = 'completed'")
        versions = {(record.family, record.version): sorted(record.aliases) for record in store.versions()}
        titles = [(title.name, title.version, title.verdict) for title in store.titles()]
        scores = sorted((run.data.tags["model_type"], round(run.data.metrics["rmse"], 12)) for run in runs)
        found[pair] = (scores, versions, titles)
    return found


@pytest.fixture
def alone(reader, tmp_path) -> Path:
    """The folder in which docs/scale.md was followed on one machine: three pairs, a table, a page over the reports."""
    folder = reader.folder(tmp_path / "alone")
    told = reader.does(reader.words("scale.md", 0), folder)
    assert told.returncode == 0, told.stderr
    assert f"{LAST}, 3 runs recorded" in told.stdout
    assert len(list((folder / "reports").glob("*.html"))) == 4
    return folder


@pytest.mark.usefixtures("client")
def test_a_machine_that_dies_changes_nothing(reader, alone, page_server, cluster, tmp_path):
    """On two machines all pairs finish though one is killed, nothing runs twice, the end is that of one machine."""
    head = str(free_port(10_000) + 10_000)  # Ray keeps the ports from 10,002 to 19,999 for its workers
    words = reader.words("scale.md", 1, token=uuid.uuid4().hex, ray=head, port=str(page_server.port))
    desk, log = reader.folder(tmp_path / "desk"), tmp_path / "log"
    with log.open("w") as out, reader.begins(words, desk, out) as process:
        until(lambda: process.poll() is not None or "run: 1 of 3 pairs done" in log.read_text(), "a pair is done", 240)
        killed = list(processes_of(cluster, "--node_ip_address=127.0.0.3"))
        for victim in killed:
            victim.kill()
        process.wait(240)
    told = log.read_text()
    assert (process.returncode, len(killed) > 0) == (0, True), told
    assert f"{LAST}, 2 runs recorded" in told  # the client before recorded one, which is found
    here = Settings(tracking_uri=f"sqlite:///{alone / 'mlflow.db'}")
    assert end_state(Settings(tracking_uri=page_server.address)) == end_state(here)
    again = "\n".join(line for line in words.splitlines() if not line.startswith("ray start"))
    assert f"{LAST}, 0 runs recorded" in reader.does(again, desk).stdout
