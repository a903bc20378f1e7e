"""The day's routine, day by day on real rates that are revealed one at a time."""

from __future__ import annotations

import random
import shutil
from collections import Counter, OrderedDict
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from podium.alerts.channels import Webhook
from podium.data.days_ahead import read_ahead
from podium.data.fetch import fetch_series
from podium.data.store import save_series
from podium.errors import InputError, MissingError, SourceError, UntrainedError
from podium.evaluate.intervals import interval_now
from podium.ledger.database import Ledger
from podium.ledger.day_log import read
from podium.ledger.schema import alarms, entries
from podium.models.linear import LinearRegressionContestant
from podium.pipeline import approval
from podium.pipeline import daily as module
from podium.pipeline.approval import all_proposals, approve, reject
from podium.pipeline.contest import evaluate
from podium.pipeline.daily import BUSY, DONE, FAILED, LATE, NOTHING, PERSON, Day, daily
from podium.pipeline.due import due
from podium.pipeline.forecast import forecast
from podium.pipeline.onward import evaluate_or_go_on, stand
from podium.pipeline.prepare import preprocess, series_path
from podium.pipeline.telling import changes
from podium.pipeline.train import train
from podium.records import Series
from podium.registry import judgements
from podium.registry.history import Title
from podium.registry.log_items import read_forecasts, read_interval
from podium.registry.mlflow_store import MlflowStore
from podium.settings import AlertSettings, Settings

N_KNOWN = 560
LIGHT = {"contestants": ("LinearRegression",), "workers": 1, "refit_every": 100, "n_lags": 6, "source": "csv:-"}


@pytest.fixture(scope="session")
def rates() -> Series:
    """The last 900 days of EUR/USD in the ECB's file."""
    whole = fetch_series(Settings(pair="EURUSD")).series
    return Series(whole.pair, whole.dates[-900:], whole.closes[-900:], whole.source)


@dataclass
class Desk:
    """A pair whose championship was held on its first days, and a source that reveals the days after them."""

    settings: Settings
    rates: Series
    patch: pytest.MonkeyPatch

    @property
    def store(self) -> MlflowStore:
        """Its registry."""
        return MlflowStore(self.settings)

    def source(self, series: Series | Exception | bytes) -> None:
        """From here on the source has this, or fails, or answers these bytes, which are read as any answer is."""

        def fetch(settings: Settings) -> Any:
            if isinstance(series, Exception):
                raise series
            if isinstance(series, bytes):
                (answer := settings.data_dir.parent / "answer.csv").write_bytes(series)
                return fetch_series(settings.model_copy(update={"source": f"csv:{answer}"}))
            return Fetched(series)

        self.patch.setattr(module, "fetch_series", fetch)

    def held(self) -> Desk:
        """The championship on the first days."""
        known = self.rates.until(N_KNOWN)
        self.source(known)
        save_series(known, series_path(self.settings))
        preprocess(self.settings)
        train(self.settings)
        evaluate(self.settings)
        return self

    def evening(self, n_days: int) -> datetime:
        """Ten at night of the day at which so many are known."""
        return datetime.combine(self.rates.dates[n_days - 1].item(), time(22), UTC)

    def day(self, n_days: int, **more: Any) -> list[Day]:
        """The routine on the evening of that day, with its rate there."""
        self.source(self.rates.until(n_days))
        return daily(self.settings, now=self.evening(n_days), **more)

    def alarms(self) -> Counter[str]:
        """How often each alarm was raised."""
        with closing(Ledger.open(self.settings.ledger)) as ledger, ledger.reading() as connection:
            return Counter(connection.scalars(alarms.select().with_only_columns(alarms.c.name)))

    def state(self) -> dict[str, Any]:
        """What the history ends in, without moments and ids."""
        titles = [(t.alias, t.name, t.version, t.verdict, t.previous, str(t.data_version)) for t in self.store.titles()]
        versions = [(v.name, v.version, sorted(v.aliases), str(v.data_version)) for v in self.store.versions()]
        champion = self.store.champion()
        with closing(Ledger.open(self.settings.ledger)) as ledger, ledger.reading() as connection:
            columns = [entries.c[n] for n in ("origin", "arm", "model_name", "model_version", "forecast", "lower")]
            rows = sorted(tuple(row) for row in connection.execute(entries.select().with_only_columns(*columns)))
        judged = judgements.carried(self.store, champion).as_dict()
        for moment in ("title_since", "key"):
            del judged[moment]
        for row in judged["ranking"]:
            for run in ("run_id", "fit_seconds", "forecast_seconds"):
                del row[run]
        (told,) = forecast(self.settings)
        return {"titles": titles, "versions": versions, "ledger": rows, "judged": judged, "rates": told.rates,
                "champion": champion.pinned_uri}  # fmt: skip


