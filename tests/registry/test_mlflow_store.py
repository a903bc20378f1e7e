from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from podium.errors import MissingError, RegistryError
from podium.records import DataVersion, RunRecord
from podium.registry.isolation import isolated
from podium.registry.log_items import example_rows
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings


def test_a_run_is_found_again_as_it_was_logged(store, make_result, context):
    """What `log_run` returns and what `completed_runs` finds are the same run, with metrics and tags."""
    logged = store.log_run(make_result("LinearRegression", rmse=0.0049), context)
    (found,) = store.completed_runs(context.table.data_version, context.scored_days)
    assert (found.run_id, found.model_uri, found.rmse) == (logged.run_id, logged.model_uri, 0.0049)
    assert logged.metrics == found.metrics
    assert logged.tags.items() <= found.tags.items()
    assert found.metrics["baseline_rmse"] == context.baselines["persistence"]["rmse"]
    assert found.metrics["random_walk_rmse"] == context.baselines["random_walk"]["rmse"]
    wanted = {"developer": "tester", "project": "EURUSD_Capstone", "model_type": "LinearRegression"}
    assert found.tags["status"] == "completed"
    assert wanted.items() <= found.tags.items()


def test_runs_on_other_days_or_data_are_not_compared(store, make_result, context):
    """A better score on another series or another window is not found."""
    store.log_run(make_result("ARIMA", rmse=0.005), context)
    version = DataVersion("test", "EURUSD", np.datetime64("2019-12-31"), "ffffffff")
    other_data = replace(context, table=replace(context.table, data_version=version))
    store.log_run(make_result("ARIMA", rmse=0.0032), other_data)
    calmer = replace(context.scored_days, n_days=20)
    store.log_run(make_result("ARIMA", rmse=0.0031), replace(context, scored_days=calmer))
    assert [run.rmse for run in store.completed_runs(context.table.data_version, context.scored_days)] == [0.005]


class Killed(BaseException):
    """What nothing in the store can catch, as it cannot catch SIGKILL."""


WRITES = (
    *("create_logged_model", "log_outputs", "log_batch", "log_inputs"),
    *("finalize_logged_model", "set_terminated"),
)


