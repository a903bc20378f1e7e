"""Championships of many pairs in one pool: walk, contestants, judgement, each begun when what it needs is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

from podium.data.files import atomic_write
from podium.data.sources.ecb import bundled_table
from podium.errors import MissingError, PodiumError, SettingError
from podium.models.roster import enter_all, members
from podium.pipeline.day import FAILED, DaysAsked
from podium.pipeline.prepare import ingest, series_path
from podium.pipeline.tasks import Asked, Done, Task, do_days, perform, versions
from podium.pipeline.walk_cache import walk_path
from podium.records import RunRecord, VersionRecord, rate_digits
from podium.registry.mlflow_store import MlflowStore
from podium.report.index import index_page
from podium.runners.cluster import Ray
from podium.runners.local import side_by_side
from podium.settings import Settings
from podium.settings.kinds import pair_code

MAJORS = ("EURUSD", "USDJPY", "GBPUSD", "USDCHF", "AUDUSD", "USDCAD", "NZDUSD")
QUOTED_FIRST = ("EUR", "GBP", "AUD", "NZD", "USD", "CAD", "CHF")  # which of two currencies the market names first

STAGES: Mapping[str, tuple[str, ...]] = {
    "run": ("walk", "train", "combine", "evaluate"),
    "train": ("walk", "train", "combine"),
    "evaluate": ("evaluate",),
    "daily": ("daily",),
    "forecast": ("forecast",),
    "report": ("report",),
    "status": ("forecast",),
}
CROWNED = ("daily", "forecast", "report", "status")  # is asked of pairs that have a champion


@dataclass(slots=True)
class PairResult:
    """What came of one pair.

    Attributes:
        pair: six capital letters.
        seconds: of work, on whichever core.
        runs: of its contestants, by family.
        new: how many of them were recorded now.
        last: what the last step says of the champion.
        failed: why the pair was not finished; None where it was.
        exit_code: of that failure, or of the days that were done.
        notes: a sentence each.
    """

    pair: str
    seconds: float = 0.0
    runs: dict[str, RunRecord] = field(default_factory=dict)
    new: int = 0
    last: Done = field(default_factory=Done)
    failed: str | None = None
    exit_code: int = 0
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> str:
        """What is other than before, in two words; else since when, or how the day ended."""
        before, after = self.last.before, self.last.champion
        if after and before is None:
            return "first title"
        if after and before and after.pinned_uri != before.pinned_uri:
            return "new version" if after.name == before.name else "new title"
        return f"{self.new} trained" if self.new else self.last.unchanged or "nothing"

    @property
    def cells(self) -> dict[str, str]:
        """What a table says of the pair, by heading."""
        found, ahead = self.last, self.last.next_day
        range_80 = "-"
        if ahead is not None and ahead.interval is not None:
            digits, rates = rate_digits(ahead.close), ahead.rates
            range_80 = f"{rates['lower_80']:.{digits}f}-{rates['upper_80']:.{digits}f}"
        return {
            "champion": short(found.champion),
            "ratio": "-" if found.ratio is None else f"{found.ratio:.4f}",
            "verdict": found.verdict or "-",
            "next day, 80%": range_80,
            "changed": self.changed,
            "s": f"{self.seconds:.0f}",
        }


def short(version: VersionRecord | None) -> str:
    """`LSTM v3`."""
    return f"{version.family} v{version.version}" if version else "-"


def named(text: str, settings: Settings, crowned: bool = False) -> list[str]:
    """The pairs that `all`, `majors`, `crosses` or a list such as `EURUSD,GBPJPY` stands for.

    Args:
        text: as it was given.
        settings: where champions are kept.
        crowned: whether the first three stand for those of them that have a champion, `all` for every one that has.

    Raises:
        SettingError: a name is no pair.
        MissingError: none of them has a champion.
    """
    if crowned and text in {"all", "majors", "crosses"}:
        leading = MlflowStore(settings).champions()
        found = [pair for pair in leading if text == "all" or pair in named(text, settings)]
        if not found:
            raise MissingError(f"--pairs {text}: none of them has a champion yet; run `podium run --pairs {text}`")
        return found
    if text in {"all", "crosses"}:
        live = bundled_table().live()
        if text == "all":
            return [f"EUR{code}" for code in live]
        order = sorted(["EUR", *live], key=lambda code: [code != first for first in QUOTED_FIRST])
        return ["".join(two) for two in combinations(order, 2)]
    try:
        return list(MAJORS) if text == "majors" else list(dict.fromkeys(pair_code(word) for word in text.split(",")))
    except ValueError as error:
        raise SettingError(f"--pairs {text!r}: {error}; or give all, majors or crosses") from None


def for_each(
    settings: Settings, pairs: Sequence[str], asked: Asked, on_done: Callable[[PairResult], None] = lambda pair: None
) -> list[PairResult]:
    """Do for every pair what is asked, in one pool; a pair that fails stops nobody.

    Args:
        settings: of all pairs; `engine` says where the work runs.
        pairs: six capital letters each.
        asked: of each.
        on_done: called with each pair when it is finished or has failed.

    Raises:
        SettingError: a contestant, or the engine, cannot be used.
        WorkerError: a process was ended from outside, or there is no cluster.
    """
    _check(settings, asked)
    away = settings.engine == "ray" and asked.verb in {"run", "train", "evaluate"}
    results = {pair: PairResult(pair) for pair in pairs}
    under_way = dict.fromkeys(pairs, 0)

    def begin(pair: str, steps: Sequence[str]) -> list[Task]:
        """The tasks of the first of these steps that has any."""
        made = (_tasks(settings.model_copy(update={"pair": pair}), asked, step, results[pair], away) for step in steps)
        tasks = next(filter(None, made), [])
        under_way[pair] = len(tasks)
        return tasks

    def first() -> Iterator[Task]:
        for pair in pairs:
            try:
                results[pair].notes += _rates(settings.model_copy(update={"pair": pair}), asked.verb)
                yield from begin(pair, STAGES[asked.verb])
            except (PodiumError, OSError) as error:
                _fail(results[pair], error)
                on_done(results[pair])

    with side_by_side(perform, first(), settings.workers, _cluster(settings) if away else None) as crew:
        for task, future in crew:
            pair, result = task.settings.pair, results[task.settings.pair]
            under_way[pair] -= 1
            if (error := future.exception()) is not None:
                first_failure = result.failed is None
                _fail(result, error)
                if first_failure:
                    on_done(result)
                continue
            _take(result, task, future.result())
            if not under_way[pair] and result.failed is None:
                steps = STAGES[asked.verb]
                crew.add(more := begin(pair, steps[steps.index(task.step) + 1 :]))
                if not more:
                    on_done(result)
    _write_index(list(results.values()), asked)
    return list(results.values())


def _check(settings: Settings, asked: Asked) -> None:
    enter_all(settings)
    if asked.verb != "daily":  # whose days raise the alarm when nobody answers
        MlflowStore(settings).knock()


def day_by_day(settings: Settings, asked: DaysAsked) -> PairResult:
    """The days of one pair, in this process, which may train its contestants side by side.

    Raises:
        PodiumError: they could not be begun.
    """
    began, result = time.monotonic(), PairResult(settings.pair)
    task = Task(settings, Asked("daily", days=asked), "daily")
    done = do_days(settings, task)
    _take(result, task, replace(done, seconds=time.monotonic() - began))
    return result


def exit_code_of(codes: Iterable[int]) -> int:
    """Of a process: 0 where nothing is wrong, the one thing that is, or 1."""
    found = set(codes) - {0}
    return found.pop() if len(found) == 1 else int(bool(found))


def _write_index(results: Sequence[PairResult], asked: Asked) -> None:
    """One page over the reports, `index.html` beside them."""
    if asked.verb != "report":
        return
    whole = {result.pair: result.cells for result in results if result.failed is None}
    failed = {result.pair: result.failed for result in results if result.failed is not None}
    atomic_write(asked.folder / "index.html", index_page(whole, failed, datetime.now(UTC)).encode())


def _rates(settings: Settings, verb: str) -> tuple[str, ...]:
    """Rates of the pair in the data folder, fetched where they are wanted; what is to be said of them."""
    if verb == "run" or (verb == "train" and not series_path(settings).exists()):
        return ingest(settings).notes
    return ()


def _cluster(settings: Settings) -> Ray:
    if any(address.startswith("sqlite:") for address in (settings.tracking_uri, settings.registry_uri or "")):
        raise SettingError(
            "engine ray: tracking_uri is a file of this machine, which others do not see; give the address of an "
            "MLflow server or of a database"
        )
    return Ray(settings.address)


def _tasks(settings: Settings, asked: Asked, step: str, result: PairResult, away: bool) -> list[Task]:
    """The tasks of a step, the longest first."""
    paths = [path for path in (series_path(settings), walk_path(settings)) if away and path.exists()]
    files = {str(path.relative_to(settings.data_dir)): path.read_bytes() for path in paths} if away else None
    one = Task(settings, asked, step, files=files, versions=versions())
    contestants, first = enter_all(settings), members(settings)
    if step == "train":
        return [replace(one, family=name) for name in sorted(first, key=lambda name: contestants[name].quick)]
    if step == "daily":  # side by side with those of other pairs
        return [replace(one, settings=settings.model_copy(update={"workers": 1}))]
    if step == "combine":
        return [replace(one, family=name, others=result.runs) for name in contestants if name not in first]
    return [one]


def _fail(result: PairResult, error: BaseException) -> None:
    cause = getattr(error, "cause", None) or error  # a cluster's error says whose it is
    told = str(cause) if isinstance(cause, PodiumError) else f"{type(cause).__name__}: {cause}"
    result.failed, result.exit_code = " ".join(told.split()), getattr(cause, "exit_code", 1)


def _take(result: PairResult, task: Task, done: Done) -> None:
    result.seconds += done.seconds
    result.new += done.new
    result.runs |= {done.run.family: done.run} if done.run else {}
    result.notes += done.notes
    result.last = done
    if done.days:
        result.exit_code = exit_code_of(day.exit_code for day in done.days)
        last = done.days[-1]
        result.failed = f"{last.steps[-1].step}: {last.steps[-1].result}" if last.result == FAILED else None
    for path, content in done.files.items():
        here = Path(path)
        is_pointer = here.parts[0] == "models"
        atomic_write(task.settings.models_dir / here.name if is_pointer else task.settings.data_dir / here, content)