@dataclass
class Fetched:
    """What a source brought."""

    series: Series
    notes: tuple[str, ...] = ()


def in_folder(folder: Path) -> Settings:
    """Settings of one cheap contestant whose every file is there."""
    return Settings(
        **LIGHT,
        tracking_uri=f"sqlite:///{folder / 'mlflow.db'}",
        artifact_location=(folder / "artifacts").as_uri(),
        data_dir=folder / "data",
        models_dir=folder / "models",
        developer="tester",
    )


def opened(folder: Path, blank: Path, rates: Series, patch: pytest.MonkeyPatch, **more: Any) -> Desk:
    """The championship of one cheap contestant on the first days, held in a new folder."""
    folder.mkdir(exist_ok=True)
    shutil.copyfile(blank, folder / "mlflow.db")
    patch.chdir(folder)
    return Desk(in_folder(folder).model_copy(update=more), rates, patch).held()


@pytest.fixture(scope="session")
def first_days(tmp_path_factory: pytest.TempPathFactory, blank_database: Path, rates: Series) -> Path:
    """It, held once; tests take copies."""
    with pytest.MonkeyPatch.context() as patch:
        return opened(tmp_path_factory.mktemp("first-days"), blank_database, rates, patch).settings.data_dir.parent


@pytest.fixture
def desk(
    first_days: Path, rates: Series, readdress: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Desk:
    """A copy of it to write into."""
    folder = tmp_path / "desk"
    shutil.copytree(first_days, folder)
    readdress(folder / "mlflow.db", str(first_days), str(folder))
    # MLflow's client remembers where the files of a run are, which is elsewhere in each copy
    monkeypatch.setattr("mlflow.tracking._tracking_service.utils._artifact_repos_cache", OrderedDict())
    monkeypatch.chdir(folder)
    return Desk(in_folder(folder), rates, monkeypatch)


def results(done: list[Day]) -> list[str]:
    """How the days ended."""
    return [day.result for day in done]


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


class Killed(BaseException):
    """As if the process had ended there."""


def test_a_year_that_is_disturbed_ends_where_an_undisturbed_one_does(blank_database, rates, monkeypatch, tmp_path):
    """250 real days: the same end, each planted fault raised its alarm once, and no healthy day or holiday raised one.

    Killed 20 times, each time while a second start found it busy; five days missed, a rate revised, late, or garbage.
    """
    undisturbed, disturbed = (
        opened(tmp_path / name, blank_database, rates, monkeypatch, calendar="target", retrain="100")
        for name in ("undisturbed", "disturbed")
    )
    closes, chance, days = rates.closes.copy(), random.Random(7), range(N_KNOWN, N_KNOWN + 251)
    closes[N_KNOWN + 12] *= 1.001  # as it is said a week later
    revised, missed = replace(rates, closes=closes), {*range(N_KNOWN + 5, N_KNOWN + 10)}
    calm = [n_days for n_days in days[1:] if n_days not in missed]
    late, garbage = (chance.sample(calm, 6) for _ in range(2))
    kills = [(N_KNOWN + 100, "train"), *((day, chance.choice(STEPS)) for day in chance.sample(calm, 19))]
    seen: list[str] = []
    for n_days in days:
        undisturbed.rates = disturbed.rates = revised if n_days >= N_KNOWN + 20 else rates
        assert results(undisturbed.day(n_days)) == [DONE]
        if n_days in missed:
            continue
        nonsense = [GARBAGE[garbage.index(n_days) % len(GARBAGE)]] if n_days in garbage else []
        for found in [*nonsense, *[rates.until(n_days - 1)] * (n_days in late)]:
            disturbed.source(found)
            seen += results(daily(disturbed.settings, now=disturbed.evening(n_days)))
        for dies_at in (step for day, step in kills if day == n_days):

            def die(_: Day, step: Any, at: str = dies_at, log: list[str] = seen) -> None:
                if step.step == at:
                    log.extend(results(daily(disturbed.settings)))
                    raise Killed

            with pytest.raises(Killed):
                disturbed.day(n_days, on_step=die)
        seen += results(disturbed.day(n_days))
        tomorrow = disturbed.evening(n_days) + timedelta(days=1)
        if tomorrow.weekday() < 5 and tomorrow.date() != rates.dates[n_days].item():  # a holiday
            seen += [f"holiday: {day}" for day in results(daily(disturbed.settings, now=tomorrow))]
    planted = {FAILED: 6, LATE: 6, BUSY: 20, f"holiday: {NOTHING}": 4}
    assert Counter(seen) == {**planted, DONE: 242, NOTHING: 9}  # killed after its last work a day is found done
    assert disturbed.state() == undisturbed.state()
    assert [version.version for version in undisturbed.store.versions()] == [1, 2, 3]
    assert disturbed.alarms() == {"daily-missing": 1, "daily-failed": 6, "rates-late": 6}
    assert undisturbed.alarms() == {}


STEPS = ("rates", "settle", "forecast", "train", "judge", "ahead", "prune")
GARBAGE = (
    b"<!doctype html><title>Bad gateway</title>",
    b"date,close\n2026-01-05,1.1\n2026-01-06,-1.1\n2026-01-07,nan\n",
    b"PK\x03\x04" + bytes(range(256)),
)


def test_a_source_that_fails_is_told_and_the_next_call_goes_on(desk):
    """The day fails with the source's exit code, nothing is lost, and later the day is done."""
    desk.source(SourceError("the source answers nonsense"))
    (failed,) = daily(desk.settings, now=desk.evening(N_KNOWN + 1))
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
    assert results(daily(desk.settings, now=before)) == [DONE]
    (late,) = daily(desk.settings, now=after)
    assert (late.result, late.exit_code) == (LATE, 8)
    assert f"the rate of {today} was due by 18:00" in late.notes[-1]
    friday = next(n for n in range(N_KNOWN, N_KNOWN + 9) if desk.rates.dates[n - 1].item().weekday() == 4)
    desk.day(friday)
    saturday = desk.evening(friday) + timedelta(days=1)
    assert results(daily(desk.settings, now=saturday)) == [NOTHING]


def test_a_day_without_a_rate_is_named(desk):
    """Who asks for a weekend is told that the day before it is done; of a business day nothing is said."""
    friday = next(n for n in range(N_KNOWN + 1, N_KNOWN + 9) if desk.rates.dates[n - 1].item().weekday() == 4)
    day = desk.rates.dates[friday - 1].item()
    *_, done = desk.day(friday, until=day)
    assert (done.day, done.notes) == (day, [])
    saturday = desk.evening(friday) + timedelta(days=1)
    (again,) = daily(desk.settings, until=saturday.date(), now=saturday)
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


def test_the_message_of_the_day_goes_to_channels_once(desk, monkeypatch):
    """Where it is wanted each day's message is told once, later where a channel was down, which stops no day."""
    taken, answers = [], ["it is away"]

    def send(self: Webhook, events: Any) -> str:
        why = answers.pop() if answers else ""
        taken.extend(event for event in events if not why)
        return why

    monkeypatch.setattr(Webhook, "send", send)
    wanted = AlertSettings(webhook="https://example.org/hook", message=True)
    desk.settings = desk.settings.model_copy(update={"alerts": wanted})
    (down,) = desk.day(N_KNOWN + 1)
    assert (down.result, taken) == (DONE, [])
    desk.day(N_KNOWN + 1)
    desk.day(N_KNOWN + 2)
    told = [event for event in taken if event.alarm.name == "message-of-the-day"]
    assert [event.alarm.key for event in told] == [str(day) for day in desk.rates.dates[N_KNOWN : N_KNOWN + 2]]
    assert told[0].line.splitlines()[0].startswith(told[0].alarm.found.splitlines()[0])
    desk.settings = desk.settings.model_copy(update={"alerts": wanted.model_copy(update={"message": False})})
    desk.day(N_KNOWN + 3)
    assert [event for event in taken if event.alarm.name == "message-of-the-day"] == told


def test_only_changes_of_champion_are_told():
    """A renewal, a proposal, a pin, and what is older are none."""
    entry = Title(
        at="2026-10-20T10:00:00.000000Z", alias="champion", name="EURUSD_LSTM", version=2, run_id="r",
        previous="models:/EURUSD_ARIMA/1", why="better", verdict="promoted", data_version=None, by="ann",
    )  # fmt: skip
    others = (
        replace(entry, previous="models:/EURUSD_LSTM/1"),
        replace(entry, alias="proposal", verdict="proposed"),
        replace(entry, previous="models:/EURUSD_LSTM/2"),
        replace(entry, at="2026-10-19T10:00:00.000000Z"),
    )
    since = datetime(2026, 10, 20, tzinfo=UTC)
    (told,) = changes((entry, *others), since)
    assert (told.old, told.new) == ("models:/EURUSD_ARIMA/1", "models:/EURUSD_LSTM/2")
    assert changes((entry,), None) == ()


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


def test_a_day_to_come_and_a_pair_without_a_title_are_refused(desk):
    """One clear line each, and nothing is written."""
    with pytest.raises(InputError, match="is to come"):
        daily(desk.settings, until=desk.evening(N_KNOWN + 1).date(), now=desk.evening(N_KNOWN))
    with pytest.raises(MissingError, match="podium run"):
        daily(desk.settings.model_copy(update={"pair": "GBPUSD"}))
    assert not Path(desk.settings.ledger).exists()
