"""The day's routine, day by day on real rates that are revealed one at a time."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from podium.data.days_ahead import read_ahead
from podium.errors import InputError, MissingError, SourceError
from podium.evaluate.intervals import interval_now
from podium.ledger.database import Ledger
from podium.ledger.day_log import read
from podium.ledger.schema import entries
from podium.pipeline import daily as module
from podium.pipeline.daily import daily
from podium.pipeline.day import DONE, FAILED, LATE, NOTHING, DaysAsked
from podium.pipeline.forecast import forecast
from podium.pipeline.onward import stand
from podium.pipeline.prepare import series_path
from podium.registry.log_items import read_interval
from podium.settings import Settings
from tests.pipeline.daily.desk import N_KNOWN, results


def test_a_day_is_done_once(desk):
    """A new rate is settled, forecast, judged and written down; called again, every step is skipped and says so."""
    desk.settings = desk.settings.model_copy(update={"horizons": (5,)})
    (done,) = desk.day(N_KNOWN + 1)
    assert (done.result, done.exit_code, str(done.day)) == (DONE, 0, str(desk.rates.dates[N_KNOWN]))
    assert [step.step for step in done.steps] == ["rates", "settle", "forecast", "train", "judge", "ahead", "prune"]
    assert {step.step for step in done.steps if not step.skipped} == {"rates", "forecast", "judge", "ahead"}
    (five,) = read_ahead(desk.settings, "EURUSD_LinearRegression", 1, done.next_day.data_version)
    assert (five.horizon, five.origin) == (5, done.day)
    before = desk.state()
    (again,) = desk.day(N_KNOWN + 1)
    assert (again.result, again.exit_code) == (NOTHING, 0)
    assert all(step.skipped for step in again.steps)
    assert desk.state() == before
    with closing(Ledger.open(desk.settings.ledger)) as ledger:
        (logged,) = read(ledger, "EURUSD")
    assert (logged.looks, logged.result, logged.day) == (2, DONE, done.day)
    desk.settings = desk.settings.model_copy(update={"prune_after": 30})
    kept: list[int] = []

    def chore(settings: Settings) -> tuple[str, bool]:
        kept.append(settings.prune_after)
        return f"{2 - len(kept)} gone", len(kept) == 1

    last = [desk.day(N_KNOWN + 1, chore=chore)[0] for _ in range(2)]
    assert [(day.result, day.steps[-1].result) for day in last] == [(DONE, "1 gone"), (NOTHING, "0 gone")]
    assert kept == [30, 30]
    assert [step["step"] for step in logged.steps] == [step.step for step in done.steps]


def test_the_day_agrees_with_the_verb_and_the_recorded_state(desk):
    """The interval of the routine is that of `podium forecast`, and of the state that training left, gone on."""
    (done,) = desk.day(N_KNOWN + 3)[-1:]
    (told,) = forecast(desk.settings)
    assert done.next_day is not None
    assert done.next_day.rates == pytest.approx(told.rates, rel=1e-12)
    recorded = desk.store.read_file(desk.store.champion().run_id, "next_day.json")
    assert recorded is not None
    record = stand(desk.store, desk.rates.until(N_KNOWN + 3)).onward["LinearRegression"].record.forecasts
    said = record.forecast[-3:]
    went_on = interval_now(read_interval(recorded), said, desk.rates.until(N_KNOWN + 3))
    assert went_on.around(told.forecast) == pytest.approx(told.bounds, rel=1e-9)


def test_missed_days_are_done_one_after_the_other(desk):
    """Who comes five days late ends where who came every day does, but that the forecasts are known as look-backs."""
    done = desk.day(N_KNOWN + 5)
    assert [str(day.day) for day in done] == [str(day) for day in desk.rates.dates[N_KNOWN : N_KNOWN + 5]]
    with closing(Ledger.open(desk.settings.ledger)) as ledger, ledger.reading() as connection:
        rows = connection.execute(entries.select().with_only_columns(entries.c.origin, entries.c.known_through)).all()
    late = sorted((origin, known) for origin, known in rows if known > origin)
    newest = desk.rates.dates[N_KNOWN + 4].item()
    assert late == [(day.item(), newest) for day in desk.rates.dates[N_KNOWN : N_KNOWN + 4]]


def test_days_from_one_on_are_done_if_none_before_is_missing(desk):
    """`since` never leaves a day out: it is refused with the first that is missing, and nothing is written."""
    day = [desk.rates.dates[N_KNOWN + ahead].item() for ahead in range(3)]
    before = desk.state()
    with pytest.raises(InputError, match=f"--from {day[2]}: 2 days before it are not done, from {day[0]} on"):
        desk.day(N_KNOWN + 3, since=day[2])
    assert desk.state() == before
    assert [done.day for done in desk.day(N_KNOWN + 2, since=day[0])] == day[:2]
    assert [(done.day, done.result) for done in desk.day(N_KNOWN + 2, since=day[0])] == [(day[1], NOTHING)]
    assert [done.day for done in desk.day(N_KNOWN + 3, since=day[2])] == day[2:]


def test_a_source_that_fails_is_told_and_the_next_call_goes_on(desk):
    """The day fails with the source's exit code, nothing is lost, and later the day is done."""
    desk.source(SourceError("the source answers nonsense"))
    (failed,) = daily(desk.settings, DaysAsked(), now=desk.evening(N_KNOWN + 1))
    assert (failed.result, failed.exit_code, failed.steps[-1].result) == (FAILED, 4, "the source answers nonsense")
    with closing(Ledger.open(desk.settings.ledger)) as ledger:
        assert [(day.day, day.result) for day in read(ledger)] == [(desk.evening(N_KNOWN + 1).date(), FAILED)]
        assert results(desk.day(N_KNOWN + 1)) == [DONE]
        assert [(day.day, day.result, day.looks) for day in read(ledger)] == [(failed.day, DONE, 2)]


