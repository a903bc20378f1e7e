"""Every business day, by itself: rates, outcomes, forecasts, training when due, judgement; each once a day.

The day is the unit: the stored series grows by a day, and everything that follows from it is done before the next one.
So whoever starts late, twice or again after a crash ends where an undisturbed routine ends, missed days among them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from podium.alerts import Facts, Run
from podium.data.calendar import calendar_of, late, next_business_day, stale
from podium.data.continuity import changes
from podium.data.fetch import fetch_series
from podium.data.store import data_version, load_series, save_series
from podium.errors import InputError, LedgerError, MissingError, PodiumError, RegistryError, SourceError
from podium.ledger import day_log as days
from podium.ledger.database import Ledger
from podium.ledger.settling import settle
from podium.pipeline.contest import check_going_on, evaluate
from podium.pipeline.day import BUSY, DONE, EXIT_CODES, EXIT_LATE, FAILED, LATE, NOTHING, PERSON, Day, DaysAsked, Step
from podium.pipeline.due import due
from podium.pipeline.forecast import forecast_ahead
from podium.pipeline.onward import Standings, judge_onward, stand
from podium.pipeline.prepare import preprocess, series_path
from podium.pipeline.telling import changes as title_changes
from podium.pipeline.telling import day_before, drifted, free, message_of, shown, tell
from podium.pipeline.train import train
from podium.records import ALIASES, Forecasts, Series
from podium.registry.judgements import Told
from podium.registry.mlflow_store import MlflowStore
from podium.registry.proposals import PROPOSED
from podium.registry.turns import who
from podium.settings import Settings


def daily(settings: Settings, asked: DaysAsked, now: datetime | None = None) -> list[Day]:
    """Do what is to be done for the pair: for every day that was missed, and for the newest.

    Args:
        settings: pair, source, addresses, `retrain` and so on.
        asked: which days, and what of them.
        now: the moment, with a zone, by which rates are late.

    Returns:
        A value a day, at least one. What failed stands in it.

    Raises:
        InputError: a day is to come, the first comes after the last, or days before the first are missing.
        MissingError: the pair has no champion yet.
        LedgerError: the ledger cannot be opened.
    """
    now, since, until = now or datetime.now(UTC), asked.since, asked.until
    for day in filter(None, (since, until)):
        if day > now.date():
            raise InputError(f"{day} is to come; give today or a day before it")
    if since and until and since > until:
        raise InputError(f"--from {since} comes after --to {until}; turn them round")
    try:
        champion = (store := MlflowStore(settings)).champion()
        ledger = Ledger.open(settings.ledger)
    except (RegistryError, LedgerError) as error:
        _give_up(settings, now, error)
        raise
    with closing(ledger), days.alone(ledger, settings.pair) as ours:
        if ours:
            told = Told.of(champion)
            judged = told.data_version if told else champion.data_version
            last = judged.last_day if judged else np.datetime64(0, "D")
            routine = _Routine(store, ledger, asked, now)
            done = list(routine.days(last))
            routine.tell(done)
            return done
        busy = next(iter(days.read(ledger, settings.pair, 1)), None)
        who_else = f"{busy.holder}, since {busy.begun_at:%Y-%m-%d %H:%M} UTC" if busy else "another process"
    return [Day(settings.pair, result=BUSY, notes=[f"{who_else}, is at it"])]


def days_of(settings: Settings, asked: DaysAsked) -> list[Day]:
    """The days of a pair; where its rates are late or the source fails, again with longer pauses until the deadline."""
    from tenacity import Retrying, retry_if_result, stop_before_delay, wait_exponential

    left = (asked.deadline - datetime.now().astimezone()).total_seconds() if asked.deadline else 0.0
    retrying: Any = Retrying(
        retry=retry_if_result(lambda found: found[-1].exit_code in {SourceError.exit_code, EXIT_LATE}),
        wait=wait_exponential(multiplier=30, max=900),
        stop=stop_before_delay(max(0.0, left)),
        retry_error_callback=lambda state: state.outcome and state.outcome.result(),
    )
    found: list[Day] = retrying(daily, settings, asked)
    return found


def _give_up(settings: Settings, now: datetime, error: RegistryError | LedgerError) -> None:
    """Tell of a day that could not even be begun."""
    opened, refused = None, error if isinstance(error, LedgerError) else None
    with ExitStack() as stack:
        try:
            opened = None if refused else stack.enter_context(closing(Ledger.open(settings.ledger)))
        except LedgerError as second:
            refused = second
        registry, ledger = str(error) if error is not refused else None, str(refused) if refused else None
        facts = Facts(pair=settings.pair, day=now.date(), failure=str(error), registry=registry, ledger=ledger)
        tell(settings, opened, facts, Run(result=FAILED, succeeded=False), now)


@dataclass(slots=True)
class _Routine:
    """A pair's days, for whoever is alone with them."""

    store: MlflowStore
    ledger: Ledger
    asked: DaysAsked
    now: datetime
    newest: date = date.min  # day of a rate that is known by now, whichever day is being done
    late: str = ""
    record: Forecasts | None = None  # of the champion

    @property
    def settings(self) -> Settings:
        return self.store.settings

    @property
    def meant(self) -> datetime:
        """The moment by which rates are late: now, or the end of the day that is asked for."""
        until = self.asked.until
        return self.now if until is None else min(self.now, datetime.combine(until, datetime.max.time(), UTC))

    def days(self, judged: np.datetime64) -> Iterator[Day]:
        """Every day after the one that was judged last; that one again where there is none."""
        opening, found, since = Day(self.settings.pair), list[Series](), self.asked.since
        if not self._tried(opening, "rates", lambda: self._rates(opening, found)):
            self._begin(opening, self.meant.date())
            yield self._ended(opening)
            return
        whole, stored = found[0], _stored(self.settings)
        self.newest = whole.dates[-1].item()
        # Where somebody stored later rates by hand, days between cannot be done any more as if they were not known.
        begun = stored.dates[-1] if stored and stored.dates[-1] > judged else judged + np.timedelta64(1, "D")
        first = int(np.searchsorted(whole.dates, begun))
        if since is not None and (n_before := np.count_nonzero(whole.dates[first:] < np.datetime64(since))):
            raise InputError(
                f"--from {since}: {n_before} days before it are not done, from {whole.dates[first]} on, and the record "
                "would end elsewhere without them; leave --from out, and they are done first"
            )
        for n_days in range(min(first, len(whole) - 1) + 1, len(whole) + 1):
            day = Day(self.settings.pair, steps=opening.steps, notes=opening.notes)
            opening = Day(self.settings.pair)
            yield self._day(day, whole.until(n_days))
            if day.result == FAILED:
                return

    def _day(self, day: Day, series: Series) -> Day:
        self._begin(day, series.dates[-1].item())
        standings = list[Standings]()
        steps: dict[str, Callable[[], tuple[str, bool]]] = {
            "settle": lambda: self._settle(series),
            "forecast": lambda: self._forecast(day, series, standings),
            "train": lambda: self._train(day, series, standings[-1]),
            "judge": lambda: self._judge(day, series, standings),
            "ahead": lambda: self._ahead(series),
            "prune": self._prune,
        }
        with self.store.one_look():
            for name, act in steps.items():
                if not self._tried(day, name, act):
                    break
        return self._ended(day)

    def _begin(self, day: Day, date_: date) -> None:
        day.day = date_
        days.begin(self.ledger, day.pair, date_, who(self.settings.developer)["holder"])

    def _tried(self, day: Day, name: str, act: Callable[[], tuple[str, bool]]) -> bool:
        """Do a step, which says what it did and whether that was anything; False where it failed."""
        began = time.perf_counter()
        try:
            result, worked = act()
        except (PodiumError, OSError) as error:
            result, worked = str(error), True
            day.result, day.exit_code = FAILED, getattr(error, "exit_code", 1)
        day.steps.append(step := Step(name, result, round(time.perf_counter() - began, 3), not worked))
        self.asked.on_step(day, step)
        return day.result != FAILED

    def _ended(self, day: Day) -> Day:
        worked = any(not step.skipped for step in day.steps)
        if day.result != FAILED:
            day.result = DONE if worked else NOTHING
            missing = late(self.settings, self.settings.source, self.newest, self.meant)
            if missing and day.day == self.newest:
                self.late = f"the rate of {missing.expected} was due by {missing.since:%H:%M %Z} and is not there"
                day.notes.append(self.late)
                day.result = LATE
            if day.judgement is not None and (day.judgement.refused or day.judgement.verdict == PROPOSED):
                day.result = PERSON
            day.exit_code = EXIT_CODES.get(day.result, 0)
        if day.day is not None:
            judged = {"verdict": day.judgement.verdict} if day.judgement else {}
            steps = [asdict(step) | (judged if step.step == "judge" else {}) for step in day.steps]
            days.end(self.ledger, day.pair, day.day, day.result, steps if worked else None)
        return day

    def tell(self, done: Sequence[Day]) -> None:
        """Once for all days that were done now: who comes late is not told of each of them."""
        last = done[-1]
        judged, failed = last.judgement, last.result == FAILED
        why = last.steps[-1].result if failed else ""
        before = next((day.ended_at for day in days.read(self.ledger, last.pair, len(done) + 1)[len(done) :]), None)
        facts = Facts(
            pair=last.pair,
            day=last.day or self.now.date(),
            late=None if failed else self.late,
            verdict=judged.verdict if judged else None,
            reason=judged.reason if judged else "",
            titles=() if failed else title_changes(self.store.titles(), before),
            failure=why,
            missing=None if failed else tuple(day.day for day in done[:-1] if day.day),
            free=free(self.settings),
            registry=why if last.exit_code == RegistryError.exit_code else "",
            ledger=why if last.exit_code == LedgerError.exit_code else "",
            message=self._message(last),
            **shown(self.record),
        )
        seconds = {step.step: step.seconds for day in done for step in day.steps}
        ended = Run(result=last.result, succeeded=not failed, seconds=seconds, newest=last.day)
        last.alarms += tell(self.settings, self.ledger, facts, ended, self.now)

    def _message(self, day: Day) -> str:
        wanted = self.settings.alerts
        if day.next_day is None or not wanted.message or not (wanted.channels or wanted.webhook):
            return ""
        return message_of(self.settings, day.next_day, day.before)

    def _rates(self, day: Day, into: list[Series]) -> tuple[str, bool]:
        fetched, stored = fetch_series(self.settings), _stored(self.settings)
        series, until = fetched.series, self.asked.until
        if until is not None:
            series = series.until(int(np.searchsorted(series.dates, np.datetime64(until), side="right")))
            calendar = calendar_of(self.settings, fetched.series.source)
            if next_business_day(np.datetime64(until), 0, calendar) != np.datetime64(until):
                day.notes.append(f"{until} has no rate (calendar {calendar}); the newest day before it is done")
        if not len(series):
            raise MissingError(f"{fetched.series.source} has no rate of {day.pair} on or before {until}")
        if stored is not None and series.dates[-1] < stored.dates[-1]:
            series = stored  # a day that has been done: nothing goes backwards
        told = changes(stored, series) if stored is not None else ()
        day.notes += [*fetched.notes, *told]
        into.append(series)
        n_new = len(series) if stored is None else int(np.count_nonzero(series.dates > stored.dates[-1]))
        return f"{series.source} up to {series.dates[-1]}, {n_new} new", bool(n_new or told)

    def _settle(self, series: Series) -> tuple[str, bool]:
        stored, version = _stored(self.settings), data_version(series)
        if stored is None or data_version(stored) != version:
            # before anything is written: outcomes by another series would be wrong ones
            check_going_on(self.store, self.asked.change_source, series)
            save_series(series, series_path(self.settings))
            preprocess(self.settings)
        found = settle(self.ledger, series, version)
        return f"outcomes: {found.new} new, {found.revised} revised", bool(found.new or found.revised)

    def _forecast(self, day: Day, series: Series, standings: list[Standings]) -> tuple[str, bool]:
        standings.append(stand(self.store, series, day.notes.append, self.asked.change_source))
        added = self._write_down(standings[-1])
        return f"{added} new in the ledger", bool(added)

    def _write_down(self, standings: Standings) -> int:
        """The forecast of everybody who holds an alias now, in the ledger."""
        rows = []
        for version in self.store.holders():
            found = standings.onward.get(version.family)
            if found is None or standings.versions[version.family].pinned_uri != version.pinned_uri:
                continue
            trained = version.data_version.day if version.data_version else None
            rows += [(alias, found.next_day, version.run_id, trained) for alias in ALIASES if alias in version.aliases]
        return days.write_down(self.ledger, rows, self.newest)

    def _train(self, day: Day, series: Series, standings: Standings) -> tuple[str, bool]:
        trained = max(v.data_version.day for v in standings.versions.values() if v.data_version)
        why = due(self.settings, trained, series, drifted(self.ledger, self.settings.pair))
        if not why:
            return f"not due, trained on {trained}", False
        day.trained = len(train(self.settings))
        return f"{day.trained} trained: {why}", True

    def _judge(self, day: Day, series: Series, standings: list[Standings]) -> tuple[str, bool]:
        before, carried = standings[-1].champion, standings[-1].carried
        if day.steps[-1].skipped:
            day.judgement = judge_onward(self.store, standings[-1], day.notes.append)
        else:
            day.judgement = evaluate(
                self.settings,
                day.notes.append,
                accept_leak=carried.leak_accepted,
                change_source=self.asked.change_source,
            )
        self.store.connection.forget()  # the championship has written
        if not day.steps[-1].skipped:
            standings.append(stand(self.store, series, day.notes.append))
        self._write_down(standings[-1])
        after = self.store.champion()
        if (own := standings[-1].onward.get(after.family)) is not None:
            self.record = own.record.forecasts
            day.next_day = replace(
                own.next_day,
                verdict=day.judgement.verdict,
                reason=day.judgement.reason,
                stale=stale(self.settings, own.next_day.data_version),
            )
            day.before = day_before(day.next_day, self.record, series)
        if before.pinned_uri != after.pinned_uri:
            day.title = before.pinned_uri, after.pinned_uri
        return f"{day.judgement.verdict}; {after.name} (v{after.version}) leads", day.judgement != carried

    def _ahead(self, series: Series) -> tuple[str, bool]:
        wanted = self.settings.horizons
        if not wanted or series.dates[-1].item() != self.newest:
            return "not set" if not wanted else "on the newest day", False
        made = len(forecast_ahead(self.settings))
        return f"{made} of {len(wanted)} further days forecast anew", bool(made)

    def _prune(self) -> tuple[str, bool]:
        if self.asked.chore is None or not self.settings.prune_after:
            return "not set", False
        return self.asked.chore(self.settings)


def _stored(settings: Settings) -> Series | None:
    """The stored series; None where there is none, or a damaged one, which is made anew."""
    try:
        return load_series(series_path(settings))
    except PodiumError:
        return None