def test_completed_is_the_last_write(store, make_result, context, monkeypatch):
    """A run that is killed at any write before the last one never counts."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    def die_sending(folder: str) -> Callable[..., None]:
        return lambda place, path: die() if Path(path).name == folder else None

    places = [(type(store.client), name, die) for name in WRITES]
    places += [(LocalArtifactRepository, "log_artifacts", die_sending(folder)) for folder in ("files", "model")]
    for kind, name, act in places:
        with monkeypatch.context() as patch:
            patch.setattr(kind, name, act)
            with pytest.raises(Killed):
                store.log_run(make_result("LSTM"), context)
    assert store.completed_runs(context.table.data_version, context.scored_days) == []


def test_a_run_that_the_store_refuses_is_marked_failed(store, make_result, context, monkeypatch):
    """An error in the middle is one line for the caller, and the run says that it failed."""

    def refuse(*_: object, **__: object) -> None:
        from mlflow.exceptions import MlflowException

        raise MlflowException("no room left")

    monkeypatch.setattr(LocalArtifactRepository, "log_artifacts", refuse)
    with pytest.raises(RegistryError, match=r"cannot log the run of LSTM at .*: no room left"):
        store.log_run(make_result("LSTM"), context)
    (run,) = store.client.search_runs([store.prepare()])
    assert (run.info.status, run.data.tags["status"]) == ("FAILED", "failed")


def test_a_run_on_a_disk_that_fills_up_ends_as_failed(store, make_result, context, monkeypatch):
    """Where the database has no room for the word either, what the run wrote so far is removed to make some."""
    from mlflow.exceptions import MlflowException

    terminating, runs = type(store.client).set_terminated, store.prepare()

    sending = LocalArtifactRepository.log_artifacts

    def full(place, folder):
        if Path(folder).name == "model":
            raise OSError(28, "No space left on device", "model.skops")
        sending(place, folder)

    def while_full(client, run_id, status):
        if any(Path(client.get_run(run_id).info.artifact_uri).rglob("*.png")):
            raise MlflowException("database or disk is full")
        terminating(client, run_id, status)

    monkeypatch.setattr(LocalArtifactRepository, "log_artifacts", full)
    monkeypatch.setattr(type(store.client), "set_terminated", while_full)
    with pytest.raises(RegistryError, match="No space left on device"):
        store.log_run(make_result("LSTM"), context)
    (run,) = store.client.search_runs([runs])
    assert (run.info.status, run.data.tags["status"]) == ("FAILED", "failed")


def test_within_one_look_a_runs_files_are_looked_up_once(store, make_result, context, monkeypatch):
    """What a search told is not asked for again, and what we add ourselves is seen at once."""
    asked = []
    listing = LocalArtifactRepository.list_artifacts
    run = store.log_run(make_result("ARIMA"), context)
    monkeypatch.setattr(
        LocalArtifactRepository, "list_artifacts", lambda place, path=None: asked.append(path) or listing(place, path)
    )
    monkeypatch.setattr(type(store.client), "get_run", lambda client, run_id: asked.append(run_id))
    with store.one_look():
        store.completed_runs(context.table.data_version, context.scored_days)
        assert store.has_file(run.run_id, "forecasts.parquet")
        assert store.read_file(run.run_id, "evidence.parquet") is None
        assert store.read_file(run.run_id, "baselines.json")
        assert asked == [None]
        store.add_file(run.run_id, "evidence.parquet", b"rows")
        assert store.read_file(run.run_id, "evidence.parquet") == b"rows"
    assert asked == [None, None]


def test_of_a_model_only_the_files_that_are_named_are_read(store, make_result, context):
    """Those that are there; a model without any is an error that names it."""
    run = store.log_run(make_result("ARIMA"), context)
    found = store.read_model(run.model_uri, ("MLmodel", "forecast.onnx", "other.bin"))
    folder = store.fetch(run.model_uri)
    assert found == {name: (folder / name).read_bytes() for name in ("MLmodel", "forecast.onnx")}
    shutil.rmtree(folder)
    with pytest.raises(RegistryError, match=f"cannot fetch {run.model_uri}: its files are gone"):
        store.read_model(run.model_uri, ("MLmodel",))


@pytest.mark.usefixtures("pictures")
def test_everything_the_guide_names_is_recorded(store, make_result, context, tmp_path):
    """Run, dataset, artifacts, signature, example, requirements and ONNX graph are where a reader looks for them."""
    curve = {"training": np.array([2.0, 1.5]), "validation": np.array([2.1, 1.7])}
    run = store.log_run(make_result("LSTM", curve=curve), context)
    kept = store.client.get_run(run.run_id)
    assert kept.data.params["alpha"] == "1.0"
    assert kept.inputs.dataset_inputs[0].dataset.digest == str(context.table.data_version)
    assert [output.model_id for output in kept.outputs.model_outputs] == [run.model_uri.removeprefix("models:/")]
    assert [metric.value for metric in store.client.get_metric_history(run.run_id, "training")] == [2.0, 1.5]
    files = {item.path for item in store.client.list_artifacts(run.run_id)}
    plots = {item.path: item.file_size for item in store.client.list_artifacts(run.run_id, "plots")}
    assert {"forecasts.parquet", "baselines.json", "plots"} <= files
    assert set(plots) == {f"plots/{name}.png" for name in ("forecast", "cumulative_skill", "learning_curve")}
    assert min(plots.values()) > 5_000  # bytes of what is drawn
    model = store.load(run.model_uri)
    assert model.metadata.signature.inputs.input_names() == list(context.table.names)
    assert model.input_example is not None
    folder = store.fetch(run.model_uri)
    assert "skops" in (folder / "requirements.txt").read_text()
    assert (folder / "forecast.onnx").read_bytes().startswith(b"a graph over lag_0,")
    assert not list(folder.rglob("*.pkl"))
    assert (store.fetch(run.model_uri, tmp_path / "not" / "there") / "MLmodel").is_file()


def test_registering_twice_makes_one_version(store, make_result, context):
    """A run that has a version keeps it, with its description and tags."""
    run = store.log_run(make_result("ARIMA", rmse=0.0051), context)
    first = store.register(run, "the first", "ARIMA of EUR/USD")
    again = store.register(run, "the second")
    assert (first.name, first.version) == (again.name, again.version) == ("EURUSD_ARIMA", 1)
    assert {"rmse": "0.0051", "model_type": "ARIMA"}.items() <= again.tags.items()
    assert store.client.get_model_version("EURUSD_ARIMA", "1").description == "the first"
    assert store.register(store.log_run(make_result("ARIMA"), context)).version == 2  # no number was spent in between
    assert store.client.get_registered_model("EURUSD_ARIMA").description == "ARIMA of EUR/USD"


def test_of_two_that_set_the_same_tag_at_once_none_fails(store, three, monkeypatch):
    """A tag that somebody else inserts between our look and our write is written all the same."""
    from mlflow.exceptions import MlflowException

    version, setting = three[0], type(store.client).set_model_version_tag
    refusals = iter([MlflowException("UNIQUE constraint failed: model_version_tags")])

    def overtaken(client, name, number, key, value):
        setting(client, name, number, key, "somebody else's")
        for refusal in refusals:
            raise refusal
        setting(client, name, number, key, value)

    monkeypatch.setattr(type(store.client), "set_model_version_tag", overtaken)
    store.tag(version, {"verdict": "held"})
    found = next(item for item in store.versions() if item.pinned_uri == version.pinned_uri)
    assert found.tags["verdict"] == "held"


def test_a_model_whose_files_are_gone_is_known(store, three):
    """By its version, its alias and its own address; what was never there has no files either."""
    store.client.set_registered_model_alias("EURUSD_ARIMA", "champion", "1")
    logged = store.client.get_run(three[1].run_id).data.tags["model_uri"]
    uris = ("models:/EURUSD_ARIMA/1", "models:/EURUSD_ARIMA@champion", logged)
    assert [store.has_model(uri) for uri in uris] == [True] * 3
    shutil.rmtree(store.fetch(logged))
    assert [store.has_model(uri) for uri in uris] == [False] * 3
    assert not store.has_model("models:/EURUSD_ARIMA/7")
    assert store.has_model("models:/EURUSD_LSTM/1")


def test_the_guides_address_of_a_runs_model_loads(store, make_result, context, monkeypatch):
    """`runs:/<run id>/model`, as the guide's scripts name it, is the model that the run recorded."""
    import mlflow

    run = store.log_run(make_result("LSTM"), context)
    monkeypatch.setattr(mlflow.tracking._tracking_service.utils, "_tracking_uri", store.client.tracking_uri)
    X = example_rows(context.table)
    loaded = mlflow.pyfunc.load_model(f"runs:/{run.run_id}/model")
    np.testing.assert_allclose(loaded.predict(X), store.load(run.model_uri).predict(X))


