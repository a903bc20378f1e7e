"""When the routine trains, what that makes, and who decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from podium.data.store import save_series
from podium.errors import InputError, UntrainedError
from podium.models.linear import LinearRegressionContestant
from podium.pipeline import approval
from podium.pipeline.approval import all_proposals, approve, reject
from podium.pipeline.day import DONE, PERSON
from podium.pipeline.due import due
from podium.pipeline.onward import evaluate_or_go_on
from podium.pipeline.prepare import series_path
from podium.pipeline.train import train
from podium.records import Series
from podium.registry import judgements
from podium.registry.log_items import read_forecasts
from podium.settings import Settings
from tests.pipeline.daily.desk import LIGHT, N_KNOWN, Desk


def test_training_makes_one_version_and_a_renewal(desk):
    """When it is due the contestants are trained, once; the title is renewed and nothing else changes."""
    desk.settings, first = desk.settings.model_copy(update={"retrain": "3"}), N_KNOWN + 3
    *_, before, day = desk.day(first)
    assert [step.skipped for step in before.steps if step.step == "train"] == [True]
    assert [step.skipped for step in day.steps if step.step == "train"] == [False]
    assert day.title == ("models:/EURUSD_LinearRegression/1", "models:/EURUSD_LinearRegression/2")
    (next_day,) = desk.day(first + 1)
    assert next_day.title is None
    assert [version.version for version in desk.store.versions()] == [1, 2]
    champion = desk.store.champion()
    assert judgements.carried(desk.store, champion).proof.n_days == first + 1 - N_KNOWN
    evidence = read_forecasts(desk.store.read_file(champion.run_id, "evidence.parquet"))
    said = read_forecasts(desk.store.read_file(desk.store.versions()[0].run_id, "forecasts_since.parquet"))
    # what the version before said day by day is the evidence, not what the new run finds of these days
    assert evidence.forecast.tolist() == said.forecast[: len(evidence)].tolist()


def test_evaluating_newer_rates_goes_on_as_the_day_does(desk):
    """Without a training `evaluate` judges the longer record, which the day then finds judged; twice is once."""
    n_before = judgements.carried(desk.store, desk.store.champion()).n_scored_days
    with pytest.raises(UntrainedError, match="run `podium train`"):
        evaluate_or_go_on(desk.settings.model_copy(update={"test_fraction": 0.3}))
    save_series(desk.rates.until(N_KNOWN + 2), series_path(desk.settings))
    with pytest.raises(UntrainedError):
        evaluate_or_go_on(desk.settings, without=["LinearRegression"])
    said: list[str] = []
    decided = evaluate_or_go_on(desk.settings, note=said.append)
    assert (decided.n_scored_days, decided.data_version.last_day) == (n_before + 2, desk.rates.dates[N_KNOWN + 1])
    assert ("nobody has been trained on" in said[0], len(desk.store.versions())) == (True, 1)
    assert evaluate_or_go_on(desk.settings) == decided
    (day,) = desk.day(N_KNOWN + 2)
    assert day.judgement == decided


def test_a_training_fits_only_what_its_last_one_did_not(desk, monkeypatch):
    """Days between two refits that the version before walked through are taken over, but not after a revised rate."""
    fits, fit = [], LinearRegressionContestant.fit

    def counted(self: LinearRegressionContestant, X: Any, y: Any) -> Any:
        fits.append(len(y))
        return fit(self, X, y)

    monkeypatch.setattr(LinearRegressionContestant, "fit", counted)
    later, revised = desk.rates.until(N_KNOWN + 9), desk.rates.closes[: N_KNOWN + 9].copy()
    revised[300], said = revised[300] * 1.0001, []
    for series, again, expected in (
        (later, False, [500, 562]),
        (later, True, [400, 500, 562]),
        (replace(later, closes=revised), False, [400, 500, 562]),
    ):
        save_series(series, series_path(desk.settings))
        fits.clear()
        (run,) = train(desk.settings, again=again)
        assert fits == expected
        said.append(read_forecasts(desk.store.read_file(run.run_id, "forecasts.parquet")).forecast.tolist())
    assert said[0] == said[1]


@pytest.mark.parametrize("decide", [approve, reject])
def test_a_day_without_training_proposes_and_a_person_decides(settings, rates, monkeypatch, decide):
    """Proposed once, to somebody else than the proposer, until it expires; a no is kept to, a yes gives the title."""
    change = {"contestants": ("LinearRegression", "ARIMA"), "options": {"ARIMA": {"max_p": 1, "max_q": 0}},
              "approval": "required", "developer": "ann", "retrain": "never"}  # fmt: skip
    desk = Desk(settings.model_copy(update=LIGHT | change), rates, monkeypatch).held()
    bob = desk.settings.model_copy(update={"developer": "bob"})
    best, other = (f"EURUSD_{row.family}" for row in judgements.carried(desk.store, desk.store.champion()).ranking)
    # a hand gives the title to the other, from whom the next days would take it
    desk.store.client.delete_registered_model_alias(best, "champion")
    desk.store.client.set_registered_model_alias(other, "champion", "1")
    for n_days in (1, 2):
        (day,) = desk.day(N_KNOWN + n_days)
        assert (day.result, day.exit_code, day.judgement.verdict) == (PERSON, 3, "proposed")
        assert (day.title, desk.store.champion().name) == (None, other)
    with monkeypatch.context() as later:
        later.setattr(approval, "datetime", Mock(now=lambda zone: datetime.now(zone) + timedelta(days=14)))
        with pytest.raises(InputError, match="proposal 1 of EURUSD is expired"):
            decide(bob, 1, "too late")
    with pytest.raises(InputError, match="made by ann; somebody else must decide"):
        decide(desk.settings, 1, "me")
    decide(bob, 1, "looked at it")
    (day,) = desk.day(N_KNOWN + 3)
    assert (day.result, day.exit_code) == (DONE, 0)
    assert desk.store.champion().name == (best if decide is approve else other)
    assert [(one.number, one.state) for one in all_proposals(desk.settings)] == [
        (1, "approved" if decide is approve else "rejected")
    ]
    assert (desk.alarms()["title-proposed"], len(desk.store.versions())) == (1, 2)


@pytest.mark.parametrize(
    ("rule", "trained", "expected"),
    [
        ("monthly", "2026-09-30", "the first day of October 2026"),
        ("monthly", "2026-10-01", ""),
        ("weekly", "2026-10-02", "the first day of week 41"),
        ("weekly", "2026-10-05", ""),
        ("3", "2026-10-01", "3 trading days since the last"),
        ("4", "2026-10-01", ""),
        ("never", "2026-07-01", ""),
        ("never", "2026-06-01", "127 days old, and 120 are allowed"),
        ("drift", "2026-10-01", "volatility"),
        ("monthly", "2026-10-06", ""),
    ],
)
def test_training_is_due_by_a_rule_of_days(rule, trained, expected):
    """Each rule is due on the first day that it means and not before; the age of a model is a limit for all of them."""
    dates = np.array(["2026-09-30", "2026-10-01", "2026-10-02", "2026-10-05", "2026-10-06"], dtype="datetime64[D]")
    series = Series("EURUSD", dates, np.ones(5), "test")
    settings = Settings(retrain=rule, max_model_age=120)
    assert due(settings, date.fromisoformat(trained), series, "volatility") == expected
