"""Who is compared with whom, and in what order they stand."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from podium.evaluate.ranking import best_per_family, comparable, rank
from podium.records import ALIASES, DataVersion, RunRecord, ScoredDays

N_LAGS = ScoredDays(np.datetime64("2021-04-01"), np.datetime64("2026-10-29"), 1425)
CALM = ScoredDays(np.datetime64("2019-01-02"), np.datetime64("2019-12-30"), 255)
VERSION = DataVersion("ecb", "EURUSD", np.datetime64("2026-10-30"), "3f2a9c1b")


def run(family="LSTM", rmse=0.005, run_id="a", started_at=0, **tags):
    """A completed run on the common window, unless its tags say otherwise."""
    tags = {"status": "completed", "data_version": str(VERSION), "scored_days": str(N_LAGS)} | tags
    return RunRecord(run_id, family, f"models:/m-{run_id}", {"rmse": rmse}, tags, started_at)


def test_a_calm_years_score_never_wins():
    """The best RMSE ever logged, on other days, is not compared."""
    calm = run(rmse=0.0032, run_id="calm", scored_days=str(CALM))
    ours = run(rmse=0.0047)
    assert comparable([calm, ours], VERSION, N_LAGS) == [ours]


@pytest.mark.parametrize(
    "tags",
    [
        {"data_version": "ecb-EURUSD-2026-10-29-00000000"},
        {"scored_days": "2021-04-01..2026-10-29:1424"},
        {"status": "running"},
        {"status": "failed"},
        {"status": ""},
    ],
)
def test_another_series_another_window_or_an_unfinished_run_is_left_out(tags):
    """One tag that differs is enough."""
    assert comparable([run(rmse=0.001, **tags)], VERSION, N_LAGS) == []


def test_a_run_without_tags_is_left_out():
    """A run that another program logged into the experiment does not take part."""
    assert comparable([RunRecord("x", "LSTM", "models:/m-x", {"rmse": 0.001}, {}, 0)], VERSION, N_LAGS) == []


def test_each_type_sends_its_best():
    """One run a type: the lowest RMSE."""
    runs = [run(rmse=0.006, run_id="a"), run(rmse=0.005, run_id="b"), run("ARIMA", 0.0055, run_id="c")]
    assert {(best.family, best.run_id) for best in best_per_family(runs)} == {("LSTM", "b"), ("ARIMA", "c")}


def test_a_repeated_run_changes_nothing():
    """Of equal runs of a type the oldest stays its best, in whatever order the store answers."""
    twins = [run(run_id=name, started_at=at) for at, name in enumerate("abc")]
    assert all(best_per_family(order)[0].run_id == "a" for order in permutations(twins))


def test_the_order_is_by_rmse_then_time_then_name():
    """The ranking is total: any order of the same runs gives the same places."""
    runs = [
        run("ARIMA", 0.0050, "first", 5),
        run("LSTM", 0.0051, "older", 1),
        run("ARIMA", 0.0051, "a", 2),
        run("LSTM", 0.0051, "b", 2),
        run("LSTM", 0.0051, "c", 2),
    ]
    expected = [entry.run_id for entry in runs]
    assert all([entry.run_id for entry in rank(order)] == expected for order in permutations(runs))


def test_the_aliases_are_the_guides():
    """First, second and third have the guide's names."""
    assert ALIASES == ("champion", "challenger", "candidate")


def test_the_windows_text_tells_the_days():
    """The tag that must agree names first day, last day and count."""
    assert str(N_LAGS) == "2021-04-01..2026-10-29:1425"