def test_two_that_log_the_same_dataset_at_once_both_succeed(store, make_result, context, monkeypatch):
    """The row that somebody else inserts between our look and our write is found the second time."""
    from mlflow.exceptions import MlflowException

    logging = type(store.client).log_inputs
    refusals = iter([MlflowException("UNIQUE constraint failed: datasets.experiment_id, datasets.name")])

    def overtaken(*args, **kwargs):
        for refusal in refusals:
            raise refusal
        logging(*args, **kwargs)

    monkeypatch.setattr(type(store.client), "log_inputs", overtaken)
    run = store.log_run(make_result("ARIMA"), context)
    assert len(store.client.get_run(run.run_id).inputs.dataset_inputs) == 1


def test_what_the_caller_has_open_stays_as_it_was(store, make_result, context, workdir):
    """An active run, an address and autologging of the caller see nothing of ours, nor ours of them."""
    import mlflow
    from mlflow.utils.autologging_utils import AUTOLOGGING_INTEGRATIONS

    theirs = f"sqlite:///{store.connection.address.removeprefix('sqlite:///')}.theirs"
    shutil.copyfile(store.connection.address.removeprefix("sqlite:///"), theirs.removeprefix("sqlite:///"))
    mlflow.set_tracking_uri(theirs)
    mlflow.sklearn.autolog()
    try:
        with mlflow.start_run() as run, isolated({}):
            logged = store.log_run(make_result("ARIMA"), context)
            store.load(logged.model_uri)
            assert mlflow.active_run().info.run_id == run.info.run_id
        assert mlflow.get_tracking_uri() == theirs
        assert not AUTOLOGGING_INTEGRATIONS["sklearn"]["disable"]
        (kept,) = mlflow.MlflowClient(theirs).search_runs(["0"])
        assert (kept.data.metrics, kept.data.params, kept.outputs.model_outputs) == ({}, {}, [])
        assert mlflow.MlflowClient(theirs).search_logged_models(["0"]) == []
    finally:
        mlflow.sklearn.autolog(disable=True)
        mlflow.set_tracking_uri(None)


