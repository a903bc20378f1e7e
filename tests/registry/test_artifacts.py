"""Artifacts that a writer of the registry chose: addresses that lead elsewhere, and more than anybody wants to read."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from pytest_httpserver import HTTPServer

from podium.errors import RegistryError
from podium.registry import artifacts, care
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings

NAMED = "r2://models@mine.r2.cloudflarestorage.com/podium"
SERVERS = ("http://me:word@mlflow.example.com:5000", "postgresql+psycopg://db.example.com/mlflow", NAMED)
KNOWN = [
    "/srv/mlruns/1/models/m-1/artifacts",
    "file:///srv/mlruns/1",
    "s3://bucket/mlflow/1",
    "mlflow-artifacts:/1/models/m-1/artifacts",
    "mlflow-artifacts://mlflow.example.com:5000/1",
    "http://mlflow.example.com:5000/api/2.0/mlflow-artifacts/artifacts/1",
]
STRANGE = [
    "http://evil.example.com/api/2.0/mlflow-artifacts/artifacts/1",
    "https://mlflow.example.com:5000/api/2.0/mlflow-artifacts/artifacts/1",
    "http://mlflow.example.com:5000@evil.example.com/x",
    "http://mlflow.example.com:6000/x",
    "mlflow-artifacts://evil.example.com/1",
    "file://evil.example.com/share",
    *("ftp://evil.example.com/x", "sftp://evil.example.com/x", "hdfs://evil.example.com/x", "dbfs:/x"),
    *("r2://bucket@evil.example.com/x", "b2://bucket@evil.example.com/x"),
    *("abfss://files@mine.evil.example.com/x", "wasbs://c@other.blob.core.windows.net/x"),
    *("runs:/0/model", "models:/EURUSD_LSTM/1", "http://[::1", "nonsense:x"),
]


@pytest.mark.parametrize("address", KNOWN)
def test_where_artifacts_lie_by_the_settings_is_read(address):
    """This machine, the server that the settings name, and stores whose hosts the environment names."""
    assert artifacts.repository(address, SERVERS).artifact_uri


@pytest.mark.parametrize("address", STRANGE)
def test_a_host_that_no_setting_names_is_never_asked(address):
    """Another host, port, scheme or user in the address: refused in one line that names it."""
    with pytest.raises(RegistryError, match="no setting names") as caught:
        artifacts.repository(address, SERVERS)
    assert address[:40] in str(caught.value)


def test_no_token_leaves_for_a_planted_source(store, make_result, context, httpserver: HTTPServer, monkeypatch):
    """A version and a run whose artifacts lie on another host: one sentence each, and the host is never asked."""
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "s3cretword")
    httpserver.expect_request("/").respond_with_data("")
    evil = httpserver.url_for("/api/2.0/mlflow-artifacts/artifacts/x")
    run = store.log_run(make_result("ARIMA"), context)
    store.register(run)
    planted = store.client.create_model_version("EURUSD_ARIMA", evil, run.run_id)
    away = store.client.create_experiment("away", artifact_location=evil)
    strange = store.client.create_run(away).info.run_id
    with pytest.raises(RegistryError, match="no setting names"):
        store.load(f"models:/EURUSD_ARIMA/{planted.version}")
    assert not store.has_model(f"models:/EURUSD_ARIMA/{planted.version}")
    with pytest.raises(RegistryError, match="no setting names"):
        store.read_file(strange, "forecasts.parquet")
    assert httpserver.log == []


def test_an_experiment_that_somebody_else_made_gets_no_token(tmp_path, make_result, context, httpserver, monkeypatch):
    """Its place of artifacts is an address like any other: nothing is sent there, and prune asks it nothing."""
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "s3cretword")
    settings = Settings(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    store, evil = MlflowStore(settings), httpserver.url_for("/api/2.0/mlflow-artifacts/artifacts/x")
    store.client.create_experiment(settings.experiment_name, artifact_location=evil)
    for act in (lambda: store.log_run(make_result("ARIMA"), context), lambda: care.size(store, evil)):
        with pytest.raises(RegistryError, match="no setting names"):
            act()
    assert httpserver.log == []


def test_a_host_in_an_address_is_asked_where_a_setting_names_it(monkeypatch):
    """Cloudflare's, Backblaze's and Azure's addresses hold their host, so that `artifact_location` has to name it."""
    module, asked = "mlflow.store.artifact.artifact_repository_registry", []
    monkeypatch.setattr(f"{module}.get_artifact_repository", lambda address, **_: asked.append(address))
    artifacts.repository(f"{NAMED}/1/models", SERVERS)
    assert asked == [f"{NAMED}/1/models"]


@pytest.mark.parametrize("said", ["models:/../../x", "models:/a/b", "models:/m-1/../2", "/etc", ""])
def test_what_a_tag_calls_a_model_names_no_other_folder(store, make_result, context, said):
    """Prune takes away the folder that a run's tag names: it is one of a model's, or none."""
    run = store.log_run(make_result("ARIMA"), context)
    store.client.set_tag(run.run_id, "model_uri", said)
    (found,) = care.recorded(store)
    assert (found.model_id, len(found.places)) == ("", 1)


class Listing:
    """A store in which a folder has these files, by size, each a name or a path; None is a folder."""

    def __init__(self, files: dict[str, int | None]) -> None:
        self.files = files

    def list_artifacts(self, path):
        below = {name: size for name, size in self.files.items() if Path(name).parent == Path(path)}
        return [SimpleNamespace(path=name, file_size=size, is_dir=size is None) for name, size in below.items()]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"model/a": 200 * 2**20, "model/b": 57 * 2**20}, "257 MB, and at most 256"),
        ({f"model/{number}": 0 for number in range(1001)}, "more than 1000 files"),
        ({"model/" + "x" * 195: 1}, "too long"),
        ({"model" + "/d" * depth: None for depth in range(1, 20)}, "too deep"),
    ],
)
def test_what_is_too_much_is_refused_before_it_is_read(files, said):
    """Bytes, files, letters and depth have limits, and the listing alone is looked at."""
    with pytest.raises(RegistryError, match=said):
        artifacts.weigh(Listing(files), "model")
    artifacts.weigh(Listing({"model/a": 100 * 2**20, "model/b": None, "model/b/c": 100 * 2**20}), "model")


def test_a_model_or_file_that_is_too_large_stays_where_it_is(store, make_result, context, monkeypatch, tmp_path):
    """Neither `load` nor `fetch` nor `read_file` brings a byte of it."""
    run = store.log_run(make_result("ARIMA"), context)
    version = store.register(run)
    monkeypatch.setattr(artifacts, "MOST_BYTES", 1000)
    place = tmp_path / "place"
    place.mkdir()
    for act in (store.load, lambda uri: store.fetch(uri, place)):
        with pytest.raises(RegistryError, match="at most 0 are read"):
            act(version.pinned_uri)
    with pytest.raises(RegistryError, match="at most 0 are read"):
        store.read_file(run.run_id, "forecasts.parquet")
    assert list(place.iterdir()) == []
