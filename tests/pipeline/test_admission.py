"""Who is not known to have passed is tried before its run is recorded, where it cannot look up the rates."""

from __future__ import annotations

import dataclasses
import importlib
import os
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from podium.data.fetch import fetch_series
from podium.data.store import load_series
from podium.errors import AdmissionError
from podium.models import roster
from podium.models.linear import LinearRegressionContestant
from podium.models.roster import arguments, contestant_class, enter
from podium.pipeline import admission, recipe
from podium.pipeline.prepare import load_table, series_path
from podium.settings import Settings

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def planted(monkeypatch) -> ModuleType:
    """The benchmark's contestants, by the name under which the process of a trial finds them."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(BENCHMARKS), os.environ.get("PYTHONPATH", ""))))
    yield importlib.import_module("planted_leaks")
    del sys.modules["planted_leaks"]


@pytest.fixture
def invite(arena, rates, planted, monkeypatch) -> Callable[[str], object]:
    """`invite(leak)`: an arena in which a contestant with such a leak is the only one."""

    def go(leak):
        monkeypatch.setenv(planted.PLACE, str(Path.cwd()))
        monkeypatch.setattr(EntryPoint, "load", lambda _: planted.Planted)
        for module in (roster, recipe):
            monkeypatch.setattr(module, "known", lambda: {"Planted": EntryPoint("Planted", "x:Planted", roster.GROUP)})
        return arena.using(contestants=("Planted",), options={"Planted": {"leak": leak}}).days(rates)

    return go


@pytest.mark.parametrize(
    ("leak", "line"),
    [
        ("reads the next row", "Planted is not admitted, check no_look_ahead: forecasts changed when later days"),
        ("opens an absolute path", "Planted is not admitted, check rates_unseen: it opens /"),
        ("asks Podium for the series", "Planted is not admitted, check perturbation: forecasts up to 2026-09-17 moved"),
    ],
)
def test_a_guest_that_looks_ahead_leaves_no_run(invite, leak, line):
    """One line with contestant, check and reason, before anything is recorded."""
    arena = invite(leak)
    with pytest.raises(AdmissionError) as caught:
        arena.train()
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)
    experiment = arena.client.get_experiment_by_name("EURUSD_Experiments")
    assert experiment is None or arena.client.search_runs([experiment.experiment_id]) == []


def test_an_honest_guest_is_tried_once(invite, monkeypatch):
    """It takes part, and the same recipe is not tried again; another one is."""
    arena = invite("")
    (run,) = arena.train()
    assert run.family == "Planted"
    tries = []
    monkeypatch.setattr(admission, "trial", lambda *given: tries.append(given) or "")
    table, series = load_table(arena.settings), load_series(series_path(arena.settings))
    admission.admit(arena.settings, enter("Planted", arena.settings), series, table)
    assert tries == []
    other = arena.using(options={"Planted": {"share": 0.5}}).settings
    admission.admit(other, enter("Planted", other), series, table)
    assert len(tries) == 1


def test_the_record_of_trials_is_of_this_code():
    """All contestants that ship passed as they are now; `python scripts/try_contestants.py` tries them again."""
    recorded = dict(line.split()[::-1] for line in admission.RECORD.read_text().splitlines())
    assert recorded == {family: recipe.code_digest(roster.contestant_class(family)) for family in roster.known()}


def test_who_ships_is_tried_like_anybody(arena, rates, monkeypatch, tmp_path):
    """Code that no record knows is tried, whoever wrote it."""
    tries = []
    monkeypatch.setattr(admission, "trial", lambda *given: tries.append(given) or "")
    arena.days(rates)
    settings = arena.settings
    given = settings, enter("LinearRegression", settings), load_series(series_path(settings)), load_table(settings)
    admission.admit(*given)
    assert tries == []
    empty = tmp_path / "tried.txt"
    empty.touch()
    monkeypatch.setattr(admission, "RECORD", empty)
    admission.admit(*given)
    admission.admit(*given)
    assert len(tries) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="forks, and the guard against libraries in C is Linux's")
def test_every_planted_leak_is_refused(planted, tmp_path):
    """All 30 are, those with an R² of 0.2 % too, and the honest contestant that they are made of is not."""
    said = planted.what_is_said(tmp_path, 400)
    assert len(said) == 31
    assert said.pop("an honest one") == ""
    assert [name for name, fault in said.items() if not fault] == []
    assert {fault.split(":")[0] for fault in said.values()} >= {"check perturbation", "check rates_unseen"}


@pytest.mark.parametrize("pair", ["EURUSD", "EURTRY"])
def test_nobody_that_ships_moves_with_the_future(pair, tmp_path):
    """The rates after a day are changed, and no feature, fit, tuning or forecast up to it moves."""
    settings = Settings(pair=pair, data_dir=tmp_path)
    series = fetch_series(settings).series
    for family in ("LinearRegression", "ARIMA"):
        _, given, _ = admission.task(settings, contestant_class(family), arguments(family, settings), series)
        assert admission.moves_with_the_future(settings, given) == ""


def test_features_that_move_with_the_future_are_told(monkeypatch, tmp_path):
    """Where the features themselves knew a later day, that is said, whatever the contestant makes of them."""
    settings = Settings(pair="EURUSD", data_dir=tmp_path)
    _, given, _ = admission.task(
        settings, LinearRegressionContestant, arguments("LinearRegression", settings), fetch_series(settings).series
    )
    honest = admission.preprocess

    def two_days_ahead(settings):
        table = honest(settings)
        values = table.values.copy()
        values[:-1, 0] = np.nan_to_num(table.target[1:])
        return dataclasses.replace(table, values=values)

    monkeypatch.setattr(admission, "preprocess", two_days_ahead)
    assert admission.moves_with_the_future(settings, given).startswith("check perturbation: features up to ")


def test_a_class_that_cannot_travel_is_refused_in_one_line(arena, rates):
    """A contestant written inside a function is told where to write it, not Python's word for it."""

    class Inside(LinearRegressionContestant):
        pass

    with pytest.raises(AdmissionError, match="define its class at the top of a module"):
        admission.task(arena.settings, Inside, {"n_lags": 32}, rates)
