"""GradientBoosting: trees that find what is not linear, and load as data."""

from __future__ import annotations

import numpy as np
import pytest
from mlflow.models import Model as MlflowModel

from podium.features import frame
from podium.models.boosting import GradientBoostingContestant
from podium.registry.log_items import example_rows
from podium.registry.packing import pack
from podium.registry.trust import refuse_code


def test_it_finds_what_is_not_linear(recent):
    """It learns a return that depends on the size of the last one alone."""
    X = frame(recent)
    size = X["lag_0"].abs().to_numpy()
    y = np.where(size > np.median(size), 0.01, -0.01)
    errors = np.abs(GradientBoostingContestant(trees=200).fit(X, y).predict(X) - y)
    assert np.median(errors) < 0.001


def test_it_is_data_to_whoever_loads_it(recent, tmp_path):
    """Saved as it is for the registry it needs no trust in code: the types are scikit-learn's own."""
    X = frame(recent)
    fitted = GradientBoostingContestant(trees=3).fit(X[:-1], recent.target[:-1])
    pack(fitted, example_rows(recent), tmp_path / "model", MlflowModel())
    refuse_code(tmp_path / "model", "EURUSD_GradientBoosting", ())


@pytest.mark.parametrize("option", [{"leaves": 2}, {"trees": 7}])
def test_its_options_shape_the_trees(recent, option):
    """How many trees and leaves there are is what the options say."""
    X = frame(recent)
    trees = GradientBoostingContestant(**option).fit(X[:-1], recent.target[:-1]).estimator
    assert trees.n_iter_ == option.get("trees", 50)
    assert trees.max_leaf_nodes == option.get("leaves", 4)
