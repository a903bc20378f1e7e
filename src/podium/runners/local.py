"""Where independent pieces of work run: side by side in processes of this machine, or one after another."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from operator import length_hint
from typing import Any, Generic, TypeVar

from podium.environment import ONE_THREAD, SAFE_PATH, collect_seldom, lent
from podium.errors import WorkerError

Task = TypeVar("Task")
Result = TypeVar("Result")
CHILD = {**SAFE_PATH, **ONE_THREAD}


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Crew(Generic[Task, Result]):
    """Work on tasks, some at a time. Iterating gives each task with its future as it is done, whatever came of it.

    Args:
        engine: does the work.
        work: a function at the top level of a module; it and its tasks travel to where they are done.
        tasks: the longest first, since they are begun in order; taken from the iterable only when there is room.
    """

    def __init__(self, engine: Engine, work: Callable[[Task], Result], tasks: Iterable[Task]) -> None:
        self._engine, self._work, self._tasks = engine, work, iter(tasks)
        self._first: list[Task] = []
        self._under_way: dict[Future[Result], Task] = {}

    def add(self, tasks: Sequence[Task]) -> None:
        """More tasks, before those that have not begun."""
        self._first[:0] = tasks

    def begin(self) -> None:
        """Hand over as many as there is room for."""
        while len(self._under_way) < self._engine.room and (task := self._next()) is not None:
            self._under_way[self._engine.submit(self._work, task)] = task

    def _next(self) -> Task | None:
        return self._first.pop(0) if self._first else next(self._tasks, None)

    def __iter__(self) -> Iterator[tuple[Task, Future[Result]]]:
        """Each task with its future, which is done.

        Raises:
            WorkerError: a process was ended from outside, by the system for want of memory for example.
        """
        try:
            self.begin()
            while self._under_way:
                for future in wait(self._under_way, return_when=FIRST_COMPLETED).done:
                    if isinstance(error := future.exception(), BrokenExecutor):
                        raise error
                    yield self._under_way.pop(future), future
                    self.begin()
        except BrokenExecutor:
            raise WorkerError(
                "a process was ended from outside, perhaps for want of memory; what was completed is kept; "
                "run the same again, and with --workers 1 if it happens again"
            ) from None


@contextmanager
def side_by_side(
    work: Callable[[Task], Result], tasks: Iterable[Task], workers: int = 0, engine: Engine | None = None
) -> Iterator[Crew[Task, Result]]:
    """Begin `work` on the tasks; the block gets each with its future as it comes, and may add more.

    When the block fails, tasks that have not begun are cancelled, and those under way end. Ctrl-C ends those under way
    at once, without a word from them.

    Args:
        work: see `Crew`.
        tasks: see `Crew`.
        workers: processes; 0 takes one a core, 1 does everything in this process, when the block asks for it.
        engine: where the work runs, if not in processes of this machine.
    """
    n_workers = min(workers or available_cores(), length_hint(tasks, sys.maxsize))
    others = set(active_children())
    with engine or (Processes(n_workers) if n_workers > 1 else Here()) as place:
        crew = Crew(place, work, tasks)
        try:
            if not isinstance(place, Here):
                crew.begin()
            yield crew
        except KeyboardInterrupt:
            for process in set(active_children()) - others:
                process.terminate()
            raise
        finally:
            place.shutdown(cancel_futures=True)


class Engine(Executor):
    """Where work runs.

    Attributes:
        room: tasks that it is given at a time: one more than it works on, so that it need not wait for the next.
    """

    room: int = 1


class Here(Engine):
    """This process, which does a task when it is handed over."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """The task's future, done."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - whoever asks for the result gets it
            future.set_exception(error)
        return future


class Processes(ProcessPoolExecutor, Engine):
    """Processes of this machine, spawned: a fork copies the locks of MLflow's and TensorFlow's threads as they are."""

    def __init__(self, n_workers: int) -> None:
        with lent(CHILD):
            super().__init__(n_workers, mp_context=get_context("spawn"), initializer=_begin)
        self.room = n_workers + 1

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """The task's future; where no process is idle, one more is spawned."""
        with _deaf_to_interrupts(), _without_script(), lent(CHILD):
            return super().submit(fn, *args, **kwargs)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Ctrl-C waits; processes begun inside do not hear it, or each would show a traceback while it still imports.

    They inherit the mask of this thread. A library's thread without it may still catch the signal for the process, so
    that is written down too.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    heard: list[int] = []
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    handler = signal.signal(signal.SIGINT, lambda number, where: heard.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    if heard:
        raise KeyboardInterrupt


@contextmanager
def _without_script() -> Iterator[None]:
    """Processes begun inside do not run the caller's script again, as Python's spawn would: nothing of it is needed."""
    main = vars(sys.modules["__main__"])
    named: dict[str, Any] = {
        name: main[name] for name in ("__file__", "__spec__") if name in main
    }  # a notebook: no file
    main.update(dict.fromkeys(named))
    try:
        yield
    finally:
        main.update(named)


def _begin() -> None:
    """In a new process: Ctrl-C ends it silently, since the one that began it speaks; it does not outlive that one."""
    collect_seldom()
    atexit.register(_leave)  # the first to be registered, so the last to be called
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _leave() -> None:
    """Without taking apart what TensorFlow and MLflow have built, which takes Python longer than a second."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # whoever asked for the work is gone, killed for want of memory for example