def test_titles_are_kept_in_order_and_once(store, three):
    """Each change of champion is recorded with its predecessor, and no change is no entry."""
    for winner in (three[0], three[0], three[2], three[0]):
        store.record_title(winner, why="lowest RMSE", verdict="promoted", data_version=None)
    history = [(title.name, title.previous) for title in store.titles()]
    assert history == [
        ("EURUSD_LinearRegression", ""),
        ("EURUSD_LSTM", "models:/EURUSD_LinearRegression/1"),
        ("EURUSD_LinearRegression", "models:/EURUSD_LSTM/1"),
    ]


def test_reading_an_empty_directory_creates_nothing(workdir):
    """Asking for a champion where there is none leaves no database behind."""
    store = MlflowStore(Settings())
    assert store.versions() == store.holders() == store.titles() == store.completed_runs("v", "w") == []
    with pytest.raises(MissingError):
        store.champion()
    assert list(workdir.iterdir()) == []


def test_a_deleted_experiment_is_named(store):
    """A deleted experiment is one clear line, not a crash."""
    store.client.delete_experiment(store.prepare())
    with pytest.raises(RegistryError, match="EURUSD_Experiments is deleted"):
        store.prepare()


def test_a_file_that_is_no_database_fails_at_once(workdir):
    """A damaged file is named, without minutes of retries."""
    (workdir / "mlflow.db").write_text("not a database, and long enough to be taken for one" * 10)
    with pytest.raises(RegistryError, match=r"sqlite:///mlflow\.db: file is not a database"):
        MlflowStore(Settings()).prepare()


@pytest.mark.parametrize("survivors", [0, 1], ids=["nothing is left", "a half made file is left"])
def test_a_schema_that_is_made_half_is_never_in_place(workdir, settings, monkeypatch, survivors):
    """Whoever ends the first start between two steps of the migration leaves nothing that the next start trips over."""
    from mlflow.store.tracking import sqlalchemy_store

    fresh = settings.model_copy(update={"tracking_uri": "sqlite:///new/fresh.db"})
    making = sqlalchemy_store.SqlAlchemyStore.__init__

    def interrupted(self, uri, *others):
        making(self, uri, *others)
        self.engine.dispose()
        if survivors:  # as SIGKILL leaves it
            Path("new/.fresh.db.0123.tmp").write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sqlalchemy_store.SqlAlchemyStore, "__init__", interrupted)
        with pytest.raises(KeyboardInterrupt):
            MlflowStore(fresh).prepare()
    assert not Path("new/fresh.db").exists() or not Path("new/fresh.db").stat().st_size
    assert MlflowStore(fresh).prepare() == "1"
    assert [path.name for path in Path("new").glob(".*")] == []


