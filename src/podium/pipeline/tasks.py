"""A piece of work on one pair, as it is done in whichever process, on whichever machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from platform import node, python_version
from tempfile import TemporaryDirectory
from typing import Any

from podium.data.files import atomic_write
from podium.data.store import load_series
from podium.errors import PodiumError, RegistryError, WorkerError
from podium.evaluate.judgement import Judgement
from podium.evaluate.walkforward import scored_rows
from podium.pipeline.contest import Overrides, check_going_on
from podium.pipeline.daily import days_of
from podium.pipeline.day import Day, DaysAsked
from podium.pipeline.forecast import forecast
from podium.pipeline.onward import evaluate_or_go_on
from podium.pipeline.prepare import load_table, series_path
from podium.pipeline.recipe import COMPUTING
from podium.pipeline.report import report
from podium.pipeline.telling import message_of
from podium.pipeline.train import train_once
from podium.pipeline.walk_cache import shared_walk, walk_path
from podium.records import NextDay, RunRecord, VersionRecord
from podium.registry import judgements
from podium.registry.history import taken
from podium.registry.mlflow_store import MlflowStore
from podium.settings import Settings


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of every pair.

    Attributes:
        verb: of `podium.pipeline.pairs.STAGES`.
        again: train also whom a completed run has been recorded of.
        folder: of the reports.
        cost_bps: of trading, for the reports.
        days: which, of `daily`.
        overrides: of the championships.
    """

    verb: str
    again: bool = False
    folder: Path = Path("reports")
    cost_bps: float = 1.0
    days: DaysAsked = field(default_factory=DaysAsked)
    overrides: Overrides = field(default_factory=Overrides)


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work on one pair, with all that it needs where it is done.

    Attributes:
        settings: with the pair.
        asked: of the pair.
        step: of `STEPS`.
        family: who is trained.
        others: the completed runs of those whose forecasts it mixes.
        files: of these folders, by path below `data_dir`, for a machine that has not got them; None where it has.
        versions: of what computes, on the machine that asks.
    """

    settings: Settings
    asked: Asked
    step: str
    family: str = ""
    others: Mapping[str, RunRecord] = field(default_factory=dict)
    files: Mapping[str, bytes] | None = None
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a task.

    Attributes:
        seconds: that it took.
        run: of the contestant that was trained; None of other steps.
        new: how many runs were recorded now.
        before: who held the title when the step began.
        champion: who holds it now.
        verdict: of the championship behind the champion.
        proven: whether the champion is better than the random walk beyond doubt.
        ratio: of its RMSE to that of the random walk.
        next_day: its forecast.
        unchanged: what is told where nothing changed: the day on which it took the title, `2026-11-25`, or how the day
            ended; empty of a championship.
        notes: a sentence each.
        files: made on another machine, by path; those below `models/` belong into `models_dir`.
        days: that were done.
        message: of the last of them, in plain words.
    """

    seconds: float = 0.0
    run: RunRecord | None = None
    new: int = 0
    before: VersionRecord | None = None
    champion: VersionRecord | None = None
    verdict: str | None = None
    proven: bool = False
    ratio: float | None = None
    next_day: NextDay | None = None
    unchanged: str = ""
    notes: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    days: tuple[Day, ...] = ()
    message: str = ""


def perform(task: Task) -> Done:
    """Do a task, and tell what came of it.

    Raises:
        WorkerError: what computes here is not what computes where it was asked for.
    """
    began = time.monotonic()
    must_agree(task.versions, versions())
    with _desk(task) as settings:
        done = STEPS[task.step](settings, task)
        return replace(done, seconds=time.monotonic() - began, files=_made(settings, task))


@cache
def versions() -> dict[str, str]:
    """Of this machine, Python, Podium and the libraries that compute."""
    here = {found.name.lower(): found.version for found in distributions()}
    computing = {name: here[name] for name in sorted(here) if COMPUTING.fullmatch(name) or name == "podium"}
    return {"machine": node(), "Python": python_version(), **computing}


def must_agree(asking: Mapping[str, str], here: Mapping[str, str]) -> None:
    """What computes is of the same version on two machines, for else their forecasts need not be.

    Raises:
        WorkerError: it names what differs.
    """
    names = [name for name in {**asking, **here} if name != "machine" and asking.get(name) != here.get(name)]
    if names:
        told = [f"{name} {here.get(name, 'missing')}, not {asking.get(name, 'missing')}" for name in names]
        raise WorkerError(
            f"machine {here['machine']} has {'; '.join(told)} as {asking['machine']} has; install the same on both"
        )


