"""In what order runs stand, and which of a family stands for it."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from podium.evaluate.ranking import best_per_family, rank
from podium.records import ALIASES, RunRecord, ScoredDays


def run(family="LSTM", rmse=0.005, run_id="a", started_at=0):
    """A completed run."""
    return RunRecord(run_id, family, f"models:/m-{run_id}", {"rmse": rmse}, {}, started_at)


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
    days = ScoredDays(np.datetime64("2021-04-01"), np.datetime64("2026-10-29"), 1425)
    assert str(days) == "2021-04-01..2026-10-29:1425"