def test_the_commit_of_the_code_is_recorded(store, make_result, context, monkeypatch):
    """The run says which commit of Podium made it, under the name that the issue of a run asks for and MLflow's own."""
    monkeypatch.setattr("podium.registry.recorder.source_commit", lambda: "c0ffee")
    tags = store.client.get_run(store.log_run(make_result("ARIMA"), context).run_id).data.tags
    assert (tags["git_commit"], tags["mlflow.source.git.commit"]) == ("c0ffee", "c0ffee")
    monkeypatch.setattr("podium.registry.recorder.source_commit", lambda: "")
    tags = store.client.get_run(store.log_run(make_result("LSTM"), context).run_id).data.tags
    assert "git_commit" not in tags


def test_the_commit_is_that_of_the_checkout():
    """Forty hexadecimal digits where this package is under version control, and nothing elsewhere."""
    from podium.registry.recorder import source_commit

    assert re.fullmatch(r"([0-9a-f]{40})?", source_commit())


def test_a_missing_version_is_one_line(store, three):
    """What MLflow says of an unknown address becomes one line of Podium's."""
    with pytest.raises(RegistryError, match="cannot fetch models:/EURUSD_LSTM/9") as caught:
        store.load("models:/EURUSD_LSTM/9")
    assert "\n" not in str(caught.value)


def test_passwords_stay_out_of_what_is_recorded(store, make_result, context, monkeypatch):
    """A password in a setting, a description or a tag is starred before it is written."""
    address = "postgresql://me:s3cretword@db.example.com/mlflow"
    result = make_result("ARIMA", params={"source": address})
    store.settings = store.settings.model_copy(update={"developer": address})
    run = store.log_run(result, context)
    version = store.register(run, f"from {address}", f"at {address}")
    everything = json.dumps(
        [
            store.client.get_run(run.run_id).to_dictionary(),
            version.tags | {},
            store.client.get_model_version(version.name, "1").description,
            store.client.get_registered_model(version.name).description,
        ]
    )
    assert "me:***@db.example.com" in everything
    assert "s3cretword" not in everything


def test_the_experiment_keeps_its_artifacts_where_it_is_told(settings, workdir, make_result, context):
    """`artifact_location` decides where a new experiment puts its files."""
    place = workdir / "elsewhere"
    store = MlflowStore(settings.model_copy(update={"artifact_location": place.as_uri()}))
    store.log_run(make_result("ARIMA"), context)
    assert list(place.rglob("forecasts.parquet"))


def test_the_global_addresses_of_mlflow_are_left_alone(store, make_result, context):
    """A program that uses MLflow for something else keeps its own tracking address."""
    import mlflow

    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    run: RunRecord = store.log_run(make_result("ARIMA"), context)
    store.load(store.register(run).pinned_uri)
    assert (mlflow.get_tracking_uri(), mlflow.get_registry_uri()) == before
    assert not Path("mlflow.db").exists()


def test_the_newest_version_is_found_without_reading_all(store, context, make_result):
    """Of each model the newest that comes from none of some runs; a version by its address; who leads, by pair."""
    runs = [store.log_run(make_result("LSTM", rmse), context) for rmse in (0.005, 0.004, 0.003)]
    first, second, third = (store.register(run) for run in runs)
    (arima,) = [store.register(store.log_run(make_result("ARIMA"), context))]
    assert [found.pinned_uri for found in store.newest()] == [arima.pinned_uri, third.pinned_uri]
    assert [found.pinned_uri for found in store.newest({third.run_id, arima.run_id})] == [second.pinned_uri]
    assert store.newest({run.run_id for run in runs} | {arima.run_id}) == []
    store.assign("EURUSD", {"champion": first})
    assert store.version(first.pinned_uri).aliases == {"champion"}
    for absent in ("models:/EURUSD_LSTM/4", "models:/EURUSD_Oracle/1", "models:/GBPJPY_LSTM/1"):
        assert store.version(absent) is None
    assert {pair: found.pinned_uri for pair, found in store.champions().items()} == {"EURUSD": first.pinned_uri}