@contextmanager
def _desk(task: Task) -> Iterator[Settings]:
    """The folders to work in: this machine's own, or such as last as long as the task."""
    if task.files is None:
        yield task.settings
        return
    with TemporaryDirectory(prefix="podium-") as folder:
        for path, content in task.files.items():
            atomic_write(Path(folder, path), content)
        yield task.settings.model_copy(update={"data_dir": Path(folder), "models_dir": Path(folder, "models")})


def _made(settings: Settings, task: Task) -> dict[str, bytes]:
    """What the machine that asked shall have too: the walk, where it did not send it, and the pointer."""
    paths = [walk_path(settings), *settings.models_dir.glob("best_model_info*.json")]
    found = {str(path.relative_to(settings.data_dir)): path.read_bytes() for path in paths} if task.files else {}
    return {path: content for path, content in found.items() if (task.files or {}).get(path) != content}


def _walk(settings: Settings, task: Task) -> Done:
    """Make what the pair's contestants share, so that none of them waits for it; see that a title may move at all."""
    if task.asked.verb == "run":
        check_going_on(MlflowStore(settings), task.asked.overrides.get("change_source", False))
    table = load_table(settings)
    days = scored_rows(table, settings.n_lags, settings.test_fraction)
    shared_walk(settings, load_series(series_path(settings)), table.origins[days.first_scored])
    return Done()


def _train(settings: Settings, task: Task) -> Done:
    run, before = train_once((settings, task.family, task.asked.again), task.others)
    return Done(run=run, new=int(not before))


def _evaluate(settings: Settings, task: Task) -> Done:
    notes: list[str] = []
    before = MlflowStore(settings).leader()
    evaluate_or_go_on(settings, notes.append, **task.asked.overrides)
    return replace(_forecast(settings, task), before=before, unchanged="", notes=tuple(notes))


def _report(settings: Settings, task: Task) -> Done:
    untold = report(settings, task.asked.cost_bps, task.asked.folder).untold
    notes = tuple(f"{name} is not shown: {reason}" for name, reason in untold.items() if name != "next_day")
    found = _forecast(settings, task)
    return replace(found, notes=notes + found.notes)


def _forecast(settings: Settings, task: Task) -> Done:
    """How things stand with the pair, and what its champion forecasts."""
    store = MlflowStore(settings)
    with store.one_look():
        # who asks for a forecast is told why nobody makes one
        champion = store.champion() if task.step == "forecast" else store.leader()
        title = taken(store.titles(), champion.pinned_uri) if champion else None
        ahead, notes = _ahead(store, task) if champion else (None, ())
        return Done(
            before=champion,
            champion=champion,
            **_judged(judgements.carried(store, champion)),
            next_day=ahead,
            unchanged=title.at[:10] if title else "",
            notes=notes,
        )


def _judged(judgement: Judgement | None) -> dict[str, Any]:
    leader = judgement.leader if judgement else None
    return {
        "verdict": judgement.verdict if judgement else None,
        "proven": judgement.proven if judgement else False,
        "ratio": leader.skill.ratio_to_random_walk if leader else None,
    }


def do_days(settings: Settings, task: Task) -> Done:
    """The days of a pair, each with all its steps."""
    asked, before = task.asked.days, None
    with suppress(RegistryError):  # which the day fails of, and raises the alarm
        before = MlflowStore(settings).leader()
    days = days_of(settings, asked)
    last = days[-1]
    return Done(
        new=sum(day.trained for day in days),
        before=before,
        champion=MlflowStore(settings).leader(),
        **_judged(last.judgement),
        next_day=last.next_day,
        unchanged=last.result,
        notes=tuple(note for day in days for note in (*day.notes, *day.alarms)),
        days=tuple(days),
        message=message_of(settings, last.next_day, last.before, asked.amount) if last.next_day else "",
    )


def _ahead(store: MlflowStore, task: Task) -> tuple[NextDay | None, tuple[str, ...]]:
    """The forecast, or why there is none where that is not what was asked for."""
    try:
        found = forecast(store.settings, store=store)[0]
    except PodiumError as error:
        if task.asked.verb not in {"status", "report"}:
            raise
        return None, (f"no forecast: {error}",)
    return found, (found.stale.told(),) if found.stale else ()


STEPS: Mapping[str, Callable[[Settings, Task], Done]] = {
    "walk": _walk, "train": _train, "combine": _train, "evaluate": _evaluate, "daily": do_days, "forecast": _forecast,
    "report": _report,
}  # fmt: skip
