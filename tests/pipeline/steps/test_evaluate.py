"""Evaluation: the ranking of what was trained, and nothing twice."""

from __future__ import annotations

import numpy as np
import pytest

from podium.errors import MissingError
from podium.evaluate.baselines import PERSISTENCE, RANDOM_WALK
from podium.evaluate.walkforward import scored_rows
from podium.pipeline.contest import evaluate
from podium.pipeline.prepare import load_table
from podium.pipeline.train import train_one
from podium.registry.pointer import FILE_NAME


def state(trained):
    """Every version with its aliases, every title, and the pointer's bytes."""
    family = {(item.name, item.version, item.run_id): item.aliases for item in trained.store.versions()}
    return family, trained.store.titles(), (trained.settings.models_dir / FILE_NAME).read_bytes()


def test_nobody_trained_names_the_step(ready):
    """Without a completed run there is no championship, and no pointer."""
    with pytest.raises(MissingError, match=r"no contestant has been trained on ecb-EURUSD-.*; run `podium train`"):
        evaluate(ready)
    assert not (ready.models_dir / FILE_NAME).exists()


def test_the_lowest_rmse_leads(trained):
    """The ranking is in order of RMSE, the first two aliases are held by the first two, and the champion loads."""
    decided = evaluate(trained.settings)
    ordered = sorted(trained.runs, key=lambda run: run.rmse)
    assert [row.family for row in decided.ranking] == [run.family for run in ordered]
    assert [row.alias for row in decided.ranking] == ["champion", "challenger"]
    champion = trained.store.champion()
    assert (champion.family, champion.run_id) == (ordered[0].family, ordered[0].run_id)


def test_the_baselines_are_those_of_the_scored_days(trained):
    """Both baselines are computed on exactly the days on which the contestants were scored."""
    table = load_table(trained.settings)
    days = scored_rows(table, trained.settings.n_lags, trained.settings.test_fraction)
    scored = days.rows
    actual, found = table.target[scored], evaluate(trained.settings).baselines
    for name, forecast in ((PERSISTENCE, table.values[scored, 0]), (RANDOM_WALK, 0.0)):
        assert found[name]["rmse"] == pytest.approx(np.sqrt(np.mean((actual - forecast) ** 2)))


def test_evaluating_again_changes_nothing(trained):
    """A second evaluation makes no version, moves no alias, enters no title and leaves the pointer's bytes alone."""
    first = evaluate(trained.settings)
    before = state(trained)
    second = evaluate(trained.settings)
    assert state(trained) == before
    assert [row.family for row in second.ranking] == [row.family for row in first.ranking]


def test_a_repeated_training_changes_nothing(trained):
    """A run that repeats another to the bit makes no version and takes no title: the older one stays the best."""
    evaluate(trained.settings)
    before = state(trained)
    train_one(trained.store, "LinearRegression")
    evaluate(trained.settings)
    assert state(trained) == before