def test_a_rate_that_is_due_is_late_and_a_holiday_is_not(desk):
    """Late after the deadline of a business day, before it and on a weekend not; the exit code says so."""
    known, today = desk.rates.until(N_KNOWN), desk.rates.dates[N_KNOWN].item()
    desk.source(known)
    before, after = (datetime.combine(today, time(hour), UTC) for hour in (9, 22))
    assert results(daily(desk.settings, DaysAsked(), now=before)) == [DONE]
    (late,) = daily(desk.settings, DaysAsked(), now=after)
    assert (late.result, late.exit_code) == (LATE, 8)
    assert f"the rate of {today} was due by 18:00" in late.notes[-1]
    friday = next(n for n in range(N_KNOWN, N_KNOWN + 9) if desk.rates.dates[n - 1].item().weekday() == 4)
    desk.day(friday)
    saturday = desk.evening(friday) + timedelta(days=1)
    assert results(daily(desk.settings, DaysAsked(), now=saturday)) == [NOTHING]


def test_a_day_without_a_rate_is_named(desk):
    """Who asks for a weekend is told that the day before it is done; of a business day nothing is said."""
    friday = next(n for n in range(N_KNOWN + 1, N_KNOWN + 9) if desk.rates.dates[n - 1].item().weekday() == 4)
    day = desk.rates.dates[friday - 1].item()
    *_, done = desk.day(friday, until=day)
    assert (done.day, done.notes) == (day, [])
    saturday = desk.evening(friday) + timedelta(days=1)
    (again,) = daily(desk.settings, DaysAsked(until=saturday.date()), saturday)
    assert (again.day, again.result) == (day, NOTHING)
    assert again.notes == [f"{saturday.date()} has no rate (calendar target); the newest day before it is done"]


def test_what_was_forecast_stays_though_a_rate_is_revised(desk):
    """The forecast of a day is the one that was made on it; its outcome is the revised one."""
    desk.day(N_KNOWN + 1)
    said = stand(desk.store, desk.rates.until(N_KNOWN + 1)).onward["LinearRegression"].next_day.forecast
    closes = desk.rates.closes.copy()
    closes[N_KNOWN] *= 1.01  # the close that it was made from
    desk.rates = replace(desk.rates, closes=closes)
    desk.day(N_KNOWN + 2)
    record = stand(desk.store, desk.rates.until(N_KNOWN + 2)).onward["LinearRegression"].record.forecasts
    assert record.forecast[-1] == said
    assert record.actual[-1] == pytest.approx(np.log(closes[N_KNOWN + 1] / closes[N_KNOWN]), abs=1e-15)


def test_another_series_is_refused_before_anything_is_written(desk):
    """Rates of another source, or turned upside down, change neither what is stored nor an outcome, nor the title."""
    desk.day(N_KNOWN + 1)
    before, stored = desk.state(), series_path(desk.settings).read_bytes()
    rates = desk.rates
    for other in (replace(rates, source="other"), replace(rates, closes=1 / rates.closes)):
        desk.rates = other
        (refused,) = desk.day(N_KNOWN + 2)
        assert (refused.result, refused.exit_code, refused.steps[-1].step) == (FAILED, 2, "settle")
        assert "--change-source" in refused.steps[-1].result
        assert series_path(desk.settings).read_bytes() == stored
    desk.rates = rates
    assert results(desk.day(N_KNOWN + 1)) == [NOTHING]
    assert desk.state() == before


def test_an_error_of_the_system_ends_the_day_as_any_other(desk, monkeypatch):
    """A full disk is a failed step with its alarm; the day is done once there is room."""
    with monkeypatch.context() as full:
        full.setattr(module, "judge_onward", Mock(side_effect=OSError(28, "No space left on device")))
        (failed,) = desk.day(N_KNOWN + 1)
    assert (failed.result, failed.exit_code) == (FAILED, 1)
    assert desk.alarms() == Counter({"daily-failed": 1})
    assert results(desk.day(N_KNOWN + 1)) == [DONE]


def test_a_day_to_come_and_a_pair_without_a_title_are_refused(desk):
    """One clear line each, and nothing is written."""
    with pytest.raises(InputError, match="is to come"):
        daily(desk.settings, DaysAsked(until=desk.evening(N_KNOWN + 1).date()), desk.evening(N_KNOWN))
    with pytest.raises(MissingError, match="podium run"):
        daily(desk.settings.model_copy(update={"pair": "GBPUSD"}), DaysAsked())
    assert not Path(desk.settings.ledger).exists()
