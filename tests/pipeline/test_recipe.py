"""What makes two runs the same recipe."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest

from podium.models.roster import contestant_class
from podium.pipeline.recipe import _code, _libraries, as_trained, tries
from podium.records import RunRecord
from podium.registry.attempts import Attempt
from podium.settings import Settings


@pytest.fixture
def plug_in(tmp_path, monkeypatch):
    """A package of somebody's with a class in one module and a constant in another."""
    package = tmp_path / "somebodys_contestants"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "weights.py").write_text("WEIGHT = 0.1\n")
    (package / "mine.py").write_text("class Mine: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield package
    for name in [name for name in sys.modules if name.startswith(package.name)]:
        del sys.modules[name]


def test_an_edited_constant_in_a_plug_in_is_another_recipe(plug_in):
    """The digest covers every file of the package that brings the class, code or table, and no byte code."""
    mine = import_module(f"{plug_in.name}.mine").Mine
    seen = {_code(mine)}
    (plug_in / "__pycache__" / "mine.pyc").write_bytes(b"other")
    assert {_code(mine)} == seen
    for name, content in (("weights.py", "WEIGHT = 0.2\n"), ("weights.json", "[0.2]"), ("weights.json", "[0.3]")):
        (plug_in / name).write_text(content)
        seen.add(_code(mine))
    assert len(seen) == 4


def test_a_recipe_of_the_first_release_is_read():
    """What release 0.1.0 called `window`, and the option that it called `n_lags`, go by their names of now."""
    wrote = b'{"window": 16, "seed": 7, "refit_every": 252, "test_fraction": 0.3, "options": {"n_lags": 8}}'
    found = as_trained(Settings(), "LinearRegression", wrote)
    assert (found.n_lags, found.seed, found.test_fraction) == (16, 7, 0.3)
    assert found.options["LinearRegression"] == {"lags_used": 8}


def test_shipped_contestants_are_their_rooms_and_their_libraries():
    """Code and versions of those that ship are known, and no server or web library is among them."""
    assert len({_code(contestant_class(family)) for family in ("ARIMA", "LinearRegression")}) == 1
    named = {line.split()[0] for line in _libraries("ARIMA")}
    assert {"numpy", "statsmodels"} <= named
    assert not named & {"mlflow", "starlette", "sqlalchemy"}


def test_other_errors_under_one_recipe_are_other_tries():
    """Of runs of the same days, equal errors are one try and others another; a run without a recipe is its own.

    A recipe whose record began anew is the try that it was then.
    """

    def run(run_id, rmse, **tags):
        return RunRecord(run_id, "ARIMA", "models:/m-1", {"rmse": rmse}, tags, started_at=int(run_id))

    runs = [run("3", 0.2, recipe="x"), run("1", 0.1, recipe="x"), run("2", 0.1, recipe="x"), run("4", 0.1)]
    assert tries(runs) == {"1": "x", "2": "x", "3": "x.2", "4": "4"}
    known = [
        Attempt("x", "EURUSD_ARIMA", "2026-01-05", 0.5),
        Attempt("x since 2026-02-02", "EURUSD_ARIMA", "2026-02-02", 0.1),
    ]
    assert tries(runs, known) == {"1": "x since 2026-02-02", "2": "x since 2026-02-02", "3": "x.2", "4": "4"}
