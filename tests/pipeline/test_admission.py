"""Whoever is not shipped with Podium is checked before its run is recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import ClassVar

import numpy as np
import pytest

from podium.errors import AdmissionError
from podium.models import roster
from podium.models.estimator import AffineModel
from podium.models.linear import LinearRegressionContestant
from podium.pipeline import recipe


class NextDays(AffineModel):
    """Reads tomorrow's return off the next row of the batch."""

    def predict(self, X):
        return np.append(X["lag_0"].to_numpy()[1:], 0.0)


class Column(AffineModel):
    """Answers with a column where numbers are wanted."""

    def predict(self, X):
        return super().predict(X)[:, np.newaxis]


class Crash(AffineModel):
    """Cannot forecast."""

    def predict(self, X):
        raise KeyError("no such\ncolumn")


@dataclass(frozen=True)
class Guest(LinearRegressionContestant):
    """Least squares by somebody else."""

    family: ClassVar[str] = "Guest"
    model: ClassVar[type[AffineModel]] = AffineModel

    def fit(self, X, y):
        return self.model(super().fit(X, y).estimator)


@pytest.fixture
def invite(arena, rates, monkeypatch) -> Callable[[type[AffineModel]], object]:
    """`invite(model)`: an arena in which a guest with such a model is the only contestant."""

    def go(model):
        monkeypatch.setattr(Guest, "model", model)
        monkeypatch.setattr(EntryPoint, "load", lambda _: Guest)
        for module in (roster, recipe):
            monkeypatch.setattr(module, "known", lambda: {"Guest": EntryPoint("Guest", "guest:Guest", roster.GROUP)})
        return arena.using(contestants=("Guest",), options={}).days(rates)

    return go


@pytest.mark.parametrize(
    ("model", "line"),
    [
        (NextDays, "Guest is not admitted, check no_look_ahead: forecasts changed when later days were changed"),
        (Column, "Guest is not admitted, check forecasts_are_finite: 60 rows gave float64 of shape (60, 1)"),
        (Crash, "Guest is not admitted, check forecasts_are_finite: it raised KeyError: 'no such"),
    ],
)
def test_a_guest_that_fails_a_check_leaves_no_run(invite, model, line):
    """One line with contestant, check and reason, before anything is recorded."""
    arena = invite(model)
    with pytest.raises(AdmissionError) as caught:
        arena.train()
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)
    experiment = arena.client.get_experiment_by_name("EURUSD_Experiments")
    assert experiment is None or arena.client.search_runs([experiment.experiment_id]) == []


def test_a_guest_that_passes_is_recorded(invite):
    """An honest one takes part."""
    (run,) = invite(AffineModel).train()
    assert run.family == "Guest"
