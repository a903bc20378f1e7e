"""Many pairs in one pool: what is done when, what a failure stops, what a machine without our disk needs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from podium.data.store import save_series
from podium.errors import MissingError, SettingError, WorkerError
from podium.pipeline import pairs as room
from podium.pipeline import tasks
from podium.pipeline.pairs import for_each, named
from podium.pipeline.prepare import series_path
from podium.pipeline.tasks import Asked, Done
from podium.pipeline.walk_cache import walk_path
from podium.records import Series
from podium.registry.mlflow_store import MlflowStore
from podium.runners.local import Here

PAIRS = ["EURUSD", "GBPJPY"]


@pytest.fixture
def two(arena):
    """Settings for linear regression and ARIMA; rates of two pairs are stored, each a random walk of 420 days."""
    settings = arena.settings.model_copy(update={"refit_every": 0})
    days = np.busday_offset("2024-01-01", np.arange(420), roll="forward").astype("datetime64[D]")
    for seed, pair in enumerate(PAIRS):
        closes = 1.1 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.005, 420)))
        save_series(Series(pair, days, closes, "test"), series_path(settings.model_copy(update={"pair": pair})))
    return settings


@pytest.fixture
def begun(monkeypatch):
    """Which steps of which pairs were begun, in order; none of them does anything."""
    found: list[str] = []

    def step(settings, task):
        found.append(" ".join(filter(None, [settings.pair, task.step, task.family])))
        return Done()

    monkeypatch.setattr(tasks, "STEPS", dict.fromkeys(tasks.STEPS, step))
    return found


def test_many_pairs_are_held_in_one_pool(two):
    """Each has its podium and its forecast; one that the source does not quote is told with its reason."""
    told = []
    trained = for_each(two, [*PAIRS, "EURXXX"], Asked("train"), lambda result: told.append(result.pair))
    assert [result.new for result in trained] == [2, 2, 0]
    assert "does not quote XXX" in trained[2].failed
    assert (trained[2].exit_code, sorted(told)) == (2, sorted([*PAIRS, "EURXXX"]))
    judged = for_each(two, PAIRS, Asked("evaluate"))
    for result in judged:
        champion = MlflowStore(two).champion(result.pair)
        assert result.failed is None
        assert (result.last.before, result.last.champion, result.changed) == (None, champion, "first title")
        assert result.last.next_day.model_name == champion.name
        assert result.last.verdict == "unproven"
        assert (two.models_dir / f"best_model_info.{result.pair}.json").exists()


def test_one_table_and_one_page_tell_how_many_pairs_stand(two, tmp_path):
    """Who leads since when and what comes next, whether rates are here or not; the page leads to each report."""
    two = two.model_copy(update={"workers": 1})
    for verb in ("train", "evaluate"):
        for_each(two, PAIRS, Asked(verb))
    assert named("all", two, crowned=True) == PAIRS
    assert named("majors", two, crowned=True) == ["EURUSD"]
    told = for_each(two, [*PAIRS, "EURGBP"], Asked("status"))
    today = str(np.datetime64("now", "D"))
    assert [result.changed for result in told[:2]] == [today, today]
    assert told[0].last.next_day.pair == "EURUSD"
    assert "no version of EURGBP_* holds @champion" in told[2].failed
    series_path(two.model_copy(update={"pair": "EURUSD"})).unlink()
    bare, _ = for_each(two, PAIRS, Asked("status"))
    assert (bare.failed, bare.last.verdict, bare.cells["next day, 80%"]) == (None, "unproven", "-")
    for_each(two, [*PAIRS, "EURGBP"], Asked("report", folder=tmp_path))
    page = (tmp_path / "index.html").read_text()
    assert [f'<a href="{pair}.html">' in page for pair in (*PAIRS, "EURGBP")] == [True, True, False]
    assert "EURGBP has no report: no version of EURGBP_* holds @champion" in page
    assert all((tmp_path / f"{pair}.html").exists() for pair in PAIRS)


def test_groups_without_a_champion_say_what_helps(two):
    """Rather than that none of no pairs failed."""
    with pytest.raises(MissingError, match="podium run --pairs majors"):
        named("majors", two, crowned=True)


def test_again_with_nothing_new_does_nothing(two):
    """Every contestant is skipped, and the champions stay."""
    for verb in ("train", "evaluate"):
        for_each(two, PAIRS, Asked(verb))
    again = [result for verb in ("train", "evaluate") for result in for_each(two, PAIRS, Asked(verb))]
    assert [(result.new, result.changed) for result in again] == [(0, "nothing")] * 4


def test_a_pair_is_finished_before_the_next_is_begun(two, begun, monkeypatch):
    """What all contestants share comes first, the judgement when the last is done; rates are fetched in turn."""
    monkeypatch.setattr(room, "_rates", lambda settings, verb: begun.append(f"{settings.pair} rates") or ())
    for_each(two, PAIRS, Asked("run"))
    steps = ["rates", "walk", "train LinearRegression", "train ARIMA", "evaluate"]
    assert sorted(begun[2:4]) == sorted(f"EURUSD {step}" for step in steps[2:4])
    begun[2:4] = begun[7:9] = ["x", "x"]
    kept = [step if "train" not in step else "x" for step in steps]
    assert begun == [step if step == "x" else f"{pair} {step}" for pair in PAIRS for step in kept]


@pytest.mark.parametrize("family", ["LinearRegression", "ARIMA"])
def test_a_contestant_that_fails_stops_only_its_pair(two, begun, monkeypatch, family):
    """Whatever it raises is told; the pair is not judged, and the other one is."""
    steps = dict(tasks.STEPS)

    def fail(settings, task):
        if (settings.pair, task.family) == ("EURUSD", family):
            raise ZeroDivisionError("no luck")
        return steps["train"](settings, task)

    monkeypatch.setattr(tasks, "STEPS", {**steps, "train": fail})
    monkeypatch.setattr(room, "_rates", lambda settings, verb: ())
    first, second = for_each(two, PAIRS, Asked("run"))
    assert (first.failed, first.exit_code, second.failed) == ("ZeroDivisionError: no luck", 1, None)
    assert [step for step in begun if "evaluate" in step] == ["GBPJPY evaluate"]


def test_another_machine_needs_nothing_of_this_disk(two, monkeypatch):
    """A task carries its files, and works in folders of its own; walk and pointer come back; the state is the same."""
    seen = set()
    real = tasks._evaluate

    def evaluate(settings, task):
        seen.add((settings.data_dir, settings.models_dir))
        return real(settings, task)

    monkeypatch.setattr(tasks, "STEPS", {**tasks.STEPS, "evaluate": evaluate})
    monkeypatch.setattr(room, "_cluster", lambda settings: Here())
    away = two.model_copy(update={"engine": "ray"})
    for verb in ("train", "evaluate"):
        (result,) = for_each(away, ["EURUSD"], Asked(verb))
        assert result.failed is None
        assert walk_path(away).exists()
    assert (two.models_dir / "best_model_info.EURUSD.json").exists()
    ((data_dir, models_dir),) = seen
    assert data_dir != two.data_dir
    assert not Path(models_dir).exists()
    (here,) = for_each(two, ["EURUSD"], Asked("evaluate"))
    assert (here.changed, here.last.next_day) == ("nothing", result.last.next_day)


def test_a_file_of_this_machine_is_no_store_for_others(two):
    """Contestants on other machines could not record anything in it; that is said before any work."""
    with pytest.raises(SettingError, match="tracking_uri is a file of this machine"):
        for_each(two.model_copy(update={"engine": "ray"}), PAIRS, Asked("train"))


def test_machines_that_differ_are_refused(two):
    """What one has and the other has not is named, on both sides; the machine's own name is no difference."""
    here = tasks.versions()
    task = tasks.Task(two, Asked("train"), "walk", versions={**here, "machine": "asking"})
    tasks.must_agree(task.versions, here)
    other = {**task.versions, "numpy": "1.0"}
    with pytest.raises(WorkerError, match=rf"numpy {here['numpy']}, not 1\.0 as asking has"):
        tasks.perform(dataclasses.replace(task, versions=other))
    assert {"Python", "podium", "numpy", "scikit-learn"} <= here.keys()


@pytest.mark.parametrize(
    ("text", "n_pairs", "some"),
    [
        ("all", 29, "EURZAR"),
        ("majors", 7, "USDJPY"),
        ("crosses", 435, "GBPJPY"),
        ("eur/usd,GBPJPY,EURUSD", 2, "EURUSD"),
    ],
)
def test_pairs_have_names(text, n_pairs, some, settings):
    """The euro in all live currencies, the majors, every cross as the market names it, or a list, each once."""
    found = named(text, settings)
    assert (len(found), len(set(found)), some in found) == (n_pairs, n_pairs, True)


@pytest.mark.parametrize("text", ["EUR", "EURUSD,", "EURUSD;GBPJPY", "ALL"])
def test_what_is_no_pair_is_named(text, settings):
    """With what may be given."""
    with pytest.raises(SettingError, match="all, majors or crosses"):
        named(text, settings)
